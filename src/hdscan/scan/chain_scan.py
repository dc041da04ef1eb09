"""One chain's scan: chunks through the pool, each committed whole, the final pass over what stayed unread, the audit."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import msgspec
import structlog

from hdscan.model.audit import AuditPlan
from hdscan.model.chain import Asset, Chain
from hdscan.model.errors import ReadCode, StoreError
from hdscan.model.events import ChainProgress, Event, ScanComplete, ScanError, ScanProgress
from hdscan.model.reading import Balance, Reading
from hdscan.model.recast import recast
from hdscan.model.scan import ChainScan, Chunk, Status
from hdscan.model.times import rfc3339_seconds
from hdscan.pool.actions import Actions, FinalCheckDone, Halt, OutageBegan, OutageEnded, Quarantined, Reorged, ShortReply
from hdscan.pool.chain_pool import ChainPool, PoolMemory
from hdscan.pool.driver import Driver
from hdscan.scan.audit import AuditCase, by_company, chosen, contradiction
from hdscan.scan.job import Job, doubt, doubtful
from hdscan.scan.store_thread import StoreThread
from hdscan.scan.token_errors import TokenErrors
from hdscan.store import Due, Store

IN_FLIGHT = 4
ROUNDS = 8  # times that what was taken back is read anew
PAGE = 5000  # rows that are looked at once for an audit
BY_USER = Halt("stopped by its user")

_log = structlog.get_logger()


class ChainScanner:
    """Scans one chain; `emit` takes its events, `progress` is where it stands after the last commit."""

    def __init__(
        self,
        chain: Chain,
        assets: Sequence[Asset],
        record: ChainScan,
        *,
        pool: ChainPool,
        store: Store,
        writer: StoreThread,
        clock: Callable[[], float],
        emit: Callable[[Event], None],
        token_errors: TokenErrors,
        chunk: int,
        worker: str,
    ) -> None:
        self.chain = chain
        self.record = msgspec.structs.replace(record, status=Status.RUNNING, error=None)  # as `run` is about to store it
        self.token_errors = token_errors
        self.stopping = False
        self.ended = False
        self._assets = {asset.symbol: asset for asset in assets if asset.symbol in record.assets}
        self._store = store
        self._write = writer
        self._clock = clock
        self._emit = emit
        self._worker = worker
        self._pool = pool
        self._driver = Driver(pool, clock, self._deliver)
        self._jobs: dict[int, Job] = {}
        self._next_job = 0
        self._chunk = chunk
        # what happens is dealt with one after the other: a job ended, answers are doubted, None: look who ended the work
        self._inbox: asyncio.Queue[Job | Quarantined | Reorged | FinalCheckDone | None] = asyncio.Queue()
        self._began = self._counted_at = clock()
        self._counted_requests = 0
        self._looking = False  # once more, at all who gave amounts
        self._unsettled = False  # something was taken back since the last pass began
        self._ended_before = record.ended

    def memory(self) -> tuple[int, PoolMemory]:
        """The scan, and what its pool has to remember if it is resumed."""
        return self.record.scan_id, self._pool.memory()

    def stop(self) -> None:
        """Begin no more work; commit what has ended and end as STOPPED."""
        self.stopping = True
        self._inbox.put_nowait(None)

    # -- the way of a scan

    async def run(self, *, passes: int, retry: bool) -> ChainScan:
        """Read what is left of the scan (`retry`: only its unread readings) and end it; the record of how it ended.

        Never raises for a provider's or the disk's sake: such a chain ends STOPPED or FAILED, resumable.
        """
        pool = asyncio.create_task(self._driver.run())
        pool.add_done_callback(lambda _: self._inbox.put_nowait(None))
        error: str | None = None
        try:
            await self._set_status(Status.RUNNING, None)
            self._say_progress()
            stop = None if retry else await self._chunks(pool)
            for _ in range(max(passes, 1) if retry else passes):
                self._unsettled = False
                stop = stop or await self._final_pass(pool)
            stop = stop or await self._settle(pool)
            await self._end_pool(pool)
            await self._heed_the_rest()
            if stop is not None:
                await self._keep_partial()
            await self._count_the_rest()
            if stop is None:
                gaps = self.record.open
                status = Status.COMPLETED_WITH_GAPS if gaps else Status.COMPLETED
            elif stop is BY_USER:
                status = Status.STOPPED
            else:
                status, error = Status.FAILED, stop.reason
            await self._set_status(status, error)
        except StoreError as failure:
            await self._fail(failure)
        finally:
            await self._end_pool(pool)
        self.ended = True
        self._say_token_errors(all_of_them=True)
        if self.record.error:
            self._say_error(self.record.status.value, self.record.error)
        self._emit(recast(self.progress(), ScanComplete))
        return self.record

    async def _chunks(self, pool: asyncio.Task[Halt]) -> Halt | None:
        after = -1
        while True:
            while len(self._jobs) < IN_FLIGHT and not self.stopping:
                pending = await self._write(
                    partial(self._store.scans.pending_chunks, self.record.scan_id, self.chain.id, after, 1)
                )
                if not pending:
                    break
                after = pending[0].seq
                addresses = await self._write(
                    partial(self._store.addresses.between, self.chain.id, pending[0].first, pending[0].stop)
                )
                self._submit(pending[0], [Reading(a.index, a.text, s) for a in addresses for s in self._assets.values()])
            if not self._jobs and self._inbox.empty():
                return BY_USER if self.stopping else None
            if stop := await self._next(pool):
                return stop

    async def _final_pass(self, pool: asyncio.Task[Halt]) -> Halt | None:
        after: tuple[int, str] | None = None
        more = self.record.unread > 0
        if more and (known := await self._write(partial(self._store.scans.any_reading, self.record.scan_id, self.chain.id))):
            self._pool.remember(Reading(known[0].index, known[0].text, self._assets[known[1]]))
        size = self._chunk * len(self._assets)
        while True:
            while more and len(self._jobs) < IN_FLIGHT and not self.stopping:
                gaps = await self._write(partial(self._store.scans.gaps, self.record.scan_id, self.chain.id, after, size))
                if gaps:
                    after = (gaps[-1][0].index, gaps[-1][1])
                    self._submit(None, [Reading(a.index, a.text, self._assets[s]) for a, s in gaps], budget_free=True)
                more = len(gaps) == size
            if not self._jobs and self._inbox.empty():
                return BY_USER if self.stopping else None
            if stop := await self._next(pool):
                return stop

    async def _settle(self, pool: asyncio.Task[Halt]) -> Halt | None:
        """Audit, where that is planned, look at everybody's blocks, and read anew what was taken back meanwhile."""
        plan = await self._write(partial(self._store.audits.plan_of, self.record.scan_id, self.chain.id))
        for _ in range(ROUNDS):
            stop = None
            if self._unsettled:
                self._unsettled = False
                stop = await self._final_pass(pool)
            if stop is None and plan is not None:
                stop = await self._audit(pool, plan)
            if stop is None and not self._unsettled:
                stop = await self._check_heads(pool)
            if stop is not None or not self._unsettled:
                return stop
        return None

    async def _check_heads(self, pool: asyncio.Task[Halt]) -> Halt | None:
        """See that what was read is still of everybody's chain."""
        self._looking = True
        self._driver.begin_final_check()
        while self._looking:
            if stop := await self._next(pool):
                return stop
        return None

    async def _audit(self, pool: asyncio.Task[Halt], plan: AuditPlan) -> Halt | None:
        due = partial(self._store.audits.due, zeros=plan.percent > 0)
        pages: list[Callable[..., list[Due]]] = [self._store.audits.disputed, due]
        after: tuple[int, int] | None = None
        waiting: list[AuditCase] = []
        size = self._chunk * len(self._assets)
        while True:
            while (pages or waiting) and len(self._jobs) < IN_FLIGHT and not self.stopping:
                if pages and len(waiting) < size:
                    found = await self._write(partial(pages[0], self.record.scan_id, self.chain.id, after, PAGE))
                    waiting += self._cases(found, plan)
                    after = found[-1].key if len(found) == PAGE else None
                    if after is None:
                        del pages[0]
                else:
                    self._submit_audit(waiting[:size])
                    del waiting[:size]
            if not self._jobs and self._inbox.empty():
                return BY_USER if self.stopping else None
            if stop := await self._next(pool):
                return stop

    def _cases(self, found: Sequence[Due], plan: AuditPlan) -> list[AuditCase]:
        """Those of the readings that are to be audited."""
        cases, operators = [], self._pool.operators()
        for due in found:
            reading = Reading(due.address.index, due.address.text, self._assets[due.symbol])
            if chosen(plan.seed, reading, due.balance, plan.percent):
                cases.append(AuditCase(reading, due.balance, operators, self.chain.head_tolerance))
        return cases

    async def _next(self, pool: asyncio.Task[Halt]) -> Halt | None:
        """Deal with the next thing that happens; a Halt where the pool or the user ended the work."""
        match await self._inbox.get():
            case Job() as job:
                await self._commit(job)
            case Quarantined() | Reorged() as event:
                await self._retract(event)
            case FinalCheckDone(unheard):
                self._looking = False
                if unheard:
                    text = f"{', '.join(unheard)} could not be asked at the end whether its blocks are still of the chain"
                    self._say_error(ReadCode.UNAVAILABLE.value, f"{text}; what it said of {self.chain.id} stands")
        if not pool.done() and not self.stopping:
            return None
        for job in list(self._jobs.values()):
            await self._commit(job)
        return BY_USER if self.stopping else pool.result()

    # -- in and out of the pool

    def _submit(self, chunk: Chunk | None, readings: list[Reading], *, budget_free: bool = False) -> None:
        job = Job(self._next_job, chunk, readings)
        self._next_job += 1
        self._jobs[job.number] = job
        self._driver.submit(job.number, readings, budget_free=budget_free)

    def _submit_audit(self, cases: list[AuditCase]) -> None:
        job = Job(self._next_job, None, [], cases=cases)
        self._next_job += 1
        self._jobs[job.number] = job
        self._pool.remember(cases[0].reading)
        self._ask(job)

    def _ask(self, job: Job) -> bool:
        """Ask what is still to be asked of an audit's cases; False where it is nothing."""
        companies = by_company(job.cases or [])
        job.readings = [reading for readings in companies.values() for reading in readings]
        job.results.clear()
        for excluded, readings in companies.items():
            self._driver.submit(job.number, readings, excluded=excluded)
        return bool(companies)

    def _deliver(self, step: Actions) -> None:
        for number, result in step.ended:
            job = self._jobs[number]
            job.results.append(result)
            if job.ended:
                self._inbox.put_nowait(job)
        for event in step.events:
            match event:
                case Quarantined() | Reorged() | FinalCheckDone():
                    self._inbox.put_nowait(event)
                case ShortReply(provider, requested, received):
                    _log.warning("short_reply", provider=provider, requested=requested, received=received)
                case OutageEnded():
                    _log.info("chain_answers_again", chain=self.chain.id)
                case OutageBegan(seconds):
                    text = f"no provider of {self.chain.id} answers; the same work is offered again in {seconds:.1f} s"
                    self._say_error(ReadCode.UNAVAILABLE.value, text)

    # -- what is kept

    async def _commit(self, job: Job) -> None:
        """Write a job whole, if it ended whole (B4); memory moves only afterwards."""
        if not job.ended or job.number not in self._jobs:
            return
        if job.cases is not None:
            await self._commit_audit(job, job.cases)
            return
        ids = (self.record.scan_id, self.chain.id)
        commit: Callable[..., ChainScan | None]
        if job.chunk is None:
            commit = partial(self._store.scans.commit_final, *ids, job.results)
        else:
            commit = partial(self._store.scans.commit_chunk, *ids, job.chunk, job.results, worker=self._worker)
        if await self._write_totals(commit):
            self.token_errors.record(job.results, again=job.chunk is None)
            self._say_progress()
        del self._jobs[job.number]

    async def _commit_audit(self, job: Job, cases: list[AuditCase]) -> None:
        """Take in a round of answers: ask on where they differ, otherwise write what the audit found."""
        of = {(case.reading.index, case.reading.asset.symbol): case for case in cases}
        for result in job.results:
            of[result.reading.index, result.reading.asset.symbol].take(result.outcome, result.failed)
        if self._ask(job):
            return
        found = [case.result() for case in cases if not case.void]
        if found:
            await self._write_totals(partial(self._store.audits.commit, self.record.scan_id, self.chain.id, found))
            self._say_progress()
        del self._jobs[job.number]
        for audited in found:
            if audited.lost is not None:
                for event in self._pool.contradict(audited.lost, contradiction(audited)):
                    self._inbox.put_nowait(event)

    async def _write_totals(self, commit: Callable[..., ChainScan | None]) -> bool:
        """Commit, with the time and requests since the last one; False where another worker had done it."""
        now, requests = self._clock(), self._pool.requests
        spent = {"seconds": now - self._counted_at, "requests": requests - self._counted_requests}
        record = await self._write(partial(commit, now=now, **spent))
        if record is None:
            return False
        self._counted_at, self._counted_requests = now, requests
        self.record = record
        return True

    async def _count_the_rest(self) -> None:
        """Time and requests that belong to no commit: an outage costs both."""
        await self._write_totals(partial(self._store.scans.commit_final, self.record.scan_id, self.chain.id, []))

    async def _keep_partial(self) -> None:
        """The readings that are there of chunks that did not end: kept, but their chunks will be read again."""
        for job in self._jobs.values():
            read = [result for result in job.results if isinstance(result.outcome, Balance)]
            if read and job.cases is None:
                await self._write(
                    partial(self._store.scans.commit_partial, self.record.scan_id, self.chain.id, read, now=self._clock())
                )
                if job.chunk is None:
                    self.token_errors.record(read, again=True)

    async def _heed_the_rest(self) -> None:
        """What was doubted while the scan came to its end is taken back all the same."""
        while not self._inbox.empty():
            if isinstance(event := self._inbox.get_nowait(), Quarantined | Reorged):
                await self._retract(event)

    async def _retract(self, event: Quarantined | Reorged) -> None:
        """What such a provider said in this scan is read again: what is in flight at once, the rest as gaps."""
        self._unsettled = True
        fork = event.fork if isinstance(event, Reorged) else None
        again = 0
        for job in self._jobs.values():
            doubted = [result for result in job.results if doubtful(result.outcome, event.provider, fork)]
            again += len(doubted)
            if job.cases is not None:
                doubt(job.cases, doubted, event.provider, fork)
            elif doubted:
                job.results[:] = [result for result in job.results if result not in doubted]
                self._driver.submit(job.number, [result.reading for result in doubted])
        if isinstance(event, Reorged):
            code, what = ReadCode.REORG, f"the chain of {event.provider} was reorganised: {event.reason}"
        else:
            code, what = event.code, f"{event.provider} is quarantined: {event.reason}"
        scan_id = self.record.scan_id
        count = await self._write(
            lambda: self._store.audits.retract(
                scan_id, self.chain.id, event.provider, what, self._clock(), code=code, height=fork
            )
        )
        if count:
            records = await self._write(lambda: self._store.scans.scan(scan_id))
            self.record = next(record for record in records if record.chain == self.chain.id)
            self.token_errors.restate(await self._write(lambda: self._store.scans.token_errors(scan_id, self.chain.id)))
            what += f"; {count} balances that it gave are read again"
        if count or again or not isinstance(event, Reorged):  # a provider that has said nothing took nothing back
            self._say_error(code.value, what)

    async def _fail(self, failure: StoreError) -> None:
        """The database refused: the chain ends as FAILED here, and in the database where that can be written."""
        _log.error("commit_failed", chain=self.chain.id, error=str(failure))
        error = f"the database could not be written: {failure}"
        self.record = msgspec.structs.replace(self.record, status=Status.FAILED, error=error)
        if not failure.may_pass:  # otherwise every try was in vain just now
            with suppress(StoreError):
                await self._set_status(Status.FAILED, error)

    async def _set_status(self, status: Status, error: str | None) -> None:
        ids = (self.record.scan_id, self.chain.id)
        self.record = await self._write(lambda: self._store.scans.set_status(*ids, status, error, self._clock()))

    async def _end_pool(self, pool: asyncio.Task[Halt]) -> None:
        if not pool.done():
            pool.cancel()
        await asyncio.gather(pool, return_exceptions=True)

    # -- what is said

    def progress(self) -> ChainProgress:
        """Where the chain stands: totals of the last commit, with this run's rate."""
        record, now = self.record, self._clock()
        rate = max(0, record.ended - self._ended_before) / max(now - self._began, 1e-9)
        left = record.readings - record.ended
        return msgspec.structs.replace(stands(record), rate=round(rate, 3), eta=round(left / rate, 1) if rate > 0 else None)

    def _say_progress(self) -> None:
        self._emit(recast(self.progress(), ScanProgress))
        self._say_token_errors()

    def _say_error(self, code: str, error: str) -> None:
        self._emit(ScanError(self.chain.id, code, error, rfc3339_seconds(self._clock())))

    def _say_token_errors(self, *, all_of_them: bool = False) -> None:
        for event in self.token_errors.due(self._clock(), all_of_them=all_of_them):
            self._emit(event)


def stands(record: ChainScan) -> ChainProgress:
    """A scan's state while nobody works on it."""
    return recast(record, ChainProgress, rate=0.0, eta=None, seconds=round(record.seconds, 3))
