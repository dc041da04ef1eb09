"""Failed attempts before a reading ended: kept of the last scan that asked, and bounded."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import text

from hdscan.model.reading import Attempt
from hdscan.store.scan_rows import ScanRows
from hdscan.store.transaction import Key, Transaction

KEPT = 12  # attempts per reading, the latest
MOST = 100_000  # readings of a chain whose attempts are kept

_ATTEMPTS = text("SELECT address_id, asset_id, failed FROM attempt WHERE address_id >= :low AND address_id < :high")
_COUNT = text("SELECT count(*) FROM attempt WHERE address_id >= :low AND address_id < :high")
_FORGET = text("DELETE FROM attempt WHERE address_id >= :low AND address_id < :high")
_PUT = text("""
    INSERT INTO attempt (address_id, asset_id, scan_id, failed) VALUES (:address, :asset, :scan, :failed)
    ON CONFLICT (address_id, asset_id) DO UPDATE SET scan_id = excluded.scan_id, failed = excluded.failed
""")


def keep(rows: ScanRows, failed: Mapping[Key, Sequence[Attempt]]) -> None:
    """Append the failed attempts of these readings of a scan to those already kept."""
    if not failed:
        return
    free = MOST - int(rows.transaction.execute(_COUNT, rows.chain.bounds).scalar_one())
    before = rows.found(_ATTEMPTS, failed)
    kept = [*before, *[key for key in failed if key not in before][: max(0, free)]]
    every = [[*_decoded(before.get(key, "[]")), *failed[key]][-KEPT:] for key in kept]
    stored = [(*key, rows.id, msgspec.json.encode(each).decode()) for key, each in zip(kept, every, strict=True)]
    rows.transaction.executemany(_PUT, stored)


def forget(transaction: Transaction, low: int, high: int) -> None:
    """Forget those of earlier scans, of addresses with `low` <= id < `high`."""
    transaction.execute(_FORGET, {"low": low, "high": high})


def of_address(transaction: Transaction, address: int) -> dict[int, list[Attempt]]:
    """Failed attempts of an address (by its id), by asset id, oldest first."""
    rows = transaction.execute(_ATTEMPTS, {"low": address, "high": address + 1})
    return {asset: _decoded(failed) for _, asset, failed in rows}


def _decoded(stored: str) -> list[Attempt]:
    return msgspec.json.decode(stored, type=list[Attempt])
