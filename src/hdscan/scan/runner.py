"""A chain's jobs in flight: asked through the pool, committed when they have ended, and retracted where need be.

Second words that are slow are asked for again at the end of the scan, so that no chunk is committed late.
"""

import asyncio
from collections.abc import Callable
from itertools import count

import structlog

from hdscan.model.errors import ChainCode
from hdscan.model.reading import Kind
from hdscan.pool.actions import (
    Actions,
    FinalCheckDone,
    Noted,
    OutageBegan,
    OutageEnded,
    Quarantined,
    Reorged,
    ShortReply,
    TokensProved,
)
from hdscan.pool.chain_pool import ChainPool
from hdscan.pool.driver import Driver
from hdscan.scan.forecast import HASTE
from hdscan.scan.jobs import Job
from hdscan.scan.progress import Progress
from hdscan.scan.retraction import Retraction

IN_FLIGHT = 4  # jobs, those apart that wait for nothing but second words; more where one call takes more
MOST_IN_FLIGHT = 16  # jobs, likewise
SILENCE = 15.0  # seconds without any answer, after which nothing waits for second words

Item = Job | Quarantined | Reorged | FinalCheckDone | TokensProved | None  # None only wakes

_log = structlog.get_logger()


class Runner:
    """Runs jobs on a pool; what is to be handled one at a time comes into `inbox`: jobs that ended, events of the pool."""

    def __init__(self, pool: ChainPool, progress: Progress, clock: Callable[[], float], size: int) -> None:
        """`size` is the most readings of a job."""
        self.driver = Driver(pool, clock, self._deliver)
        self.jobs: dict[int, Job] = {}
        self.inbox: asyncio.Queue[Item] = asyncio.Queue()
        self.late = False  # some chunk did not wait for all its second words
        self.unsettled = False  # something was retracted since the last pass over the gaps began
        self._pool = pool
        self.progress = progress
        self._store = progress.store
        self._chain = progress.record.chain
        self._clock = clock
        self._size = size
        self._numbers = count()
        self._doubted = self._settled = 0

    def wake(self) -> None:
        self.inbox.put_nowait(None)

    @property
    def has_room(self) -> bool:
        begun = sum(not job.corroborates for job in self.jobs.values())
        if begun < IN_FLIGHT and len(self.jobs) < MOST_IN_FLIGHT:
            return True
        return sum(job.size for job in self.jobs.values()) < max(self._size, self._pool.upstreams.at_once(self._clock()))

    @property
    def told_use(self) -> bool:
        """Whether any configured provider tells whether an address was ever used."""
        return bool(self._pool.serving(Kind.USE))

    def but_its_operator(self, provider: str) -> frozenset[str] | None:
        """Whom to leave out when another operator is asked for the use of an address; None where no other is to be asked."""
        every = {upstream.name: upstream.provider for upstream in self._pool.upstreams.every}
        said = every.get(provider)
        operator = provider if said is None else said.operator
        others = any(each.operator != operator for each in self._pool.serving(Kind.USE))
        if not others or (said is not None and said.trusted):
            return None
        return frozenset(name for name, each in every.items() if each.operator == operator)

    def submit(self, job: Job) -> None:
        job.number = next(self._numbers)
        job.heard_at = job.waits_since = self._clock()
        self.jobs[job.number] = job
        self.ask(job)

    def ask(self, job: Job) -> None:
        """Ask what a job has to ask now."""
        for excluded, readings in job.ask().items():
            self.driver.submit(job.number, readings, budget_free=job.gaps, excluded=excluded)

    async def commit(self, job: Job) -> None:
        """Commit a job that has ended."""
        if job.ended and self.jobs.pop(job.number, None) is not None:
            await self._settle(job)

    @property
    def in_flight(self) -> int:
        """The readings of chunks in flight that have ended, but for second words."""
        return sum(len(job.results) + len(job.cases) for job in self.jobs.values() if job.hasty and job.planned)

    @property
    def pending(self) -> int:
        """The second words that chunks in flight wait for."""
        return sum(case.question is not None for job in self.jobs.values() if job.hasty for case in job.cases.values())

    @property
    def doubted(self) -> tuple[int, int]:
        """How many readings of chunks have needed a second word in this run, and of how many that ended."""
        now = sum(len(job.cases) for job in self.jobs.values() if job.hasty)
        return self._doubted + now, self._settled + self.in_flight

    def cut(self, job: Job, index: int) -> None:
        """Ask on about nothing of a job's addresses from an index on."""
        self.driver.withdraw([job.number], index)

    def drop(self, job: Job) -> None:
        """Forget a job."""
        self.driver.withdraw([job.number])
        self.jobs.pop(job.number, None)

    async def _settle(self, job: Job) -> None:
        if job.hasty:
            self._doubted, self._settled = self._doubted + len(job.cases), self._settled + len(job.readings)
        await job.commit(self.progress)
        for provider, evidence in job.contradictions():
            for event in self._pool.contradict(provider, evidence):
                self.inbox.put_nowait(event)

    @property
    def patience(self) -> float | None:
        """The seconds until the next job has waited long enough for second words."""
        return min(map(self._patience, self.jobs.values()), default=None)

    async def let_go(self) -> None:
        """Commit the jobs that have waited long enough for second words."""
        for job in list(self.jobs.values()):
            if self._patience(job) <= 0:
                self.driver.withdraw([job.number])
                del self.jobs[job.number]
                job.give_up()
                self.late = self.late or job.hasty
                await self._settle(job)

    def _patience(self, job: Job) -> float:
        """The seconds that a job's second words may still take: no operator holds up a scan that others can do."""
        if job.idle or not job.questions_only:
            return SILENCE
        until = min(job.heard_at + SILENCE, job.waits_since + HASTE if job.hasty else float("inf"))
        return until - self._clock()

    async def withdraw(self) -> None:
        """Ask on about nothing; what has been decided is kept."""
        jobs, self.jobs = self.jobs, {}
        self.driver.withdraw(jobs.keys())
        for job in jobs.values():
            await self._settle(job)

    async def retract(self, retraction: Retraction) -> None:
        """Read again what is affected: in flight at once, committed balances as gaps."""
        self.unsettled = True
        in_flight = sum(job.affected(retraction) for job in self.jobs.values())
        for job in self.jobs.values():
            job.retract(retraction)
        committed = await self.progress.retract(retraction)
        for job in self.jobs.values():
            if committed and job.readings:
                job.learn(await job.standing(self._store))
            self.ask(job)
        more = f"; {committed} balances that it gave are read again" if committed else ""
        if committed or in_flight or retraction.fork is None:  # a reorg without effect is not reported
            self.progress.say_error(ChainCode(retraction.code), retraction.reason + more)

    async def retract_rest(self) -> None:
        """Apply the retractions that arrived while the scan was ending."""
        while not self.inbox.empty():
            if isinstance(event := self.inbox.get_nowait(), Quarantined | Reorged):
                await self.retract(Retraction.of(event))

    def _deliver(self, actions: Actions) -> None:
        heard: dict[int, Job] = {}
        for number, result in actions.ended:
            if (job := self.jobs.get(number)) is not None:  # otherwise it was withdrawn
                job.heard_at = self._clock()
                if not job.questions_only:
                    job.waits_since = job.heard_at
                job.take(result)
                heard[number] = job
        for job in heard.values():
            self.ask(job)
            if job.ended:
                self.inbox.put_nowait(job)
            elif not job.planned or (job.hasty and job.questions_only and job.waits_since == job.heard_at):
                self.wake()  # there may be more to ask or less, or its patience begins
        for event in actions.events:
            match event:
                case Quarantined() | Reorged() | FinalCheckDone() | TokensProved():
                    self.inbox.put_nowait(event)
                case ShortReply(provider, requested, received):
                    _log.warning("short_reply", provider=provider, requested=requested, received=received)
                case Noted(text):
                    self.progress.say_error(ChainCode.CANARY, text)
                case OutageEnded():
                    _log.info("chain_answers_again", chain=self._chain)
                case OutageBegan(seconds):
                    text = f"no provider of {self._chain} answers; the same work is offered again in {seconds:.1f} s"
                    self.progress.say_error(ChainCode.UNAVAILABLE, text, outage=True)
