"""The scan of one chain: its phases in order; jobs that ended and events of the pool are handled one at a time."""

import asyncio
from collections.abc import Callable
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
from hdscan.scan.jobs import Job
from hdscan.scan.phases import AuditPhase, ChunkPhase, GapPhase, Phase, PoolPhase
from hdscan.scan.progress import Progress
from hdscan.scan.retraction import Retraction

IN_FLIGHT = 4  # jobs
ROUNDS = 8  # times that what was retracted is read again
BY_USER = Halt("stopped by its user")

_log = structlog.get_logger()


class ChainScanner:
    """Scans one chain; jobs of gaps and audits have at most `size` readings."""

    def __init__(self, chain: Chain, pool: ChainPool, progress: Progress, *, clock: Callable[[], float], size: int) -> None:
        self.chain = chain
        self.progress = progress
        self._stopping = False
        self.ended = False
        self._store = progress.store
        self._pool = pool
        self._size = size
        self._driver = Driver(pool, clock, self._deliver)
        self._running: asyncio.Task[Halt] | None = None  # the driver
        self._jobs: dict[int, Job] = {}
        self._numbers = count()
        # handled one at a time: jobs that ended, events of the pool; None only wakes the scanner after a halt
        self._inbox: asyncio.Queue[Job | Quarantined | Reorged | FinalCheckDone | TokensProved | None] = asyncio.Queue()
        self._phase: Phase = ChunkPhase(self._store)
        self._unsettled = False  # something was retracted since the last pass over the gaps began

    def memory(self) -> tuple[int, PoolMemory]:
        """The scan's id and what its pool needs to resume it."""
        return self.progress.record.scan_id, self._pool.memory()

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
        self.ended = True
        self.progress.say_end()

    async def _phases(self, passes: int, *, retry: bool) -> Halt | None:
        """Proof of the tokens, chunks, gaps, audit, final check; whatever was retracted meanwhile is read and audited again."""
        halt = await self._drain(PoolPhase(partial(self._driver.begin_token_proof, self._store.assets)))
        if halt is None and not retry:
            halt = await self._drain(ChunkPhase(self._store))
        for _ in range(passes):
            halt = halt or await self._fill_gaps()
        if halt is not None:
            return halt
        plan = await self._store.audit_plan()
        for _ in range(ROUNDS):
            if self._unsettled:
                halt = await self._fill_gaps()
            if halt is None and plan is not None:
                tolerance = self.chain.head_tolerance
                halt = await self._drain(AuditPhase(self._store, self._pool, self._size, plan=plan, tolerance=tolerance))
            if halt is None and not self._unsettled:
                halt = await self._drain(PoolPhase(self._driver.begin_final_check))
            if halt is not None or not self._unsettled:
                return halt
        return None

    async def _fill_gaps(self) -> Halt | None:
        self._unsettled = False
        return await self._drain(GapPhase(self._store, self._pool, self._size, unread=self.progress.record.unread))

    async def _drain(self, phase: Phase) -> Halt | None:
        """Keep a few jobs of a phase in flight until all have ended; a Halt if the pool or the user ends it first."""
        self._phase = phase
        while True:
            while len(self._jobs) < IN_FLIGHT and not self._stopping and (jobs := await phase.more()) is not None:
                for job in jobs:
                    self._submit(job)
            if not self._jobs and self._inbox.empty() and not phase.waiting:
                return BY_USER if self._stopping else None
            if halt := await self._next():
                return halt

    async def _next(self) -> Halt | None:
        """Handle the next item of the inbox; a Halt if the pool or the user has ended the scan."""
        assert self._running is not None
        match await self._inbox.get():
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
        self._jobs[job.number] = job
        self._ask(job)

    def _ask(self, job: Job) -> None:
        for excluded, readings in job.questions().items():
            self._driver.submit(job.number, readings, budget_free=job.gaps, excluded=excluded)

    async def _commit(self, job: Job) -> None:
        """Commit a job that has all its results, unless an audit has more to ask."""
        if not job.ended or job.number not in self._jobs:
            return
        if job.ask_on():
            self._ask(job)
            return
        await job.commit(self.progress)
        del self._jobs[job.number]
        for provider, evidence in job.contradictions():
            for event in self._pool.contradict(provider, evidence):
                self._inbox.put_nowait(event)

    async def _retract(self, retraction: Retraction) -> None:
        """Read again what is affected: in flight at once, committed balances as gaps."""
        self._unsettled = True
        in_flight = 0
        for job in self._jobs.values():
            in_flight += len(job.affected(retraction))
            if readings := job.retract(retraction):
                self._driver.submit(job.number, readings)
        committed = await self.progress.retract(retraction)
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
        for number, result in actions.ended:
            job = self._jobs[number]
            job.results.append(result)
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


async def _cancel(task: asyncio.Task[Halt]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
