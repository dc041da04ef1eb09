"""The scan of one chain: its phases in order; jobs that ended and events of the pool are handled one at a time."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count

import structlog

from hdscan.model.chain import Chain
from hdscan.model.errors import ChainCode, StoreError
from hdscan.model.scan import Status
from hdscan.pool.actions import (
    Actions,
    FinalCheckDone,
    Halt,
    Noted,
    OutageBegan,
    OutageEnded,
    Quarantined,
    Reorged,
    ShortReply,
    TokensProved,
)
from hdscan.pool.chain_pool import ChainPool, PoolMemory
from hdscan.pool.driver import Driver
from hdscan.pool.queue import KINDS
from hdscan.scan.audit import Court, Jury
from hdscan.scan.jobs import Job
from hdscan.scan.phases import AuditPhase, ChunkPhase, GapPhase, Phase, PoolPhase, SparePhase
from hdscan.scan.progress import Progress
from hdscan.scan.retraction import Retraction
from hdscan.scan.spare import Spare

IN_FLIGHT = 4  # jobs, those apart that wait for nothing but second words
MOST_IN_FLIGHT = 16  # jobs
GRACE = 5.0  # seconds in which the least audit has to end, and that a job may keep others from beginning for second words
PATIENCE = 15.0  # seconds without any answer, after which second words are waited for no longer
ROUNDS = 8  # times that what was retracted is read again
BY_USER = Halt("stopped by its user")

_log = structlog.get_logger()


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
        self._driver = Driver(pool, clock, self._deliver)
        self._running: asyncio.Task[Halt] | None = None  # the driver
        self._jobs: dict[int, Job] = {}
        self._numbers = count()
        # handled one at a time: jobs that ended, events of the pool; None only wakes the scanner after a halt
        self._inbox: asyncio.Queue[Job | Quarantined | Reorged | FinalCheckDone | TokensProved | None] = asyncio.Queue()
        self._phase = Phase()
        self._unsettled = False  # something was retracted since the last pass over the gaps began

    def memory(self) -> tuple[int, PoolMemory]:
        """The scan's id and what its pool needs to resume it."""
        return self.progress.record.scan_id, self._pool.memory()

    def wake(self) -> None:
        """Have it look whether there is spare capacity still."""
        self._inbox.put_nowait(None)

    def stop(self) -> None:
        """Begin no more work, commit what has ended, and end as STOPPED."""
        self._stopping = True
        self._inbox.put_nowait(None)

    # -- phases

    async def run(self, *, passes: int, retry: bool) -> None:
        """Read what is left of the scan (`retry`: only its gaps).

        Does not raise for providers or the disk: the chain then ends FAILED and can be resumed.
        """
        self._running = driver = asyncio.create_task(self._driver.run())
        driver.add_done_callback(lambda _: self._inbox.put_nowait(None))
        try:
            await self.progress.set_status(Status.RUNNING)
            self.progress.say()
            halt = await self._phases(max(passes, 1) if retry else passes, retry=retry)
            await _cancel(driver)
            await self._retract_rest()
            for job in self._jobs.values():  # none, unless it was halted
                await job.keep(self.progress)
            await self.progress.count_rest()
            if halt is None:
                gaps = self.progress.record.open
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
        """Proof of the tokens, chunks, gaps, audits, final check; what was retracted meanwhile is read and audited again."""
        halt = await self._drain(PoolPhase(partial(self._driver.begin_token_proof, self._store.assets)))
        if halt is None and not retry:
            halt = await self._drain(ChunkPhase(self._store, self._court))
        for _ in range(passes):
            halt = halt or await self._fill_gaps()
            if halt is None and self.progress.record.unaudited:
                halt = await self._drain(AuditPhase(self._store, self._pool, self._court, self._size))
        if halt is not None:
            return halt
        plan = await self._store.audit_plan()
        spare = None if retry else self._spare
        for _ in range(ROUNDS):
            if self._unsettled:
                halt = await self._fill_gaps()
            if halt is None and plan.percent is not None:
                halt = await self._drain(self._audit(self._size, plan.percent, plan.seed))
            if halt is None and not self._unsettled:
                halt = await self._drain(PoolPhase(self._driver.begin_final_check))
            self._end_reading()
            if halt is None and not self._unsettled and spare is not None:
                if not await self._use(spare, plan.seed):
                    return None
                spare = None
                continue
            if halt is not None or not self._unsettled:
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
        least = len({operator for jury in self._court.juries.values() for operator in jury.operators.values()})
        spare.begin(record.seconds, self._clock())
        self._phase = phase = SparePhase(
            self._audit(size, 0.0, seed),
            self._store,
            self._court,
            size,
            assets=len(record.assets),
            addresses=record.addresses,
            seed=seed,
            leave=lambda units: spare.leave(units, self._clock()),
        )
        handed = 0
        while not (self._stopping or self._running.done()):
            now, until = self._clock(), spare.until()
            over = until is not None and now >= until
            if until is not None and over and (handed - len(self._jobs) >= least or now >= until + GRACE):
                break
            while len(self._jobs) < IN_FLIGHT and not (over and handed >= least) and (jobs := await phase.more()) is not None:
                for job in jobs:
                    self._submit(job)
                    handed += 1
            if not self._jobs:
                break
            await self._next(None if until is None else (until + GRACE if over else until) - now)
        await self._withdraw()
        return bool(handed) and not self._stopping and not self._running.done()

    async def _withdraw(self) -> None:
        """Ask on about nothing; what has been decided is kept."""
        self._driver.withdraw(self._jobs.keys())
        for job in self._jobs.values():
            await self._settle(job)
        self._jobs.clear()

    async def _fill_gaps(self) -> Halt | None:
        self._unsettled = False
        return await self._drain(GapPhase(self._store, self._pool, self._court, self._size))

    async def _drain(self, phase: Phase) -> Halt | None:
        """Keep a few jobs of a phase in flight until all have ended; a Halt if the pool or the user ends it first."""
        self._phase = phase
        while True:
            while self._has_room() and not self._stopping and (jobs := await phase.more()) is not None:
                for job in jobs:
                    self._submit(job)
            if not self._jobs and self._inbox.empty() and not phase.waiting:
                return BY_USER if self._stopping else None
            patience = min(map(self._patience, self._jobs.values()), default=None)
            if halt := await self._next(patience):
                return halt
            for job in list(self._jobs.values()):
                if self._patience(job) <= 0:
                    await self._let_go(job)

    def _has_room(self) -> bool:
        begun = sum(not job.corroborates for job in self._jobs.values())
        return begun < IN_FLIGHT and len(self._jobs) < MOST_IN_FLIGHT

    def _patience(self, job: Job) -> float:
        """The seconds that a job's second words may still take: so that no operator holds up a scan that others can do."""
        if not job.questions_only:
            return PATIENCE
        until = job.heard_at + PATIENCE
        if not job.audits and len(self._jobs) >= MOST_IN_FLIGHT:
            until = min(until, job.waits_since + GRACE)
        return until - self._clock()

    async def _let_go(self, job: Job) -> None:
        """Commit a job without the second words that are missing; those are asked for again at the end."""
        self._driver.withdraw([job.number])
        del self._jobs[job.number]
        job.give_up()
        await self._settle(job)

    async def _next(self, seconds: float | None = None) -> Halt | None:
        """Handle the next item of the inbox, or none within `seconds`; a Halt if the pool or the user has ended the scan."""
        assert self._running is not None
        item = None
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                item = await self._inbox.get()
        match item:
            case Job() as job:
                await self._commit(job)
            case Quarantined() | Reorged() as event:
                await self._retract(Retraction.of(event))
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
        for job in list(self._jobs.values()):
            await self._commit(job)
        return BY_USER if self._stopping else self._running.result()

    # -- jobs

    def _submit(self, job: Job) -> None:
        job.number = next(self._numbers)
        job.heard_at = job.waits_since = self._clock()
        self._jobs[job.number] = job
        self._ask(job)

    def _ask(self, job: Job) -> None:
        for excluded, readings in job.ask().items():
            self._driver.submit(job.number, readings, budget_free=job.gaps, excluded=excluded)

    async def _commit(self, job: Job) -> None:
        """Commit a job that has ended."""
        if job.ended and job.number in self._jobs:
            await self._settle(job)
            del self._jobs[job.number]

    async def _settle(self, job: Job) -> None:
        await job.commit(self.progress)
        for provider, evidence in job.contradictions():
            for event in self._pool.contradict(provider, evidence):
                self._inbox.put_nowait(event)

    async def _retract(self, retraction: Retraction) -> None:
        """Read again what is affected: in flight at once, committed balances as gaps."""
        self._unsettled = True
        in_flight = sum(job.affected(retraction) for job in self._jobs.values())
        for job in self._jobs.values():
            job.retract(retraction)
        committed = await self.progress.retract(retraction)
        for job in self._jobs.values():
            if committed and job.readings:
                job.learn(await self._store.standing(job.readings))
            self._ask(job)
        more = f"; {committed} balances that it gave are read again" if committed else ""
        if committed or in_flight or retraction.fork is None:  # a reorg without effect is not reported
            self.progress.say_error(ChainCode(retraction.code), retraction.reason + more)

    async def _retract_rest(self) -> None:
        """Apply the retractions that arrived while the scan was ending."""
        while not self._inbox.empty():
            if isinstance(event := self._inbox.get_nowait(), Quarantined | Reorged):
                await self._retract(Retraction.of(event))

    # -- out of the pool

    def _deliver(self, actions: Actions) -> None:
        heard: dict[int, Job] = {}
        for number, result in actions.ended:
            if (job := self._jobs.get(number)) is not None:  # otherwise it was withdrawn
                job.heard_at = self._clock()
                if not job.questions_only:
                    job.waits_since = job.heard_at
                job.take(result)
                heard[number] = job
        for job in heard.values():
            self._ask(job)
            if job.ended:
                self._inbox.put_nowait(job)
        for event in actions.events:
            match event:
                case Quarantined() | Reorged() | FinalCheckDone() | TokensProved():
                    self._inbox.put_nowait(event)
                case ShortReply(provider, requested, received):
                    _log.warning("short_reply", provider=provider, requested=requested, received=received)
                case Noted(text):
                    self.progress.say_error(ChainCode.CANARY, text)
                case OutageEnded():
                    _log.info("chain_answers_again", chain=self.chain.id)
                case OutageBegan(seconds):
                    text = f"no provider of {self.chain.id} answers; the same work is offered again in {seconds:.1f} s"
                    self.progress.say_error(ChainCode.UNAVAILABLE, text, outage=True)


def _court(pool: ChainPool, tolerance: int) -> Court:
    juries = {}
    for kind in KINDS:
        serving = pool.serving(kind)
        operators = {each.name: each.operator for each in serving}
        juries[kind] = Jury(operators, frozenset(each.name for each in serving if each.trusted))
    return Court(juries, tolerance)


async def _cancel(task: asyncio.Task[Halt]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
