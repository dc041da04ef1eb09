"""Addresses: numbered per chain in order of arrival, without holes."""

from collections.abc import Callable, Iterable
from itertools import islice

import msgspec
from sqlalchemy import Connection, text

from hdscan.model.address import Address
from hdscan.store.database import executemany
from hdscan.store.registry import chain_number, chain_numbers
from hdscan.store.span import span

BATCH = 5000  # addresses between two calls of a progress callback

# the next id is looked up per row, so that an address that is known already takes none
_ADD = text("""
    INSERT INTO address (id, chain, text, path)
    SELECT coalesce(max(id) + 1, :base), :chain, :text, :path FROM address WHERE id >= :low AND id < :high
    ON CONFLICT (chain, text) DO UPDATE SET path = excluded.path WHERE address.path IS NULL AND excluded.path IS NOT NULL
""")
_END = text("SELECT max(id) FROM address WHERE id >= :low AND id < :high")
_RANGE = text("SELECT id, text, path FROM address WHERE id >= :low AND id < :high ORDER BY id")


class Added(msgspec.Struct, frozen=True):
    """What became of the addresses given: new ones, and those that were there already (or twice among them)."""

    added: int
    known: int


def add(
    connection: Connection, chain: str, items: Iterable[tuple[str, str | None]], progress: Callable[[int], None] | None
) -> Added:
    """Add (address, derivation path or None) pairs."""
    number = chain_number(connection, chain)
    low, high = span(number)
    before, seen, rest = count(connection, chain), 0, iter(items)
    while batch := list(islice(rest, BATCH)):
        executemany(connection, _ADD, [(low, number, address, path, low, high) for address, path in batch])
        seen += len(batch)
        if progress:
            progress(seen)
    added = count(connection, chain) - before
    return Added(added, seen - added)


def count(connection: Connection, chain: str) -> int:
    """How many addresses a chain has; 0 for a chain that was never registered."""
    number = chain_numbers(connection).get(chain)
    if number is None:
        return 0
    low, high = span(number)
    last: int | None = connection.execute(_END, {"low": low, "high": high}).scalar()
    return 0 if last is None else last - low + 1


def between(connection: Connection, chain: str, first: int, stop: int) -> list[Address]:
    """The addresses with `first` <= index < `stop`, in order."""
    low, _ = span(chain_number(connection, chain))
    rows = connection.execute(_RANGE, {"low": low + first, "high": low + stop})
    return [Address(chain, key - low, address, path) for key, address, path in rows]
