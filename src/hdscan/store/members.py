"""Membership: which addresses belong to which wallet, as ranges of address ids."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import bindparam, text

from hdscan.model.errors import InputError
from hdscan.store import addresses
from hdscan.store.spans import Span, merged, runs
from hdscan.store.transaction import ChainKey, Transaction

BATCH = 5000  # addresses at once

_WALLETS = text("SELECT name, id FROM wallet ORDER BY name")
_ADD_WALLET = text("INSERT INTO wallet (name, kind, added_at) VALUES (:name, :kind, :now) RETURNING id")
_ALL = text("SELECT first, stop FROM member WHERE first >= :low AND first < :high")
_OF = text("SELECT first, stop FROM member WHERE wallet_id IN :wallets AND first >= :low AND first < :high").bindparams(
    bindparam("wallets", expanding=True)
)
_EVERY = text("SELECT first, stop FROM member WHERE wallet_id = :wallet")
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


def wallet_id(transaction: Transaction, name: str) -> int:
    """The id of a wallet; InputError where there is none of the name."""
    known = wallet_ids(transaction)
    try:
        return known[name]
    except KeyError:
        others = f"the wallets are {', '.join(known)}" if known else "there are no wallets yet; add one with: hdscan add SOURCE"
        raise InputError(f"there is no wallet {name!r}; {others}") from None


def add_wallet(transaction: Transaction, name: str, kind: str, now: float) -> int:
    """Make an empty wallet; its id, which no other wallet ever gets."""
    key: int = transaction.execute(_ADD_WALLET, {"name": name, "kind": kind, "now": now}).scalar_one()
    return key


def spans(transaction: Transaction, chain: ChainKey, wallets: Collection[int] | None = None) -> list[Span]:
    """The ids of the addresses of some wallets, or of all, on a chain."""
    if wallets is None:
        return merged((first, stop) for first, stop in transaction.execute(_ALL, chain.bounds))
    return merged((first, stop) for first, stop in transaction.execute(_OF, chain.bounds | {"wallets": list(wallets)}))


def every_span(transaction: Transaction, wallet: int) -> list[Span]:
    """The ids of a wallet's addresses on all chains."""
    return merged((first, stop) for first, stop in transaction.execute(_EVERY, {"wallet": wallet}))


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


def put_labels(transaction: Transaction, chain: ChainKey, labels: Mapping[str, str]) -> int:
    """Label those of these addresses that the chain has; how many."""
    placed = 0
    names = list(labels)
    for at in range(0, len(names), BATCH):
        found = addresses.ids(transaction, chain, names[at : at + BATCH])
        transaction.executemany(_PUT_LABEL, [(key, labels[address]) for address, key in found.items()])
        placed += len(found)
    return placed
