"""Audits: which readings are due for one, what they found, and disputes."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, text

from hdscan.model.audit import Audited, AuditOutcome, AuditPlan
from hdscan.model.chain import Address
from hdscan.model.errors import ReadCode
from hdscan.model.reading import Balance
from hdscan.model.scan import ChainScan
from hdscan.store import attempts, cases, retractions
from hdscan.store.database import Tables
from hdscan.store.scan_rows import OPEN_GAPS, ScanRows, alone
from hdscan.store.spans import Span
from hdscan.store.transaction import ChainKey

PLAN = text("""
    INSERT INTO scan_audit (scan_id, chain, percent, seed, audited, disputed, unaudited, audit_requests)
    VALUES (:scan, :chain, :percent, :seed, 0, 0, 0, 0) ON CONFLICT (scan_id, chain) DO UPDATE SET percent = excluded.percent
""")
_PLAN_OF = text("SELECT percent, seed FROM scan_audit WHERE scan_id = :scan AND chain = :chain")
_UNANSWERED = """
    SELECT a.id, a.text, a.path, t.id AS asset_id, t.symbol, b.amount, b.unconfirmed, b.height, b.observed_at, s.name
    FROM balance b CROSS JOIN address a JOIN asset t ON t.id = b.asset_id JOIN source s ON s.id = b.source_id
    WHERE a.id = b.address_id AND b.scan_id = :scan AND (b.confirmed_in IS NULL OR b.confirmed_in <> :scan) AND """
_DUE = text(
    _UNANSWERED
    + """b.address_id >= :low AND b.address_id < :high AND (b.address_id > :low OR b.asset_id > :asset)
        AND (:zeros OR b.amount <> '0' OR b.unconfirmed <> '0') ORDER BY b.address_id, b.asset_id LIMIT :limit
"""
)
_ONLY_UNHEARD = """b.address_id >= :low AND b.address_id < :high AND (b.address_id > :low OR b.asset_id > :asset)
        AND EXISTS (
            SELECT 1 FROM audit u WHERE u.address_id = b.address_id AND u.asset_id = b.asset_id AND u.scan_id = :scan
                AND u.outcome = 'unaudited'
        )
    ORDER BY b.address_id, b.asset_id LIMIT :limit
"""
_UNHEARD = text(_UNANSWERED + _ONLY_UNHEARD)
_DUE_AT = text(_UNANSWERED + "b.address_id IN :addresses").bindparams(bindparam("addresses", expanding=True))
_CONFIRM = text("""
    UPDATE balance SET witness_id = :witness, confirmed_in = :scan WHERE address_id = :address AND asset_id = :asset
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

    def plan_of(self, scan_id: int, chain: str) -> AuditPlan:
        """How a chain's scan is to be audited."""
        with self._read() as transaction:
            row = transaction.execute(_PLAN_OF, {"scan": scan_id, "chain": transaction.chain(chain).number}).one()
            return AuditPlan(row.percent, row.seed)

    def unheard(self, scan_id: int, chain: str, after: tuple[int, int] | None, limit: int) -> list[Due]:
        """At most `limit` readings of a scan that no second operator could answer, after a key."""
        with self._read() as transaction:
            key = transaction.chain(chain)
            return [_due(key, row) for row in transaction.execute(_UNHEARD, _page(key, scan_id, after, limit))]

    def covered(self, scan_id: int, chain: str) -> list[Span]:
        """The indexes that a scan reads, as ranges (first, stop)."""
        with self._read() as transaction:
            rows = ScanRows(transaction, scan_id, chain)
            return rows.ranges(0, rows.chain.high - rows.chain.low)

    def due_at(self, scan_id: int, chain: str, indexes: Sequence[int]) -> list[Due]:
        """The readings of these addresses that a scan read and no second operator answered in it."""
        with self._read() as transaction:
            key = transaction.chain(chain)
            rows = transaction.execute(_DUE_AT, {"scan": scan_id, "addresses": [key.low + index for index in indexes]})
            return [_due(key, row) for row in rows]

    def due(self, scan_id: int, chain: str, after: tuple[int, int] | None, limit: int, *, zeros: bool) -> list[Due]:
        """At most `limit` readings of a scan with no audit since, after a key; without `zeros` only funded or pending ones."""
        with self._read() as transaction:
            key = transaction.chain(chain)
            rows = transaction.execute(_DUE, _page(key, scan_id, after, limit) | {"zeros": zeros})
            return [_due(key, row) for row in rows]

    def commit(
        self, scan_id: int, chain: str, found: Sequence[Audited], *, now: float, seconds: float, requests: int
    ) -> ChainScan:
        """Write how audits ended; the new totals. A repeated commit changes nothing but time and requests.

        Nothing is written of a reading whose amount was taken back meanwhile: it is to be read again first.
        """
        with self._write() as transaction:
            rows = ScanRows(transaction, scan_id, chain)
            gone = rows.found(OPEN_GAPS, {rows.key(case.reading) for case in found})
            ended = rows.ended((), [case for case in found if rows.key(case.reading) not in gone])
            before = cases.counted(rows, ended.cases)
            news = {
                key: ended.reads[key]
                for key, case in ended.cases.items()
                if case.outcome in (AuditOutcome.MOVED, AuditOutcome.CORRECTED)
            }
            touched = {key[0] for key in {*news, *ended.disputes}}
            funded = -rows.funded_among(touched)
            rows.put(news, alone(news))
            rows.dispute(ended.disputes, alone(ended.disputes))
            agreed = {key: ended.reads[key] for key, case in ended.cases.items() if case.outcome is AuditOutcome.CONFIRMED}
            said = [(transaction.said_by_all(read.sources), scan_id, *key) for key, read in agreed.items()]
            transaction.executemany(_CONFIRM, said)
            attempts.keep(rows, ended.failed)
            funded += rows.funded_among(touched)
            after = cases.counted(rows, ended.cases)
            cases.keep(rows, ended.cases, before, after, requests)
            read = len(before.disputed) - len(after.disputed)
            return rows.add_totals(now=now, seconds=seconds, requests=requests, read=read, funded=funded)

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


def _due(chain: ChainKey, row: Any) -> Due:
    index = row.id - chain.low
    pending = None if row.unconfirmed is None else int(row.unconfirmed)
    balance = Balance(int(row.amount), pending, row.height, row.observed_at, row.name)
    return Due((index, row.asset_id), Address(chain.id, index, row.text, row.path), row.symbol, balance)
