"""One address with all that is known of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, text

from hdscan.model.audit import AuditOutcome
from hdscan.model.chain import Asset
from hdscan.model.explain import AuditRecord, Known, Tried
from hdscan.model.reading import Attempt
from hdscan.model.times import rfc3339
from hdscan.store import attempts, doubts, registry, reports

_FIND = text("SELECT id FROM address WHERE chain = :chain AND text = :text")
_AUDITS = text("""
    SELECT u.asset_id, u.scan_id, u.outcome, u.answers, u.error, u.outcome = 'disputed' OR u.observed_at = b.observed_at
    FROM audit u LEFT JOIN balance b ON b.address_id = u.address_id AND b.asset_id = u.asset_id AND b.scan_id = u.scan_id
    WHERE u.address_id = :address
""")
_DISPUTED = text("SELECT asset_id FROM dispute WHERE address_id = :address")
_GAPS = text("""
    SELECT a.id, a.text, g.asset_id, g.code, g.error, g.attempts, g.providers FROM gap g JOIN address a ON a.id = g.address_id
    WHERE g.address_id = :address AND g.asset_id IN :assets
""").bindparams(bindparam("assets", expanding=True))


def of_address(connection: Connection, current: Mapping[int, Asset], chain: str, address: str) -> list[Known] | None:
    """What is known of an address, an item for every current asset of its chain; None where it is not among the chain's."""
    number = registry.chain_numbers(connection).get(chain)
    found = connection.execute(_FIND, {"chain": number, "text": address}).scalar()
    if found is None:
        return None
    known: list[Known] = []
    for part in reports.chosen(connection, current, chain, None):
        rows = reports.rows_of(connection, part, found)
        gaps = {row[2]: reports.gap(part, row) for row in connection.execute(_GAPS, _of(found, part.assets))}
        disputed = set(connection.execute(_DISPUTED, {"address": found}).scalars())
        audits = {row[0]: _audit(row, disputed) for row in connection.execute(_AUDITS, {"address": found})}
        failed = attempts.of_address(connection, found)
        for key, row in rows.items():
            known.append(Known(row, gaps.get(key), audits.get(key), tuple(map(_tried, failed.get(key, ())))))
    return known


def _of(address: int, assets: Iterable[int]) -> dict[str, Any]:
    return {"address": address, "assets": list(assets)}


def _tried(attempt: Attempt) -> Tried:
    return Tried(attempt.provider, attempt.code.value, attempt.message, rfc3339(attempt.at))


def _audit(row: Sequence[Any], disputed: set[int]) -> AuditRecord:
    asset_id, scan_id, outcome, answers, error, current = row
    stands = asset_id in disputed if outcome == AuditOutcome.DISPUTED else bool(current)
    return AuditRecord(scan_id, AuditOutcome(outcome), doubts.answers(answers), error, stands)
