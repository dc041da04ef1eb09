"""Audits: which readings are due for one, what they found, and disputes."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import text

from hdscan.model.audit import Audited, AuditOutcome, AuditPlan
from hdscan.model.chain import Address
from hdscan.model.errors import ReadCode
from hdscan.model.reading import Balance
from hdscan.model.scan import ChainScan
from hdscan.store import answers, attempts, retractions
from hdscan.store.database import Tables
from hdscan.store.scan_rows import ScanRows
from hdscan.store.transaction import ChainKey, Key

PLAN = text("""
    INSERT INTO scan_audit (scan_id, chain, percent, seed, audited, disputed, unaudited)
    VALUES (:scan, :chain, :percent, :seed, 0, 0, 0) ON CONFLICT (scan_id, chain) DO UPDATE SET percent = excluded.percent
""")
_PLAN_OF = text("SELECT percent, seed FROM scan_audit WHERE scan_id = :scan AND chain = :chain")
_DUE = text("""
    SELECT a.id, a.text, a.path, t.id AS asset_id, t.symbol, b.amount, b.unconfirmed, b.height, b.observed_at, s.name
    FROM balance b CROSS JOIN address a JOIN asset t ON t.id = b.asset_id
    JOIN source s ON s.id = b.source_id
    LEFT JOIN audit u ON u.address_id = b.address_id AND u.asset_id = b.asset_id AND u.scan_id = b.scan_id
        AND u.observed_at = b.observed_at AND u.outcome <> 'unaudited'
    WHERE a.id = b.address_id AND b.address_id >= :low AND b.address_id < :high AND b.scan_id = :scan
        AND u.address_id IS NULL
        AND (b.address_id > :low OR b.asset_id > :asset) AND (:zeros OR b.amount <> '0' OR b.unconfirmed <> '0')
    ORDER BY b.address_id, b.asset_id LIMIT :limit
""")
_DISPUTED = text("""
    SELECT a.id, a.text, a.path, t.id AS asset_id, t.symbol, d.answers
    FROM dispute d CROSS JOIN address a JOIN asset t ON t.id = d.asset_id
    WHERE a.id = d.address_id AND d.address_id >= :low AND d.address_id < :high AND d.scan_id = :scan
        AND (d.address_id > :low OR d.asset_id > :asset)
    ORDER BY d.address_id, d.asset_id LIMIT :limit
""")
_OUTCOMES = text("""
    SELECT address_id, asset_id, outcome FROM audit WHERE address_id >= :low AND address_id < :high AND scan_id = :scan
""")
_PUT_AUDIT = text("""
    INSERT INTO audit (address_id, asset_id, scan_id, outcome, observed_at, error, answers)
    VALUES (:address, :asset, :scan, :outcome, :observed_at, :error, :answers)
    ON CONFLICT (address_id, asset_id) DO UPDATE SET scan_id = excluded.scan_id, outcome = excluded.outcome,
        observed_at = excluded.observed_at, error = excluded.error, answers = excluded.answers
""")
_PUT_DISPUTE = text("""
    INSERT INTO dispute (address_id, asset_id, scan_id, answers) VALUES (:address, :asset, :scan, :answers)
    ON CONFLICT (address_id, asset_id) DO UPDATE SET scan_id = excluded.scan_id, answers = excluded.answers
""")
_DROP_BALANCE = text("DELETE FROM balance WHERE address_id = :address AND asset_id = :asset")
_COUNT = text("""
    UPDATE scan_audit SET audited = audited + :audited, disputed = disputed + :disputed, unaudited = unaudited + :unaudited
    WHERE scan_id = :scan AND chain = :chain
""")


class Due(msgspec.Struct, frozen=True):
    """A reading that is due for an audit; the next page begins after `key`."""

    key: tuple[int, int]
    address: Address
    symbol: str
    balance: Balance


class Audits(Tables):
    """The tables of audits and disputes, and what they change in a scan's balances and totals."""

    def plan(self, scan_id: int, chain: str, plan: AuditPlan) -> None:
        """Have a chain's scan audited; the seed of an earlier plan stays, so that the same zeros are chosen."""
        with self._write() as transaction:
            keys = {"scan": scan_id, "chain": transaction.chain(chain).number}
            transaction.execute(PLAN, keys | msgspec.structs.asdict(plan))

    def plan_of(self, scan_id: int, chain: str) -> AuditPlan | None:
        """How a chain's scan is to be audited, or None."""
        with self._read() as transaction:
            row = transaction.execute(_PLAN_OF, {"scan": scan_id, "chain": transaction.chain(chain).number}).first()
            return None if row is None else AuditPlan(row.percent, row.seed)

    def due(self, scan_id: int, chain: str, after: tuple[int, int] | None, limit: int, *, zeros: bool) -> list[Due]:
        """At most `limit` readings of a scan with no audit since, after a key; without `zeros` only funded or pending ones."""
        with self._read() as transaction:
            key = transaction.chain(chain)
            found = []
            for row in transaction.execute(_DUE, _page(key, scan_id, after, limit) | {"zeros": zeros}):
                pending = None if row.unconfirmed is None else int(row.unconfirmed)
                found.append(_due(key, row, Balance(int(row.amount), pending, row.height, row.observed_at, row.name)))
            return found

    def disputed(self, scan_id: int, chain: str, after: tuple[int, int] | None, limit: int) -> list[Due]:
        """At most `limit` readings that a scan left disputed, each with the first answer, after a key."""
        with self._read() as transaction:
            key = transaction.chain(chain)
            rows = transaction.execute(_DISPUTED, _page(key, scan_id, after, limit))
            return [_due(key, row, answers.decoded(row.answers)[0]) for row in rows]

    def commit(
        self, scan_id: int, chain: str, found: Sequence[Audited], *, now: float, seconds: float, requests: int
    ) -> ChainScan:
        """Write how audits ended; the new totals. A repeated commit changes nothing but time and requests."""
        with self._write() as transaction:
            rows = ScanRows(transaction, scan_id, chain)
            by_key = {rows.key(each.reading): each for each in found}
            before = rows.found(retractions.DISPUTES, by_key).keys()
            outcomes = rows.found(_OUTCOMES, by_key)
            gone = {key for key, each in by_key.items() if each.amount is None}
            new = {
                key: rows.balance(key, each.amount)
                for key, each in by_key.items()
                if each.amount is not None and _is_news(each, was_disputed=key in before)
            }
            touched = {key[0] for key in {*new, *gone}}
            funded = -rows.funded_among(touched)
            rows.put(new, [(address, address + 1) for address in {key[0] for key in new}])
            transaction.executemany(_DROP_BALANCE, gone)
            transaction.executemany(_PUT_DISPUTE, [(*key, scan_id, answers.encoded(by_key[key].answers)) for key in gone])
            transaction.executemany(_PUT_AUDIT, [_row(key, each, scan_id) for key, each in by_key.items()])
            attempts.keep(rows, {key: each.failed for key, each in by_key.items() if each.failed})
            funded += rows.funded_among(touched)
            disputed = len(gone - before) - len(before & new.keys())
            answered = _answered([each.outcome for each in found]) - _answered(outcomes.values())
            counts = {"audited": answered, "disputed": disputed, "unaudited": len(by_key) - len(outcomes) - answered}
            transaction.execute(_COUNT, rows.keys | counts)
            return rows.add_totals(now=now, seconds=seconds, requests=requests, read=-disputed, funded=funded)

    def retract(
        self, scan_id: int, chain: str, source: str, error: str, now: float, *, code: ReadCode, height: int | None = None
    ) -> int:
        """Turn every answer of a source in a scan, or those from a height on, into gaps of this code; how many they were."""
        with self._write() as transaction:
            rows = ScanRows(transaction, scan_id, chain)
            before = rows.recount()
            count = retractions.retract(rows, source, height, code, error)
            after = rows.recount()
            more = {name: getattr(after, name) - getattr(before, name) for name in ("read", "unread", "funded")}
            rows.add_totals(now=now, **more)
            return count


def _page(chain: ChainKey, scan_id: int, after: tuple[int, int] | None, limit: int) -> dict[str, Any]:
    index, asset = after or (0, 0)
    return {"low": chain.low + index, "high": chain.high, "asset": asset, "scan": scan_id, "limit": limit}


def _due(chain: ChainKey, row: Any, balance: Balance) -> Due:
    index = row.id - chain.low
    return Due((index, row.asset_id), Address(chain.id, index, row.text, row.path), row.symbol, balance)


def _is_news(each: Audited, *, was_disputed: bool) -> bool:
    """Whether the audit changes the stored amount; one that nobody answered settles no dispute."""
    if each.outcome is AuditOutcome.UNAUDITED:
        return False
    return was_disputed or each.outcome in (AuditOutcome.MOVED, AuditOutcome.CORRECTED)


def _row(key: Key, each: Audited, scan_id: int) -> tuple[Any, ...]:
    at = None if each.amount is None else each.amount.observed_at
    if each.amount is not None and each.outcome is AuditOutcome.CONFIRMED:
        at = each.answers[0].observed_at  # as the stored balance has it
    return (*key, scan_id, each.outcome.value, at, each.error, answers.encoded(each.answers))


def _answered(outcomes: Iterable[str]) -> int:
    return sum(outcome != AuditOutcome.UNAUDITED for outcome in outcomes)
