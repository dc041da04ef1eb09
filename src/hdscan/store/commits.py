"""Commits: what a scan has read, written whole or not at all, with the totals that it makes."""

from collections.abc import Sequence

from sqlalchemy import bindparam, text

from hdscan.model.audit import Audited
from hdscan.model.reading import BalanceResult
from hdscan.model.scan import ChainScan, Chunk
from hdscan.store import attempts, cases
from hdscan.store.database import Tables
from hdscan.store.ended import Counted, Ended
from hdscan.store.scan_rows import END_GAP, OPEN_GAPS, OWN_DISPUTES, ScanRows, alone
from hdscan.store.spans import Span

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


class Commits(Tables):
    """The balances and gaps that a scan's commits write. Times are unix seconds."""

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
            more = write_done(rows, [(rows.chain.low + chunk.first, rows.chain.low + chunk.stop)], ended)
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


def write_done(rows: ScanRows, spans: Sequence[Span], ended: Ended) -> dict[str, int]:
    """Write all that was read of the addresses of these ids, which the scan had not; how much that adds to its totals."""
    rows.put(ended.reads, spans)
    rows.dispute(ended.disputes, spans)
    for low, high in spans:
        rows.transaction.execute(_END_GAPS, {"low": low, "high": high, "assets": list(rows.assets)})
    rows.transaction.executemany(_PUT_GAP, ended.unread.values())
    attempts.keep(rows, ended.failed)
    cases.keep(rows, ended.cases, Counted(), cases.counted(rows, ended.cases))
    funded = sum(rows.funded(low, high) for low, high in spans)
    return {"read": len(ended.reads), "unread": len(ended.unread), "funded": funded}


def _settle(rows: ScanRows, ended: Ended) -> tuple[int, int, int]:
    """Settle what the scan counts as unread or disputed; how many more are read, unread and funded."""
    keys = ended.reads.keys() | ended.unread.keys() | ended.disputes.keys()
    gaps = rows.found(OPEN_GAPS, keys).keys()
    waiting = gaps | rows.found(OWN_DISPUTES, keys).keys()
    before = cases.counted(rows, waiting)
    late = {key: read for key, read in ended.reads.items() if key in waiting}
    disputes = {key: row for key, row in ended.disputes.items() if key in waiting}
    funded = rows.end_gaps(late)
    rows.dispute(disputes, alone(disputes))
    rows.transaction.executemany(END_GAP, disputes)
    rows.transaction.executemany(_TRIED_AGAIN, [(*row[3:], *key) for key, row in ended.unread.items() if key in gaps])
    attempts.keep(rows, {key: each for key, each in ended.failed.items() if key in waiting})
    cases.keep(rows, {key: case for key, case in ended.cases.items() if key in waiting}, before, cases.counted(rows, waiting))
    return len(late), -len(gaps & (late.keys() | disputes.keys())), funded
