"""Cases: the evidence of audits, and how a scan's totals count them."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import text

from hdscan.model.audit import Audited, AuditOutcome
from hdscan.store import answers
from hdscan.store.ended import Counted
from hdscan.store.scan_rows import OWN_DISPUTES, ScanRows
from hdscan.store.transaction import Key

_CONFIRMED = text("""
    SELECT address_id, asset_id FROM balance
    WHERE address_id >= :low AND address_id < :high AND scan_id = :scan AND confirmed_in = scan_id
""")
_UNAUDITED = text("""
    SELECT address_id, asset_id FROM audit
    WHERE address_id >= :low AND address_id < :high AND scan_id = :scan AND outcome = 'unaudited'
""")
_PUT_AUDIT = text("""
    INSERT INTO audit (address_id, asset_id, scan_id, outcome, observed_at, error, answers)
    VALUES (:address, :asset, :scan, :outcome, :observed_at, :error, :answers)
    ON CONFLICT (address_id, asset_id) DO UPDATE SET scan_id = excluded.scan_id, outcome = excluded.outcome,
        observed_at = excluded.observed_at, error = excluded.error, answers = excluded.answers
""")
END_AUDIT = text("DELETE FROM audit WHERE address_id = :address AND asset_id = :asset")
_COUNT_AUDITS = text("""
    UPDATE scan_audit SET audited = audited + :audited, disputed = disputed + :disputed, unaudited = unaudited + :unaudited,
        audit_requests = audit_requests + :requests
    WHERE scan_id = :scan AND chain = :chain
""")


def counted(rows: ScanRows, keys: Collection[Key]) -> Counted:
    """How the scan's totals count these readings now."""
    return Counted(*(set(rows.found(each, keys)) for each in (_CONFIRMED, OWN_DISPUTES, _UNAUDITED)))


def keep(rows: ScanRows, cases: Mapping[Key, Audited], before: Counted, after: Counted, requests: int = 0) -> None:
    """Keep the evidence of cases, and count what has become of their readings.

    Of an agreement on a zero that was expected, nothing is kept but who agreed.
    """
    plain = {key for key, case in cases.items() if case.outcome is AuditOutcome.CONFIRMED and not _tells(case)}
    rows.transaction.executemany(END_AUDIT, plain)
    rows.transaction.executemany(_PUT_AUDIT, [_evidence(rows, key, cases[key]) for key in cases.keys() - plain])
    unaudited = {key for key, case in cases.items() if case.outcome is AuditOutcome.UNAUDITED}
    counts = {
        "audited": len(after.answered | after.disputed) - len(before.answered | before.disputed),
        "disputed": len(after.disputed) - len(before.disputed),
        "unaudited": len((before.unaudited - cases.keys()) | unaudited) - len(before.unaudited),
        "requests": requests,
    }
    rows.transaction.execute(_COUNT_AUDITS, rows.keys | counts)


def _evidence(rows: ScanRows, key: Key, case: Audited) -> tuple[Any, ...]:
    at = None if case.amount is None else case.amount.observed_at
    return (*key, rows.id, case.outcome.value, at, case.error, answers.encoded(case.answers))


def _tells(case: Audited) -> bool:
    """Whether it is more than an agreement on a zero that was expected."""
    return case.known is not None or any(answer.amount or answer.unconfirmed for answer in case.answers)
