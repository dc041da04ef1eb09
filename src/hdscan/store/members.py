"""Membership: which addresses belong to which wallet, as ranges of address ids."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import bindparam, text

from hdscan.model.errors import InputError
from hdscan.model.meant import did_you_mean
from hdscan.store import addresses
from hdscan.store.spans import Span, merged, runs
from hdscan.store.transaction import ChainKey, Transaction

BATCH = 5000  # addresses at once

_WALLETS = text("SELECT name, id FROM wallet ORDER BY name")
_ADD_WALLET = text("INSERT INTO wallet (name, kind, added_at) VALUES (:name, :kind, :now) RETURNING id")
_ALL = text("SELECT chain, first, stop FROM member ORDER BY first")
_OF = text("SELECT chain, first, stop FROM member WHERE wallet_id IN :wallets ORDER BY first").bindparams(
    bindparam("wallets", expanding=True)
)
_OWNERS = text("""
    SELECT w.name, m.first, m.stop FROM member m JOIN wallet w ON w.id = m.wallet_id
    WHERE m.first >= :base AND m.first < :high AND m.stop > :low
""")
_LISTED = text("""
    SELECT first, stop FROM member WHERE wallet_id = :wallet AND branch_id IS NULL AND first >= :low AND first < :high
""")
_UNLIST = text("""
    DELETE FROM member WHERE wallet_id = :wallet AND branch_id IS NULL AND first >= :low AND first < :high
""")
_ADD = text("""
    INSERT INTO member (wallet_id, branch_id, chain, first, stop, position)
    VALUES (:wallet, :branch, :chain, :first, :stop, :position)
""")
_BRANCH = text("UPDATE branch SET length = :length WHERE id = :branch RETURNING wallet_id, chain")
_LAST = text("SELECT id, stop FROM member WHERE branch_id = :branch ORDER BY position DESC LIMIT 1")
_STRETCH = text("UPDATE member SET stop = :stop WHERE id = :id")
_PUT_LABEL = text("""
    INSERT INTO label (address_id, text) VALUES (:address, :text)
    ON CONFLICT (address_id) DO UPDATE SET text = excluded.text
""")


def wallet_ids(transaction: Transaction) -> dict[str, int]:
    """Every wallet's id by name, in order of names."""
    return {row.name: row.id for row in transaction.execute(_WALLETS)}


def only(transaction: Transaction, name: str | None) -> list[int] | None:
    """The wallets that a report covers: the one of a name, or with None all; InputError where there is none of the name."""
    return None if name is None else [wallet_id(transaction, name)]


def wallet_id(transaction: Transaction, name: str) -> int:
    """The id of a wallet; InputError where there is none of the name."""
    known = wallet_ids(transaction)
    try:
        return known[name]
    except KeyError:
        meant = did_you_mean(name, known) if known else "; add one with: hdscan add SOURCE"
        raise InputError(f"there is no wallet {name!r}{meant}") from None


class Owners:
    """The names of the wallets that have an address, by its id."""

    def __init__(self, transaction: Transaction, chain: ChainKey, low: int, high: int) -> None:
        """Of the addresses with `low` <= id < `high` on a chain."""
        ends: dict[int, list[tuple[str, int]]] = {chain.low: []}  # where a range begins (1) or has ended (-1)
        for name, first, stop in transaction.execute(_OWNERS, {"base": chain.low, "low": low, "high": high}):
            ends.setdefault(first, []).append((name, 1))
            ends.setdefault(stop, []).append((name, -1))
        self._firsts = sorted(ends)
        self._names: list[tuple[str, ...]] = []
        counts: Counter[str] = Counter()
        for first in self._firsts:
            for name, more in ends[first]:
                counts[name] += more
            self._names.append(tuple(sorted(name for name, count in counts.items() if count)))

    def of(self, address: int) -> tuple[str, ...]:
        """The names, in order."""
        return self._names[bisect_right(self._firsts, address) - 1]


def add_wallet(transaction: Transaction, name: str, kind: str, now: float) -> int:
    """Make an empty wallet; its id, which no other wallet ever gets."""
    key: int = transaction.execute(_ADD_WALLET, {"name": name, "kind": kind, "now": now}).scalar_one()
    return key


def spans(transaction: Transaction, wallets: Collection[int] | None = None) -> dict[int, list[Span]]:
    """The ids of the addresses of some wallets, or of all, by the numbers of their chains."""
    found: dict[int, list[Span]] = defaultdict(list)
    rows = transaction.execute(_ALL) if wallets is None else transaction.execute(_OF, {"wallets": list(wallets)})
    for chain, first, stop in rows:
        found[chain].append((first, stop))
    return {chain: merged(each) for chain, each in found.items()}


def spans_on(transaction: Transaction, chain: ChainKey, wallets: Collection[int] | None = None) -> list[Span]:
    """The ids of the addresses of some wallets, or of all, on a chain."""
    return spans(transaction, wallets).get(chain.number, [])


def put_list(transaction: Transaction, wallet: int, chain: ChainKey, items: Iterable[Span]) -> None:
    """Add addresses without a branch to a wallet; of those that it has so already, nothing changes."""
    where = chain.bounds | {"wallet": wallet}
    before = [(first, stop) for first, stop in transaction.execute(_LISTED, where)]
    after = merged([*before, *items])
    if after != sorted(before):
        transaction.execute(_UNLIST, where)
        transaction.executemany(_ADD, [(wallet, None, chain.number, first, stop, 0) for first, stop in after])


def put_branch(transaction: Transaction, branch: int, start: int, ids: Sequence[int]) -> None:
    """Add addresses to the end of a branch, from position `start` on, and set its length."""
    wallet, chain = transaction.execute(_BRANCH, {"branch": branch, "length": start + len(ids)}).one()
    position, last = start, transaction.execute(_LAST, {"branch": branch}).first()
    rows: list[tuple[int, int, int, int, int, int]] = []
    for first, stop in runs(ids):
        if not rows and last is not None and last.stop == first:
            transaction.execute(_STRETCH, {"id": last.id, "stop": stop})
        else:
            rows.append((wallet, branch, chain, first, stop, position))
        position += stop - first
    transaction.executemany(_ADD, rows)


def insert_in_order(
    transaction: Transaction, chain: ChainKey, items: Sequence[tuple[str, str | None]]
) -> tuple[list[int], int]:
    """Add (address, path); the ids of all of them in order, and how many are new."""
    found: list[int] = []
    added = 0
    for at in range(0, len(items), BATCH):
        batch = items[at : at + BATCH]
        first, stop = addresses.insert(transaction, chain, batch)
        added += stop - first
        if stop - first == len(batch):
            found += range(first, stop)
        else:
            by_text = addresses.ids(transaction, chain, [address for address, _ in batch])
            found += [by_text[address] for address, _ in batch]
    return found, added


def insert_any(transaction: Transaction, chain: ChainKey, batch: Sequence[str]) -> tuple[list[Span], int]:
    """Add at most BATCH addresses; the ids of all of them as spans, and how many are new."""
    first, stop = addresses.insert(transaction, chain, [(address, None) for address in batch])
    known: list[int] = []
    if stop - first < len(batch):
        known = sorted(key for key in addresses.ids(transaction, chain, batch).values() if key < first)
    return merged([*runs(known), (first, stop)]), stop - first


def owned(transaction: Transaction, chain: ChainKey, names: Sequence[str]) -> dict[str, int]:
    """The ids of those of a few thousand addresses that a wallet has."""
    found = addresses.ids(transaction, chain, names)
    kept = spans_on(transaction, chain) if found else []
    stops = [stop for _, stop in kept]
    return {name: key for name, key in found.items() if (at := bisect_right(stops, key)) < len(kept) and kept[at][0] <= key}


def put_labels(transaction: Transaction, chain: ChainKey, labels: Mapping[str, str], *, known: bool = False) -> set[str]:
    """Label those of these addresses that a wallet has, or where `known` that the chain has; which ones."""
    placed: set[str] = set()
    names = list(labels)
    ids = addresses.ids if known else owned
    for at in range(0, len(names), BATCH):
        found = ids(transaction, chain, names[at : at + BATCH])
        transaction.executemany(_PUT_LABEL, [(key, labels[address]) for address, key in found.items()])
        placed |= set(found)
    return placed
