"""The scan log: a scan's plan in chunks, the commits of what it has read, its totals, and what stayed unread."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import TextClause, bindparam, text

from hdscan.model.audit import Audited, Standing
from hdscan.model.chain import Address
from hdscan.model.errors import InputError
from hdscan.model.events import TokenError
from hdscan.model.reading import BalanceResult, Reading
from hdscan.model.scan import ChainPlan, ChainScan, Chunk, ScanRecord, Status
from hdscan.model.times import rfc3339
from hdscan.store import attempts
from hdscan.store.database import Tables
from hdscan.store.dialect import Finding
from hdscan.store.ended import Counted, Ended
from hdscan.store.pages import LIMIT
from hdscan.store.plans import write_plan
from hdscan.store.records import COLUMNS, records
from hdscan.store.scan_rows import (
    DISPUTES,
    END_GAP,
    OPEN_GAPS,
    OWN_DISPUTES,
    ScanRows,
    alone,
)

_NEVER = 2**31  # more than any scan's id

_BEGIN = text("INSERT INTO scan (began_at) VALUES (:now) RETURNING id")
_LATEST = text(f"SELECT {COLUMNS} FROM scan_chain WHERE chain = :chain ORDER BY scan_id DESC LIMIT 1")  # noqa: S608 own constant
_SCAN = text(f"SELECT {COLUMNS} FROM scan_chain WHERE scan_id = :scan ORDER BY chain")  # noqa: S608 own constant
_RECORDS = text("SELECT id, began_at FROM scan WHERE id < :before ORDER BY id DESC LIMIT :limit")
_STATUS = text(f"""
    UPDATE scan_chain SET status = :status, error = :error, updated_at = :now
    WHERE scan_id = :scan AND chain = :chain RETURNING {COLUMNS}
""")  # noqa: S608 own constant
_PENDING = text("""
    SELECT seq, first, stop FROM chunk
    WHERE scan_id = :scan AND chain = :chain AND seq > :after AND done_at IS NULL ORDER BY seq LIMIT :limit
""")
# with row values instead, SQLite would scan for the place in the key
_GAPS, _DISPUTED = (
    text(f"""
        SELECT a.id, a.text, a.path, t.symbol FROM {table} g
        JOIN address a ON a.id = g.address_id JOIN asset t ON t.id = g.asset_id
        WHERE g.address_id >= :low AND g.address_id < :high AND g.scan_id = :scan
            AND (g.address_id > :low OR t.symbol > :symbol)
        ORDER BY g.address_id, t.symbol LIMIT :limit
    """)  # noqa: S608 own constants
    for table in ("gap", "dispute")
)
_STANDING = text("""
    SELECT address_id, asset_id, amount, height FROM balance WHERE address_id >= :low AND address_id < :high
""")
_READ = text("""
    SELECT a.id, a.text, a.path, t.symbol FROM balance b
    JOIN address a ON a.id = b.address_id JOIN asset t ON t.id = b.asset_id
    WHERE b.address_id >= :low AND b.address_id < :high AND b.scan_id = :scan LIMIT 1
""")
# a token's latest gap gives the reason
_TOKEN_ERRORS = text("""
    SELECT t.symbol, g.error, g.code, n.addresses, g.providers FROM (
        SELECT asset_id, count(*) AS addresses, max(address_id) AS last FROM gap
        WHERE address_id >= :low AND address_id < :high AND scan_id = :scan GROUP BY asset_id
    ) n JOIN gap g ON g.address_id = n.last AND g.asset_id = n.asset_id JOIN asset t ON t.id = n.asset_id
    WHERE t.contract <> '' ORDER BY t.id
""")
# the commit guard: the first to mark the chunk commits it
_DONE = text("""
    UPDATE chunk SET done_at = :now, worker = :worker
    WHERE scan_id = :scan AND chain = :chain AND seq = :seq AND first = :first AND stop = :stop AND done_at IS NULL
""")
_END_GAPS = text("DELETE FROM gap WHERE address_id >= :low AND address_id < :high AND asset_id IN :assets").bindparams(
    bindparam("assets", expanding=True)
)
_PUT_GAP = text("""
    INSERT INTO gap (address_id, asset_id, scan_id, code, error, attempts, providers)
    VALUES (:address, :asset, :scan, :code, :error, :attempts, :providers)
    ON CONFLICT (address_id, asset_id) DO UPDATE SET scan_id = excluded.scan_id, code = excluded.code,
        error = excluded.error, attempts = excluded.attempts, providers = excluded.providers
""")
_TRIED_AGAIN = text("""
    UPDATE gap SET code = :code, error = :error, attempts = attempts + :attempts, providers = :providers
    WHERE address_id = :address AND asset_id = :asset
""")


class Scans(Tables):
    """The tables of scans, chunks and gaps, and the balances that a scan's commits write. Times are unix seconds."""

    # -- the log

    def begin(self, plans: Sequence[ChainPlan], now: float) -> int:
        """Begin a scan of these chains, with all their chunks; its id. It drops chunks and attempts of their earlier scans."""
        with self._write() as transaction:
            scan_id: int = transaction.execute(_BEGIN, {"now": now}).scalar_one()
            for plan in plans:
                write_plan(transaction, scan_id, plan, now)
            return scan_id

    def latest(self, chain: str) -> ChainScan | None:
        """A chain in the last scan that had it, or None."""
        with self._read() as transaction:
            key = transaction.chains.get(chain)
            return None if key is None else next(iter(records(transaction, _LATEST, {"chain": key.number})), None)

    def scan(self, scan_id: int) -> tuple[ChainScan, ...]:
        """Every chain of a scan, in order of registration; empty where there is no such scan."""
        with self._read() as transaction:
            return records(transaction, _SCAN, {"scan": scan_id})

    def records(self, before: int | None = None, limit: int = 100) -> list[ScanRecord]:
        """The newest scans, or those before one, newest first; InputError unless 1 <= `limit` <= 1000."""
        if not 1 <= limit <= LIMIT:
            raise InputError(f"a page has 1 to {LIMIT} rows, not {limit}")
        values = {"before": _NEVER if before is None else min(max(before, 0), _NEVER), "limit": limit}
        with self._read() as transaction:
            return [
                ScanRecord(row.id, rfc3339(row.began_at), records(transaction, _SCAN, {"scan": row.id}))
                for row in transaction.execute(_RECORDS, values).all()
            ]

    def record(self, scan_id: int) -> ScanRecord | None:
        """A scan and its chains, or None where there is no such scan."""
        return next((record for record in self.records(scan_id + 1, 1) if record.scan_id == scan_id), None)

    def set_status(self, scan_id: int, chain: str, status: Status, error: str | None, now: float) -> ChainScan:
        """Change a chain's status and error within a scan; its new record."""
        with self._write() as transaction:
            keys = ScanRows(transaction, scan_id, chain).keys
            return records(transaction, _STATUS, keys | {"status": status.value, "error": error, "now": now})[0]

    def check(self) -> list[Finding]:
        """The last scans whose totals differ from their rows."""
        found = []
        with self._read() as transaction:
            for key in transaction.chains.values():
                for record in records(transaction, _LATEST, {"chain": key.number}):
                    if ScanRows(transaction, record.scan_id, key.id).recount() != record:
                        what = f"the totals of scan {record.scan_id} of {key.id} differ from its rows"
                        found.append(Finding(what, "hdscan scan --restart"))
        return found

    # -- what is left to read

    def pending_chunks(self, scan_id: int, chain: str, after_seq: int, limit: int) -> list[Chunk]:
        """At most `limit` chunks that are not done and have a higher number than `after_seq`, in order."""
        with self._read() as transaction:
            keys = {"scan": scan_id, "chain": transaction.chain(chain).number}
            return [Chunk(*row) for row in transaction.execute(_PENDING, keys | {"after": after_seq, "limit": limit})]

    def gaps(self, scan_id: int, chain: str, after: tuple[int, str] | None, limit: int) -> list[tuple[Address, str]]:
        """At most `limit` unread readings of a scan as (address, asset symbol), in the order of index and symbol."""
        return self._left(_GAPS, scan_id, chain, after, limit)

    def _left(
        self, statement: TextClause, scan_id: int, chain: str, after: tuple[int, str] | None, limit: int
    ) -> list[tuple[Address, str]]:
        index, symbol = after or (0, "")
        with self._read() as transaction:
            key = transaction.chain(chain)
            values = {"low": key.low + index, "high": key.high, "symbol": symbol, "scan": scan_id, "limit": limit}
            rows = transaction.execute(statement, values)
            return [(Address(chain, address - key.low, text, path), symbol) for address, text, path, symbol in rows]

    def disputed(self, scan_id: int, chain: str, after: tuple[int, str] | None, limit: int) -> list[tuple[Address, str]]:
        """At most `limit` readings that a scan left disputed, as `gaps` gives its unread ones."""
        return self._left(_DISPUTED, scan_id, chain, after, limit)

    def standing(self, scan_id: int, chain: str, readings: Sequence[Reading]) -> dict[tuple[int, str], Standing]:
        """What is known of readings, by index and symbol; what was never read is left out."""
        with self._read() as transaction:
            rows = ScanRows(transaction, scan_id, chain)
            keys = {rows.key(reading): (reading.index, reading.asset.symbol) for reading in readings}
            disputed = rows.found(DISPUTES, keys)
            known = {(r[0], r[1]): Standing(int(r.amount), r.height) for r in rows.rows(_STANDING, keys)}
            stands = known | dict.fromkeys(disputed, Standing(None, None))
            return {keys[key]: each for key, each in stands.items() if key in keys}

    def any_reading(self, scan_id: int, chain: str) -> tuple[Address, str] | None:
        """A reading that the scan could make, as (address, asset symbol): its provider can be probed with it."""
        with self._read() as transaction:
            key = transaction.chain(chain)
            row = transaction.execute(_READ, key.bounds | {"scan": scan_id}).first()
            return None if row is None else (Address(chain, row.id - key.low, row.text, row.path), row.symbol)

    def token_errors(self, scan_id: int, chain: str) -> list[TokenError]:
        """The tokens of which a scan counts readings as unread, with the latest address's reason."""
        with self._read() as transaction:
            rows = transaction.execute(_TOKEN_ERRORS, transaction.chain(chain).bounds | {"scan": scan_id})
            return [
                TokenError(chain, symbol, error, code, count, msgspec.json.decode(providers, type=dict[str, str]))
                for symbol, error, code, count, providers in rows
            ]

    # -- what was read

    def commit_chunk(
        self,
        scan_id: int,
        chain: str,
        chunk: Chunk,
        results: Sequence[BalanceResult],
        found: Sequence[Audited] = (),
        *,
        worker: str,
        now: float,
        seconds: float,
        requests: int,
    ) -> ChainScan | None:
        """Write a chunk whole: its balances, its unread readings, its mark and the totals, which are returned.

        `found` are the readings about which more than one operator was asked; `seconds` and `requests` those since the last
        commit. None, and nothing written, where the chunk was done already; StoreError, and nothing written, unless both are
        the chunk's addresses times the scan's assets, each once.
        A failed reading never touches a known balance.
        """
        with self._write() as transaction:
            rows = ScanRows(transaction, scan_id, chain)
            mark = {"seq": chunk.seq, "first": chunk.first, "stop": chunk.stop, "now": now, "worker": worker}
            if transaction.execute(_DONE, rows.keys | mark).rowcount == 0:
                return None
            ended = rows.ended(results, found)
            rows.check_whole(chunk, [*results, *found])
            low, high = rows.chain.low + chunk.first, rows.chain.low + chunk.stop
            rows.put(ended.reads, [(low, high)])
            rows.dispute(ended.disputes, [(low, high)])
            transaction.execute(_END_GAPS, {"low": low, "high": high, "assets": list(rows.assets)})
            transaction.executemany(_PUT_GAP, ended.unread.values())
            attempts.keep(rows, ended.failed)
            rows.keep_cases(ended.cases, Counted(), rows.counted(ended.cases))
            more = {"read": len(ended.reads), "unread": len(ended.unread), "funded": rows.funded(low, high)}
            return rows.add_totals(now=now, seconds=seconds, requests=requests, **more)

    def commit_final(
        self,
        scan_id: int,
        chain: str,
        results: Sequence[BalanceResult],
        found: Sequence[Audited] = (),
        *,
        now: float,
        seconds: float,
        requests: int,
    ) -> ChainScan:
        """Write what came of readings without an amount: an amount, a dispute, or more attempts and the reason; the totals.

        Of any other reading nothing is written, so a repeated commit changes nothing but time and requests.
        """
        with self._write() as transaction:
            rows = ScanRows(transaction, scan_id, chain)
            read, unread, funded = _settle(rows, rows.ended(results, found))
            return rows.add_totals(now=now, seconds=seconds, requests=requests, read=read, unread=unread, funded=funded)

    def commit_partial(
        self, scan_id: int, chain: str, results: Sequence[BalanceResult], found: Sequence[Audited] = (), *, now: float
    ) -> None:
        """Keep the balances that are there of chunks that did not end; the chunks stay to be done and count nothing.

        Readings that the scan counts as unread or disputed are settled as `commit_final` does; errors are ignored.
        """
        with self._write() as transaction:
            rows = ScanRows(transaction, scan_id, chain)
            ended = rows.ended(
                [result for result in results if result.error is None], [case for case in found if case.amount is not None]
            )
            reads = ended.reads
            if not reads:
                return
            low = rows.chain.low
            undone = rows.ranges(min(reads)[0] - low, max(reads)[0] - low + 1, done=False)
            read, unread, funded = _settle(rows, ended)
            rows.put_early({key: each for key, each in reads.items() if any(a <= key[0] - low < b for a, b in undone)})
            rows.add_totals(now=now, read=read, unread=unread, funded=funded)


def _settle(rows: ScanRows, ended: Ended) -> tuple[int, int, int]:
    """Settle what the scan counts as unread or disputed; how many more are read, unread and funded."""
    keys = ended.reads.keys() | ended.unread.keys() | ended.disputes.keys()
    gaps = rows.found(OPEN_GAPS, keys).keys()
    waiting = gaps | rows.found(OWN_DISPUTES, keys).keys()
    before = rows.counted(waiting)
    late = {key: read for key, read in ended.reads.items() if key in waiting}
    disputes = {key: row for key, row in ended.disputes.items() if key in waiting}
    funded = rows.end_gaps(late)
    rows.dispute(disputes, alone(disputes))
    rows.transaction.executemany(END_GAP, disputes)
    rows.transaction.executemany(_TRIED_AGAIN, [(*row[3:], *key) for key, row in ended.unread.items() if key in gaps])
    attempts.keep(rows, {key: each for key, each in ended.failed.items() if key in waiting})
    rows.keep_cases({key: case for key, case in ended.cases.items() if key in waiting}, before, rows.counted(waiting))
    return len(late), -len(gaps & (late.keys() | disputes.keys())), funded
