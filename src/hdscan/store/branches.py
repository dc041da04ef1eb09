"""Branches: how far each is known to be used, and of which of its addresses that is not known."""

from collections.abc import Collection, Iterator
from typing import Any

import msgspec
from sqlalchemy import text

from hdscan.model.errors import ChainCode
from hdscan.model.scan import Gap
from hdscan.model.wallet import Role
from hdscan.store import addresses
from hdscan.store.spans import Span, merged, runs, without
from hdscan.store.transaction import ChainKey, Transaction

_COLUMNS = "b.id, w.name, b.role, b.style, b.account, b.path, b.source, b.gap, b.length, b.dormant, b.open_end"
_OF_CHAIN = text(f"""
    SELECT {_COLUMNS}, b.wallet_id FROM branch b JOIN wallet w ON w.id = b.wallet_id WHERE b.chain = :chain ORDER BY b.id
""")  # noqa: S608 own constant
_MEMBERS = text("SELECT first, stop, position FROM member WHERE branch_id = :branch ORDER BY position DESC")
_LAST = text("""
    SELECT a.id, a.text FROM member m JOIN address a ON a.id = m.stop - 1 WHERE m.branch_id = :branch
    ORDER BY m.position DESC LIMIT 1
""")
_LAST_USED = text("""
    SELECT address_id FROM balance WHERE address_id >= :low AND address_id < :high AND used = 1 ORDER BY address_id DESC LIMIT 1
""")
# beside a reading that failed, of a token too, zeros say nothing, and during a scan only what that scan read does
_UNUSED = text("""
    SELECT b.address_id FROM balance b
    WHERE b.address_id >= :low AND b.address_id < :high AND b.asset_id = :native AND b.used = 0
        AND (:scan IS NULL OR b.scan_id = :scan)
        AND NOT EXISTS (SELECT 1 FROM gap g WHERE g.address_id = b.address_id)
    ORDER BY b.address_id
""")
# of addresses before the last used one: nothing of theirs tells whether they are used
_EARLY = text("""
    SELECT a.id, a.text FROM balance b CROSS JOIN address a
    WHERE a.id = b.address_id AND b.address_id >= :low AND b.address_id < :high AND b.asset_id = :native AND b.used IS NULL
        AND b.scan_id = :scan AND NOT EXISTS (SELECT 1 FROM balance o WHERE o.address_id = b.address_id AND o.used = 1)
    ORDER BY b.address_id LIMIT :limit
""")


class Position(msgspec.Struct, frozen=True, gc=False):
    """An address of a branch: its position there, and its index on its chain."""

    position: int
    index: int
    address: str


class Block(msgspec.Struct, frozen=True):
    """The next addresses of a branch, from the position `start` on."""

    branch_id: int
    start: int
    addresses: tuple[str, ...]


class BranchState(msgspec.Struct, frozen=True, kw_only=True):
    """A branch as a scan finds it.

    `used_to` is the last position known to be used, None where none is; `unknown` are the positions after it (or all) whose use
    is not known: of those the scan has not read, or could not.
    """

    id: int
    wallet: str
    role: Role
    style: str
    account: int
    path: str | None
    source: str | None
    gap: int
    length: int
    dormant: bool
    used_to: int | None
    unknown: tuple[Position, ...]
    advice: str = ""  # what can be done where its end is not known

    def __repr__(self) -> str:
        return f"<{self.role} branch {self.id} of {self.style}, {self.length} long>"

    @property
    def ended(self) -> bool:
        """Whether `gap` addresses after the last used one are known to be unused."""
        begin = 0 if self.used_to is None else self.used_to + 1
        return self.length >= begin + self.gap and all(each.position >= begin + self.gap for each in self.unknown)

    @property
    def open_end(self) -> str:
        """That its end is not known, in a sentence."""
        what = "receiving" if self.role is Role.RECEIVE else "change"
        first = self.unknown[0].position if self.unknown else self.length
        read = f"read to {first - 1}" if first else "nothing is read"
        unread = f"{len(self.unknown)} unread" if self.unknown else "no more addresses were read"
        end = f"{read}, the end of use is not known: {unread}"
        return f"{what} branch of {self.wallet!r} ({self.style}): {end}" + (f"; {self.advice}" if self.advice else "")


class OpenEnd(msgspec.Struct, frozen=True):
    """A branch, by its id, whose end is not known, and the id of its coin."""

    id: int
    asset_id: int
    gap: Gap


def states(
    transaction: Transaction, chain: ChainKey, wallets: Collection[int] | None, scan_id: int | None, *, only_open: bool = False
) -> Iterator[BranchState]:
    """The branches of some wallets, or of all, on a chain, as a scan has found them so far, or with None as the last ones did.

    With `only_open` those whose end the last scan that asked could not find.
    """
    native = native_of(transaction, chain)
    for row in transaction.execute(_OF_CHAIN, {"chain": chain.number}).all():
        if (wallets is None or row.wallet_id in wallets) and not (only_open and row.open_end is None):
            yield _state(transaction, chain, row, native, scan_id)


def open_ends(transaction: Transaction, chain: ChainKey, wallets: Collection[int] | None) -> list[OpenEnd]:
    """The branches of some wallets, or of all, whose end the last scan that asked could not find."""
    native = native_of(transaction, chain)
    return [
        OpenEnd(state.id, native, _gap(transaction, chain, native, state))
        for state in states(transaction, chain, wallets, None, only_open=True)
    ]


def _gap(transaction: Transaction, chain: ChainKey, native: int, state: BranchState) -> Gap:
    """The first address whose use is not known, or else the last of the branch."""
    at = state.unknown[0] if state.unknown else None
    last = transaction.execute(_LAST, {"branch": state.id}).first() if at is None else None
    index, address = (at.index, at.address) if at else (last.id - chain.low, last.text) if last else (0, "")
    return Gap(
        chain.id,
        index,
        address,
        transaction.assets[native].symbol,
        ChainCode.END_UNKNOWN.value,
        state.open_end,
        0,
        {},
        wallet=state.wallet,
        branch=f"{state.style}/{state.account}/{state.role}",
    )


def early(
    transaction: Transaction, chain: ChainKey, wallets: Collection[int], scan_id: int, limit: int
) -> Iterator[tuple[int, str]]:
    """At most `limit` empty addresses of each branch whose use nobody was asked for, with their indexes."""
    native = native_of(transaction, chain)
    for row in transaction.execute(_OF_CHAIN, {"chain": chain.number}).all():
        left = limit if row.wallet_id in wallets else 0
        for first, stop, _ in transaction.execute(_MEMBERS, {"branch": row.id}).all():
            values = {"low": first, "high": stop, "native": native, "scan": scan_id, "limit": left}
            found = transaction.execute(_EARLY, values).all() if left else []
            left -= len(found)
            yield from ((key - chain.low, address) for key, address in found)


def native_of(transaction: Transaction, chain: ChainKey) -> int:
    """The id of a chain's coin; 0, which no asset has, where none was ever registered."""
    return max((key for key, each in transaction.assets.items() if each.chain == chain.id and each.is_native), default=0)


def _state(transaction: Transaction, chain: ChainKey, row: Any, native: int, scan_id: int | None) -> BranchState:
    used_to: int | None = None
    tail: list[tuple[Span, int]] = []  # the addresses after it, and the position of each range's first
    for first, stop, position in transaction.execute(_MEMBERS, {"branch": row.id}).all():
        last = transaction.execute(_LAST_USED, {"low": first, "high": stop}).scalar()
        begin = first if last is None else last + 1
        tail.append(((begin, stop), position + begin - first))
        if last is not None:
            used_to = position + last - first
            break
    unknown: list[Position] = []
    for (first, stop), position in reversed(tail):
        values = {"low": first, "high": stop, "native": native, "scan": scan_id}
        unused = merged(runs(transaction.execute(_UNUSED, values).scalars()))
        for low, high in without([(first, stop)], unused):
            for each in addresses.between(transaction, chain, low - chain.low, high - chain.low):
                unknown.append(Position(position + each.index + chain.low - first, each.index, each.text))
    return BranchState(
        id=row.id,
        wallet=row.name,
        role=Role(row.role),
        style=row.style,
        account=row.account,
        path=row.path,
        source=row.source,
        gap=row.gap,
        length=row.length,
        dormant=bool(row.dormant),
        used_to=used_to,
        advice=row.open_end or "",
        unknown=tuple(unknown),
    )
