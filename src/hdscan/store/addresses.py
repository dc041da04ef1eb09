"""Addresses: numbered per chain in order of arrival, without holes."""

from collections.abc import Collection, Sequence

from sqlalchemy import bindparam, text

from hdscan.model.chain import Address
from hdscan.store.spans import Span
from hdscan.store.transaction import ChainKey, Transaction

# the next id is looked up per row, so that a known address takes none
_ADD = text("""
    INSERT INTO address (id, chain, text, path)
    SELECT coalesce(max(id) + 1, :base), :chain, :text, :path FROM address WHERE id >= :low AND id < :high
    ON CONFLICT (chain, text) DO UPDATE SET path = excluded.path WHERE address.path IS NULL AND excluded.path IS NOT NULL
""")
_END = text("SELECT max(id) FROM address WHERE id >= :low AND id < :high")
_IDS = text("SELECT text, id FROM address WHERE chain = :chain AND text IN :texts").bindparams(
    bindparam("texts", expanding=True)
)
_TEXTS = text("SELECT id, text FROM address WHERE id >= :low AND id < :high")
_RANGE = text("SELECT id, text, path FROM address WHERE id >= :low AND id < :high ORDER BY id")


def insert(transaction: Transaction, chain: ChainKey, items: Sequence[tuple[str, str | None]]) -> Span:
    """Add (address, derivation path or None), numbered from where the chain's addresses end; the ids of the new ones.

    An address that is already there keeps its number and gains a path where it had none.
    """
    before = end(transaction, chain)
    rows = [(chain.low, chain.number, address, path, chain.low, chain.high) for address, path in items]
    transaction.executemany(_ADD, rows)
    return before, end(transaction, chain)


def end(transaction: Transaction, chain: ChainKey) -> int:
    """The id that a chain's next address gets."""
    last: int | None = transaction.execute(_END, chain.bounds).scalar()
    return chain.low if last is None else last + 1


def ids(transaction: Transaction, chain: ChainKey, addresses: Collection[str]) -> dict[str, int]:
    """The ids of those of a few thousand addresses that a chain has."""
    rows = transaction.execute(_IDS, {"chain": chain.number, "texts": list(addresses)})
    return {row.text: row.id for row in rows}


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
