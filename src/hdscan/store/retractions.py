"""Retractions: a source's answers in a scan become gaps, and what was known before comes back."""

import msgspec
from sqlalchemy import text

from hdscan.model.errors import ReadCode
from hdscan.store import answers
from hdscan.store.scan_rows import END_DISPUTE, ScanRows
from hdscan.store.transaction import escaped

_WHERE = "address_id >= :low AND address_id < :high"
_RETRACTED = """balance.address_id >= :low AND balance.address_id < :high AND balance.scan_id = :scan
    AND balance.source_id = :source AND (:height IS NULL OR balance.height IS NULL OR balance.height >= :height)"""
_INTO_GAP = "INSERT INTO gap (address_id, asset_id, scan_id, code, error, attempts, providers)"
_ON_GAP = """ON CONFLICT (address_id, asset_id) DO UPDATE SET scan_id = excluded.scan_id, code = excluded.code,
        error = excluded.error, attempts = gap.attempts + 1, providers = excluded.providers"""

DISPUTES = text(f"SELECT address_id, asset_id, answers FROM dispute WHERE {_WHERE} AND scan_id = :scan")  # noqa: S608 own constant
# a prefilter: LIKE ignores the case of ASCII letters
_VOTES = text(f"""
    SELECT address_id, asset_id, answers FROM audit WHERE {_WHERE} AND scan_id = :scan AND answers LIKE :said ESCAPE '!'
""")  # noqa: S608 own constant
_GAPS = text(f"""
    {_INTO_GAP} SELECT address_id, asset_id, :scan, :code, :error, 1, :providers FROM balance WHERE {_RETRACTED} {_ON_GAP}
""")  # noqa: S608 own constant
_GAP = text(f"{_INTO_GAP} VALUES (:address, :asset, :scan, :code, :error, 1, :providers) {_ON_GAP}")
_UNCOUNT = text(f"UPDATE gap SET scan_id = NULL WHERE {_WHERE} AND scan_id = :scan")  # noqa: S608 own constant
_END_AUDITS = text(f"""
    DELETE FROM audit WHERE {_WHERE} AND EXISTS (
        SELECT 1 FROM balance WHERE balance.address_id = audit.address_id AND balance.asset_id = audit.asset_id AND {_RETRACTED}
    )
""")  # noqa: S608 own constant
_RESTORE = text(f"""
    UPDATE balance SET amount = e.amount, unconfirmed = e.unconfirmed, height = e.height, observed_at = e.observed_at,
        source_id = e.source_id, scan_id = e.scan_id
    FROM earlier AS e WHERE e.address_id = balance.address_id AND e.asset_id = balance.asset_id AND {_RETRACTED}
""")  # noqa: S608 own constant
_DROP = text(f"DELETE FROM balance WHERE {_RETRACTED}")  # noqa: S608 own constant
_RESTORE_ONE = text("""
    INSERT INTO balance (address_id, asset_id, amount, unconfirmed, height, observed_at, source_id, scan_id)
    SELECT address_id, asset_id, amount, unconfirmed, height, observed_at, source_id, scan_id FROM earlier
    WHERE address_id = :address AND asset_id = :asset
""")
_END_AUDIT = text("DELETE FROM audit WHERE address_id = :address AND asset_id = :asset")
_RECOUNT = text(f"""
    UPDATE scan_audit SET
        audited = (SELECT count(*) FROM audit WHERE {_WHERE} AND scan_id = :scan AND outcome <> 'unaudited'),
        unaudited = (SELECT count(*) FROM audit WHERE {_WHERE} AND scan_id = :scan AND outcome = 'unaudited'),
        disputed = (SELECT count(*) FROM dispute WHERE {_WHERE} AND scan_id = :scan)
    WHERE scan_id = :scan AND chain = :chain
""")  # noqa: S608 own constant


def retract(rows: ScanRows, source: str, height: int | None, code: ReadCode, error: str) -> int:
    """Retract a source's answers in a scan, or those from a height on; how many they were. The caller mends the totals."""

    def answered(stored: str, since: int | None) -> bool:
        given = [each.height for each in answers.decoded(stored) if each.source == source]
        return any(since is None or at is None or at >= since for at in given)

    transaction, low = rows.transaction, rows.chain.low
    scan = rows.keys | rows.chain.bounds
    which = scan | {"source": transaction.source_ids.get(source), "height": height}
    providers = msgspec.json.encode({source: error}).decode()
    count = transaction.execute(_GAPS, which | {"code": code.value, "error": error, "providers": providers}).rowcount
    disputes = [(address, asset) for address, asset, said in transaction.execute(DISPUTES, scan) if answered(said, height)]
    transaction.executemany(_GAP, [(*key, rows.id, code.value, error, providers) for key in disputes])
    for first, stop in rows.ranges(0, rows.chain.high - low, done=False):
        transaction.execute(_UNCOUNT, {"low": low + first, "high": low + stop, "scan": rows.id})
    transaction.execute(_END_AUDITS, which)
    # audits that it took part in prove nothing
    like = {"said": f"%{escaped(msgspec.json.encode(source).decode())}%"}
    votes = [(address, asset) for address, asset, said in transaction.execute(_VOTES, scan | like) if answered(said, None)]
    transaction.executemany(_END_AUDIT, votes)
    transaction.execute(_RESTORE, which)
    transaction.execute(_DROP, which)
    for statement in (_RESTORE_ONE, END_DISPUTE, _END_AUDIT):
        transaction.executemany(statement, disputes)
    transaction.execute(_RECOUNT, scan)
    return count + len(disputes)
