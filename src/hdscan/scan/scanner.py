"""The scan of one chain: its phases in order; jobs that ended and events of the pool are handled one at a time."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from hdscan.model.chain import Chain
from hdscan.model.errors import ChainCode, StoreError
from hdscan.model.reading import Kind
from hdscan.model.scan import Status
from hdscan.pool.actions import (
    FinalCheckDone,
    Halt,
    Quarantined,
    Reorged,
    TokensProved,
)
from hdscan.pool.chain_pool import ChainPool, PoolMemory
from hdscan.pool.queue import BALANCES
from hdscan.pool.upstream import Upstream
from hdscan.scan.audit import Court, Jury
from hdscan.scan.discovery import Derive, Discovery
from hdscan.scan.eta import Left
from hdscan.scan.jobs import Job
from hdscan.scan.phases import AuditPhase, ChunkPhase, GapPhase, Phase, PoolPhase, SparePhase
from hdscan.scan.plan import FUNDED
from hdscan.scan.progress import Progress
from hdscan.scan.retraction import Retraction
from hdscan.scan.runner import IN_FLIGHT, Runner
from hdscan.scan.spare import Spare
from hdscan.scan.waiting import waits_for

RECHECK = 1.0  # seconds between looks whether two operators can be asked
GRACE = 5.0  # seconds in which the least audit has to end
ROUNDS = 8  # times that what was retracted is read again
BY_USER = Halt("stopped by its user")


class ChainScanner:
    """Scans one chain; jobs of gaps and audits have at most `size` readings.

    `spare` is the capacity to audit beyond what was asked for, None where none is to be used; `all_read` is called once the
    chain has read everything.
    """

    def __init__(
        self,
        chain: Chain,
        pool: ChainPool,
        progress: Progress,
        *,
        clock: Callable[[], float],
        derive: Derive,
        size: int,
        spare: Spare | None = None,
        all_read: Callable[[], None] = lambda: None,
    ) -> None:
        self.chain = chain
        self.progress = progress
        self._stopping = False
        self.ended = False
        self._store = progress.store
        self._pool = pool
        self._size = size
        self._clock = clock
        self._spare = spare
        self._all_read = all_read
        self._court = _court(pool, chain.head_tolerance)
        self.reading = True  # there is something that it has not read yet
        self._runner = Runner(pool, progress, clock, size)
        self._discovery = Discovery(chain, self._runner, self._court, derive, size)
        self._driver = self._runner.driver
        progress.in_flight = lambda: self._runner.in_flight
        progress.ahead = lambda: self._discovery.left
        progress.waits_for = lambda: waits_for(pool.upstreams, clock())
        self._running: asyncio.Task[Halt] | None = None  # the driver
        self._phase = Phase()
        record = progress.record
        self._doubts = record.funded / record.ended if record.ended else FUNDED

    def memory(self) -> tuple[int, PoolMemory]:
        """The scan's id and what its pool needs to resume it."""
        return self.progress.record.scan_id, self._pool.memory()

    @property
    def upstreams(self) -> list[Upstream]:
        """Its providers, those first that are asked now."""
        asked = list(self._pool.upstreams)
        return [*asked, *(each for each in self._pool.upstreams.every if each not in asked)]

    def left(self) -> Left:
        """What is left to read."""
        record = self.progress.record
        doubted, settled = self._runner.doubted
        natives = sum(symbol == self.chain.symbol for symbol in record.assets) / max(1, len(record.assets))
        unheard = record.readings - self.progress.answered + self._discovery.left
        readings = {Kind.NATIVE: natives * unheard, Kind.TOKEN: (1.0 - natives) * unheard}
        return Left(readings, self._runner.pending, settled, doubted, self._doubts)

    def wake(self) -> None:
        """Have it look whether there is spare capacity still."""
        self._runner.wake()

    def stop(self) -> None:
        """Begin no more work, commit what has ended, and end as STOPPED."""
        self._stopping = True
        self._runner.wake()

    # -- phases

    async def run(self, *, passes: int, retry: bool) -> None:
        """Read what is left of the scan (`retry`: only its gaps).

        Does not raise for providers or the disk: the chain then ends FAILED and can be resumed.
        """
        self._running = driver = asyncio.create_task(self._driver.run())
        driver.add_done_callback(lambda _: self._runner.wake())
        try:
            await self.progress.set_status(Status.RUNNING)
            self.progress.say()
            halt = await self._phases(max(passes, 1) if retry else passes, retry=retry)
            await _cancel(driver)
            await self._runner.retract_rest()
            for job in self._runner.jobs.values():  # none, unless it was halted
                await job.keep(self.progress)
            await self.progress.count_rest()
            if halt is None:
                await self._discovery.close()
                gaps = self.progress.record.open or self.progress.record.open_ends
                await self.progress.set_status(Status.COMPLETED_WITH_GAPS if gaps else Status.COMPLETED)
            elif halt is BY_USER:
                await self.progress.set_status(Status.STOPPED)
            else:
                await self.progress.set_status(Status.FAILED, halt.reason)
        except StoreError as failure:
            await self.progress.fail(failure)
        finally:
            await _cancel(driver)
            self._end_reading()
        self.ended = True
        self.progress.say_end()

    async def _phases(self, passes: int, *, retry: bool) -> Halt | None:
        """Proof of the tokens, chunks, discovery, gaps, audits, final check; what was retracted is read and audited again."""
        halt = await self._drain(PoolPhase(partial(self._driver.begin_token_proof, self._store.assets)))
        if halt is None and not retry:
            halt = await self._drain(ChunkPhase(self._store, self._court)) or await self._discover()
        for _ in range(max(passes, self._runner.late)):
            halt = halt or await self._fill_gaps()
            if halt is None and self.progress.record.unaudited:
                halt = await self._drain(AuditPhase(self._store, self._pool, self._court, self._size))
        if halt is not None:
            return halt
        plan = await self._store.audit_plan()
        spare = self._spare if self._court.contested and not retry else None
        for _ in range(ROUNDS):
            if self._runner.unsettled:
                halt = await self._fill_gaps()
            if halt is None and plan.percent is not None:
                halt = await self._drain(self._audit(self._size, plan.percent, plan.seed))
            if halt is None and not self._runner.unsettled:
                halt = await self._drain(PoolPhase(self._driver.begin_final_check))
            self._end_reading()
            if halt is None and not self._runner.unsettled and spare is not None:
                if not await self._use(spare, plan.seed):
                    return None
                spare = None
                continue
            if halt is not None or not self._runner.unsettled:
                return halt
        return None

    def _audit(self, size: int, percent: float, seed: int) -> AuditPhase:
        return AuditPhase(self._store, self._pool, self._court, size, percent=percent, seed=seed)

    def _end_reading(self) -> None:
        if self.reading:
            self.reading = False
            self._all_read()

    async def _use(self, spare: Spare, seed: int) -> bool:
        """Audit by spare capacity; False where nothing came of it, or the chain is not to be asked any more."""
        assert self._running is not None
        record, size = self.progress.record, max(1, self._size // 10, self._pool.largest)
        spare.begin(record.seconds, self._clock(), runs=record.requests / max(1, self._pool.requests))
        self._phase = phase = SparePhase(
            self._audit(size, 0.0, seed),
            self._store,
            self._court,
            size,
            assets=len(record.assets),
            covered=await self._store.covered(),
            seed=seed,
            leave=lambda units: spare.leave(units, self._clock()),
        )
        handed = 0
        while not (self._stopping or self._running.done()):
            now, until = self._clock(), spare.until()
            over = until is not None and now >= until
            if until is not None and over and (handed - len(self._runner.jobs) >= spare.least or now >= until + GRACE):
                break
            able = spare.operators(size, now) > 1
            wanted = able and not (over and handed >= spare.least)
            while wanted and len(self._runner.jobs) < IN_FLIGHT and (jobs := await phase.more()) is not None:
                for job in jobs:
                    self._runner.submit(job)
                    handed += 1
            if not self._runner.jobs and (able or until is not None):
                break
            left = float("inf") if until is None else (until + GRACE if over else until) - now
            await self._next(min(left, float("inf") if able else RECHECK))
        await self._runner.withdraw()
        return bool(handed) and not self._stopping and not self._running.done()

    async def _fill_gaps(self) -> Halt | None:
        """Read the gaps, go on with the branches that waited for them, and read the gaps of what that adds."""
        while True:
            self._runner.unsettled = False
            halt = await self._drain(GapPhase(self._store, self._pool, self._court, self._size)) or await self._discover()
            if halt is not None or not self._discovery.grown:
                return halt

    async def _discover(self) -> Halt | None:
        self._discovery.begin()
        return await self._drain(self._discovery)

    async def _drain(self, phase: Phase) -> Halt | None:
        """Keep a few jobs of a phase in flight until all have ended; a Halt if the pool or the user ends it first."""
        self._phase = phase
        while True:
            await self._runner.let_go()
            phase.look()
            while self._runner.has_room and not self._stopping and (jobs := await phase.more()) is not None:
                for job in jobs:
                    self._runner.submit(job)
            if not self._runner.jobs and self._runner.inbox.empty() and not phase.waiting:
                return BY_USER if self._stopping else None
            if halt := await self._next(self._runner.patience):
                return halt

    async def _next(self, seconds: float | None = None) -> Halt | None:
        """Handle the next item of the inbox, or none within `seconds`; a Halt if the pool or the user has ended the scan."""
        assert self._running is not None
        item = None
        with suppress(TimeoutError):
            async with asyncio.timeout(None if seconds == float("inf") else seconds):
                item = await self._runner.inbox.get()
        match item:
            case Job() as job:
                await self._runner.commit(job)
            case Quarantined() | Reorged() as event:
                await self._runner.retract(Retraction.of(event))
                self._discovery.retract()
            case TokensProved(doubts):
                self._phase.waiting = False
                for doubt in doubts:
                    self.progress.say_error(ChainCode.TOKEN, doubt)
            case FinalCheckDone(unheard):
                self._phase.waiting = False
                if unheard:
                    text = f"{', '.join(unheard)} could not be asked at the end whether its blocks are still of the chain"
                    self.progress.say_error(ChainCode.UNAVAILABLE, f"{text}; what it said of {self.chain.id} stands")
        if not self._running.done() and not self._stopping:
            return None
        for job in list(self._runner.jobs.values()):
            await self._runner.commit(job)
        return BY_USER if self._stopping else self._running.result()


def _court(pool: ChainPool, tolerance: int) -> Court:
    juries = {}
    for kind in BALANCES:
        serving = pool.serving(kind)
        operators = {each.name: each.operator for each in serving}
        juries[kind] = Jury(operators, frozenset(each.name for each in serving if each.trusted))
    return Court(juries, tolerance)


async def _cancel(task: asyncio.Task[Halt]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
