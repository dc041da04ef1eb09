"""What addresses hold of tokens that are not listed: one operator's word, by contract or mint, in no total.

A row is all that one reply says of an address: it replaces what earlier scans know of it, but the one before stays beside it,
since a scan's answer may be retracted.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain as joined
from typing import Any

import msgspec
from sqlalchemy import text

from hdscan.model.reading import Balance
from hdscan.model.scan import UnlistedCount, UnlistedRow
from hdscan.model.times import rfc3339
from hdscan.store.ended import Read
from hdscan.store.rows import Part, statement
from hdscan.store.transaction import Key, Transaction

PAGE = 500  # addresses held at once

_PUT = text("""
    INSERT INTO unlisted (address_id, scan_id, amounts, left_out, height, observed_at, source_id)
    VALUES (:address, :scan, :amounts, :left_out, :height, :observed_at, :source)
    ON CONFLICT (address_id, scan_id) DO UPDATE SET amounts = excluded.amounts, left_out = excluded.left_out,
        height = excluded.height, observed_at = excluded.observed_at, source_id = excluded.source_id
    WHERE excluded.observed_at >= unlisted.observed_at
""")
_FORGET = text("""
    DELETE FROM unlisted WHERE address_id = :address AND scan_id < (
        SELECT max(u.scan_id) FROM unlisted u WHERE u.address_id = unlisted.address_id AND u.scan_id < :scan
    )
""")
RETRACT = text("""
    DELETE FROM unlisted WHERE address_id >= :low AND address_id < :high AND scan_id = :scan AND source_id = :source
        AND (:height IS NULL OR height IS NULL OR height >= :height)
""")
_ROWS = """
    SELECT a.id, a.text, a.path, u.amounts, u.left_out, u.height, u.observed_at, u.source_id, u.scan_id
    FROM unlisted u CROSS JOIN address a
    WHERE a.id = u.address_id AND u.address_id >= :low AND u.address_id < :high
        AND u.scan_id = (SELECT max(n.scan_id) FROM unlisted n WHERE n.address_id = u.address_id)"""


def keep(transaction: Transaction, scan_id: int, reads: Mapping[Key, Read]) -> None:
    """Store what the latest of these balances says of each address; of one that no reply tells of, nothing changes."""
    latest: dict[int, Balance] = {}
    for (address, _), read in reads.items():
        if (balance := read.balance).unlisted is not None:
            before = latest.get(address)
            if before is None or before.observed_at <= balance.observed_at:
                latest[address] = balance
    if latest:
        transaction.executemany(_PUT, [(address, scan_id, *_row(transaction, each)) for address, each in latest.items()])
        transaction.executemany(_FORGET, [(address, scan_id) for address in latest])


def _row(transaction: Transaction, balance: Balance) -> tuple[Any, ...]:
    assert balance.unlisted is not None
    amounts = msgspec.json.encode({contract: str(units) for contract, units in balance.unlisted.amounts}).decode()
    source = transaction.source_id(balance.source)
    return amounts, balance.unlisted.left_out, balance.height, balance.observed_at, source


def rows(transaction: Transaction, part: Part) -> Iterator[UnlistedRow]:
    """What the addresses of a chain hold of tokens that are not listed now, in order of index and contract; streamed."""
    for row, amounts in _held(transaction, part):
        for contract, amount in amounts.items():
            yield UnlistedRow(
                chain=part.chain.id,
                index=row.id - part.chain.low,
                path=row.path,
                address=row.text,
                contract=contract,
                amount=amount,
                height=row.height,
                observed_at=rfc3339(row.observed_at),
                source=part.sources[row.source_id],
                scan_id=row.scan_id,
                left_out=row.left_out,
            )


def count(transaction: Transaction, parts: Iterable[Part]) -> UnlistedCount:
    """How many tokens that is, on how many addresses, and how many more were left out."""
    contracts: set[tuple[str, str]] = set()
    addresses = left_out = 0
    for part in parts:
        for row, amounts in _held(transaction, part):
            contracts.update((part.chain.id, contract) for contract in amounts)
            addresses += bool(amounts)
            left_out += row.left_out
    return UnlistedCount(len(contracts), addresses, left_out)


def _held(transaction: Transaction, part: Part) -> Iterator[tuple[Any, dict[str, str]]]:
    """The latest row of each address, with the amounts of what is not listed meanwhile."""
    listed = {asset.contract for asset in part.assets.values()}
    query = statement(_ROWS + part.within("u.address_id") + " ORDER BY u.address_id").execution_options(yield_per=PAGE)
    for row in joined.from_iterable(transaction.execute(query, part.bounds).partitions()):
        amounts = msgspec.json.decode(row.amounts, type=dict[str, str])
        yield row, {contract: amount for contract, amount in amounts.items() if contract not in listed}
