"""Failed attempts before a reading ended: kept for a chain's last scan, and bounded."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import text

from hdscan.model.reading import Attempt
from hdscan.store.transaction import ChainKey, Transaction

KEPT = 12  # attempts per reading, the latest
MOST = 100_000  # readings of a chain whose attempts are kept

Key = tuple[int, int]  # address id, asset id

_ATTEMPTS = text("SELECT address_id, asset_id, failed FROM attempt WHERE address_id >= :low AND address_id < :high")
_COUNT = text("SELECT count(*) FROM attempt WHERE address_id >= :low AND address_id < :high")
_FORGET = text("DELETE FROM attempt WHERE address_id >= :low AND address_id < :high")
_PUT = text("""
    INSERT INTO attempt (address_id, asset_id, scan_id, failed) VALUES (:address, :asset, :scan, :failed)
    ON CONFLICT (address_id, asset_id) DO UPDATE SET scan_id = excluded.scan_id, failed = excluded.failed
""")


def keep(transaction: Transaction, scan_id: int, chain: ChainKey, failed: Mapping[Key, Sequence[Attempt]]) -> None:
    """Append the failed attempts of these readings to those already kept."""
    if not failed:
        return
    free = MOST - int(transaction.execute(_COUNT, chain.bounds).scalar_one())
    bounds = {"low": min(failed)[0], "high": max(failed)[0] + 1}
    before = {(row[0], row[1]): row[2] for row in transaction.execute(_ATTEMPTS, bounds) if (row[0], row[1]) in failed}
    kept = [*before, *[key for key in failed if key not in before][: max(0, free)]]
    rows = []
    for key in kept:
        every = [*_decoded(before.get(key, "[]")), *failed[key]][-KEPT:]
        rows.append((*key, scan_id, msgspec.json.encode(every).decode()))
    transaction.executemany(_PUT, rows)


def forget(transaction: Transaction, chain: ChainKey) -> None:
    """Forget those of the chain's earlier scans."""
    transaction.execute(_FORGET, chain.bounds)


def of_address(transaction: Transaction, address: int) -> dict[int, list[Attempt]]:
    """Failed attempts of an address (by its id), by asset id, oldest first."""
    rows = transaction.execute(_ATTEMPTS, {"low": address, "high": address + 1})
    return {asset: _decoded(failed) for _, asset, failed in rows}


def _decoded(stored: str) -> list[Attempt]:
    return msgspec.json.decode(stored, type=list[Attempt])
