"""Addresses: numbered per chain in order of arrival, without holes."""

from collections.abc import Callable, Iterable
from itertools import islice

import msgspec
from sqlalchemy import text

from hdscan.model.chain import Address
from hdscan.store.database import Tables
from hdscan.store.transaction import ChainKey, Transaction

BATCH = 5000  # addresses between two calls of a progress callback

# the next id is looked up per row, so that a known address takes none
_ADD = text("""
    INSERT INTO address (id, chain, text, path)
    SELECT coalesce(max(id) + 1, :base), :chain, :text, :path FROM address WHERE id >= :low AND id < :high
    ON CONFLICT (chain, text) DO UPDATE SET path = excluded.path WHERE address.path IS NULL AND excluded.path IS NOT NULL
""")
_END = text("SELECT max(id) FROM address WHERE id >= :low AND id < :high")
_TEXTS = text("SELECT id, text FROM address WHERE id >= :low AND id < :high")
_RANGE = text("SELECT id, text, path FROM address WHERE id >= :low AND id < :high ORDER BY id")


class Added(msgspec.Struct, frozen=True):
    """How many of the given addresses were new, and how many already there (or repeated)."""

    added: int
    known: int


class Addresses(Tables):
    """The address table."""

    def add(self, chain: str, items: Iterable[tuple[str, str | None]], progress: Callable[[int], None] | None = None) -> Added:
        """Add (address, derivation path or None), numbered from where the chain's addresses end, in order of arrival.

        An address that is already there keeps its number and gains a path where it had none.
        `progress` gets the number of items seen so far; whatever it or `items` raises leaves nothing added.
        """
        with self._write() as transaction:
            key = transaction.chain(chain)
            before, seen, rest = count(transaction, key), 0, iter(items)
            while batch := list(islice(rest, BATCH)):
                rows = [(key.low, key.number, address, path, key.low, key.high) for address, path in batch]
                transaction.executemany(_ADD, rows)
                seen += len(batch)
                if progress:
                    progress(seen)
            added = count(transaction, key) - before
        return Added(added, seen - added)

    def count(self, chain: str) -> int:
        """How many addresses a chain has; 0 where it was never registered."""
        with self._read() as transaction:
            key = transaction.chains.get(chain)
            return 0 if key is None else count(transaction, key)

    def between(self, chain: str, first: int, stop: int) -> list[Address]:
        with self._read() as transaction:
            return between(transaction, transaction.chain(chain), first, stop)


def count(transaction: Transaction, chain: ChainKey) -> int:
    """How many addresses a chain has."""
    last: int | None = transaction.execute(_END, chain.bounds).scalar()
    return 0 if last is None else last - chain.low + 1


def between(transaction: Transaction, chain: ChainKey, first: int, stop: int) -> list[Address]:
    """The addresses with `first` <= index < `stop`, in order."""
    low = chain.low
    rows = transaction.execute(_RANGE, {"low": low + first, "high": low + stop}).all()
    return [Address(chain.id, key - low, address, path) for key, address, path in rows]


def texts(transaction: Transaction, chain: ChainKey, first: int, stop: int) -> dict[int, str]:
    """The texts of the addresses with `first` <= index < `stop`, by index."""
    low = chain.low
    rows = transaction.execute(_TEXTS, {"low": low + first, "high": low + stop}).all()
    return {key - low: address for key, address in rows}
