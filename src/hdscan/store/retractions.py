"""Retractions: a source's answers in a scan become gaps, and so do changes that it bore out; what was known comes back."""

import msgspec
from sqlalchemy import text

from hdscan.model.audit import AuditOutcome
from hdscan.model.errors import ReadCode
from hdscan.store import answers, unlisted
from hdscan.store.cases import END_AUDIT
from hdscan.store.scan_rows import COPIED, DROP_BALANCE, END_DISPUTE, ScanRows
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
    SELECT address_id, asset_id, answers, outcome FROM audit
    WHERE {_WHERE} AND scan_id = :scan AND answers LIKE :said ESCAPE '!'
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
        source_id = e.source_id, scan_id = e.scan_id, witness_id = e.witness_id, confirmed_in = e.confirmed_in,
        used = CASE WHEN balance.used = 1 AND balance.used_by <> :source THEN 1 ELSE e.used END,
        used_by = CASE WHEN balance.used = 1 AND balance.used_by <> :source THEN balance.used_by ELSE e.used_by END
    FROM earlier AS e WHERE e.address_id = balance.address_id AND e.asset_id = balance.asset_id AND {_RETRACTED}
""")  # noqa: S608 own constant
_OWN = text(f"SELECT address_id, asset_id FROM balance WHERE {_WHERE} AND source_id = :source")  # noqa: S608 own constant
_DROP = text(f"DELETE FROM balance WHERE {_RETRACTED}")  # noqa: S608 own constant
_RESTORE_ONE = text(f"""
    INSERT INTO balance ({COPIED}) SELECT {COPIED} FROM earlier WHERE address_id = :address AND asset_id = :asset
""")  # noqa: S608 own constant
_CHANGED = text("""
    SELECT b.address_id, b.asset_id, b.witness_id FROM balance b
    LEFT JOIN earlier e ON e.address_id = b.address_id AND e.asset_id = b.asset_id
    WHERE b.address_id >= :low AND b.address_id < :high AND b.scan_id = :scan AND b.amount <> coalesce(e.amount, '0')
""")
_UNSAY = text(f"""
    UPDATE balance SET witness_id = :without, confirmed_in = NULL
    WHERE {_WHERE} AND scan_id = :scan AND witness_id = :witness AND (:height IS NULL OR height IS NULL OR height >= :height)
""")  # noqa: S608 own constant
# what is held tells of itself; of what is orphaned, nothing says that it was never used
_FORGET_USE = tuple(
    text(f"""
        UPDATE {table} SET used = CASE WHEN amount <> '0' OR unconfirmed <> '0' THEN 1 END,
            used_by = NULL
        WHERE {_WHERE} AND coalesce(used_by, source_id) = :source AND (:height IS NULL OR used = 0)
    """)  # noqa: S608 own constant
    for table in ("balance", "earlier")
)
_RECOUNT = text(f"""
    UPDATE scan_audit SET
        audited = (SELECT count(*) FROM balance WHERE {_WHERE} AND scan_id = :scan AND confirmed_in = :scan)
            + (SELECT count(*) FROM dispute WHERE {_WHERE} AND scan_id = :scan),
        unaudited = (SELECT count(*) FROM audit WHERE {_WHERE} AND scan_id = :scan AND outcome = 'unaudited'),
        disputed = (SELECT count(*) FROM dispute WHERE {_WHERE} AND scan_id = :scan)
    WHERE scan_id = :scan AND chain = :chain
""")  # noqa: S608 own constant


def retract(rows: ScanRows, source: str, height: int | None, code: ReadCode, error: str) -> int:
    """Retract a source's answers in a scan, or those from a height on; how many they were. The caller mends the totals."""

    def answered(stored: str, since: int | None) -> bool:
        given = [each.height for each in answers.decoded(stored) if each.source == source]
        return any(since is None or at is None or at >= since for at in given)

    transaction, low, own = rows.transaction, rows.chain.low, rows.transaction.source_ids.get(source)
    scan = rows.keys | rows.chain.bounds
    which = scan | {"source": own, "height": height}
    providers = msgspec.json.encode({source: error}).decode()
    like = {"said": f"%{escaped(msgspec.json.encode(source).decode())}%"}
    cases = {(row[0], row[1]): row for row in transaction.execute(_VOTES, scan | like) if answered(row.answers, None)}
    votes = {key: row.answers for key, row in cases.items()}
    moving = {key for key, row in cases.items() if row.outcome == AuditOutcome.MOVED}
    shared = {key: said - {own} for key, said in transaction.witnesses.items() if own in said and len(said) > 1}
    # what it bore out falls with it, unless its own, and so does the latest of answers that all differed, its own among them;
    # an unchanged amount or a zero needs no second word
    alone = {key for key, said in transaction.witnesses.items() if len(said) == 1}
    changes = {(row[0], row[1]): row.witness_id for row in transaction.execute(_CHANGED, scan)}
    news = {key for key, by in changes.items() if by in shared or (key in moving and by in alone)}
    changed = {key for key in news if key not in votes or answered(votes[key], height)}
    changed -= rows.found(_OWN, changed, source=own).keys()
    disputes = [(address, asset) for address, asset, said in transaction.execute(DISPUTES, scan) if answered(said, height)]
    count = transaction.execute(_GAPS, which | {"code": code.value, "error": error, "providers": providers}).rowcount
    again = [*disputes, *changed]
    transaction.executemany(_GAP, [(*key, rows.id, code.value, error, providers) for key in again])
    for first, stop in rows.ranges(0, rows.chain.high - low, done=False):
        transaction.execute(_UNCOUNT, {"low": low + first, "high": low + stop, "scan": rows.id})
    transaction.execute(_END_AUDITS, which)
    transaction.executemany(END_AUDIT, votes)  # they prove nothing any more
    transaction.execute(_RESTORE, which)
    transaction.execute(_DROP, which)
    transaction.execute(unlisted.RETRACT, which)
    transaction.executemany(DROP_BALANCE, changed)
    for statement in (_RESTORE_ONE, END_DISPUTE, END_AUDIT):
        transaction.executemany(statement, again)
    for witness, without in shared.items():
        transaction.execute(_UNSAY, which | {"witness": witness, "without": transaction.witness_id(without)})
    for statement in _FORGET_USE:
        transaction.execute(statement, which)
    transaction.execute(_RECOUNT, scan)
    return count + len(again)
