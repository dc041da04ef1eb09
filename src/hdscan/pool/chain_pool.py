"""The pool of one chain: work-stealing providers and item-level failover, as RESILIENCE.md has it.

Decides synchronously, acts afterwards: `step` says which calls to make, what has ended and when to look again; `finished`
takes in how a call ended. `driver` does the awaiting. Pure: `now` (unix seconds) and jitter are arguments. Who takes what is
in `pulls`, what an outcome means in `outcomes`, when a reading ends in `completions`.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import msgspec

from hdscan.model.chain import Chain
from hdscan.model.errors import CallError
from hdscan.model.provider import Head, Reply
from hdscan.model.reading import Reading
from hdscan.model.times import rfc3339_seconds
from hdscan.pool.actions import Actions, Call, CheckCall, FinalCheckDone, Halt, Quarantined
from hdscan.pool.blocks import Blocks, Hashes
from hdscan.pool.completions import Completions
from hdscan.pool.dispatcher import Dispatcher
from hdscan.pool.final_check import FinalCheck
from hdscan.pool.heads import Heads
from hdscan.pool.outage import Outage
from hdscan.pool.queue import PendingReading, WorkQueue
from hdscan.pool.reply_handler import ReplyHandler
from hdscan.pool.upstream import Policy, Upstream
from hdscan.pool.upstreams import Upstreams


class PoolMemory(msgspec.Struct, frozen=True):
    """What a resumed scan has to know.

    Audits lost by provider, the hashes of blocks by endpoint and height, those that were only stated and not confirmed, and the
    endpoints that gave amounts since they were last looked at, each with the highest head that it named.
    """

    lost: dict[str, int]
    blocks: Hashes
    spoke: dict[str, int]
    stated: Hashes = {}


class ChainPool:
    """The state machine. One at a time: `step`, then `finished` for every call it gave, in any order.

    `off` names the providers that are not seated and why, for the sentence that says that nobody is left.
    """

    def __init__(
        self, chain: Chain, upstreams: Iterable[Upstream], policy: Policy, jitter: Callable[[], float], off: Sequence[str] = ()
    ) -> None:
        self.upstreams = Upstreams(upstreams, policy, off)
        self.requests = 0
        self.calls_in_flight = 0
        self._policy = policy
        self._queue = WorkQueue()
        self._outage = Outage(policy)
        self._completions = Completions(chain, self.upstreams, self._queue, self._outage, jitter)
        heads, blocks = Heads(chain.head_tolerance), Blocks()
        self._heads, self._blocks = heads, blocks
        self._final_check = FinalCheck(self.upstreams, heads, blocks)
        self._dispatcher = Dispatcher(self.upstreams, heads, blocks, self._queue)
        self._replies = ReplyHandler(
            chain=chain,
            upstreams=self.upstreams,
            heads=heads,
            blocks=blocks,
            look=self._final_check,
            queue=self._queue,
            completions=self._completions,
            policy=policy,
        )
        self._silence_counts = False

    # -- work in

    def submit(
        self, job: int, readings: Sequence[Reading], *, budget_free: bool = False, excluded: frozenset[str] = frozenset()
    ) -> None:
        """New readings for a job (a number of the caller's, >= 0); `budget_free` ones don't wait for the retry budget.

        The providers named in `excluded` are not asked for them; where nobody else is left they end as unread.
        """
        self._queue.add(PendingReading(job, reading, budget_free=budget_free, excluded=excluded) for reading in readings)

    def operators(self) -> dict[str, str]:
        """The operator of every provider, by the provider's name."""
        return {upstream.name: upstream.provider.operator for upstream in self.upstreams}

    def contradict(self, provider: str, why: str) -> list[Quarantined]:
        """Two others agree against what a provider said; who is put out of service for it."""
        return self._replies.contradicted(provider, why)

    def remember(self, reading: Reading) -> None:
        """A reading that an earlier run could make; asked again where it takes a balance call to see who is alive."""
        self._completions.remember(reading)

    def begin_final_check(self, now: float) -> None:
        """All is read: ask who gave amounts for its head and its blocks once more; ends with the event FinalCheckDone."""
        self._final_check.begin(now)

    def memory(self) -> PoolMemory:
        """What has to survive a restart in the midst of a scan."""
        look = self._final_check
        spoke = {endpoint: self._heads.top(endpoint) for endpoint in sorted(look.spoke | look.waiting)}
        known, stated = self._blocks.memory()
        return PoolMemory(self._replies.lost(), known, spoke, stated)

    def restore(self, memory: PoolMemory) -> None:
        """Take over what an earlier process knew when it worked at this scan."""
        self._replies.restore_lost(memory.lost)
        self._blocks.restore(memory.blocks, memory.stated)
        self._final_check.spoke |= memory.spoke.keys()
        self._heads.restore(memory.spoke)

    @property
    def busy(self) -> bool:
        """Whether any reading has not ended."""
        return bool(self._has_work or self._final_check.open or self.calls_in_flight or self._completions.ended)

    @property
    def _has_work(self) -> bool:
        return bool(len(self._queue) or self._outage.parked)

    # -- decide

    def step(self, now: float) -> Actions:
        """Decide what to do at `now`."""
        self._outage.tick(now, counts=self._silence_counts)
        calls: list[Call] = []
        if self._final_check.open:
            for endpoint in self._final_check.settle(now):
                self._replies.rolled_back(endpoint, now)
            if not self._final_check.open:
                unheard = self._final_check.unheard
                names = sorted(upstream.name for upstream in self.upstreams if upstream.provider.endpoint in unheard)
                self._completions.events.append(FinalCheckDone(tuple(names)))
        if self._has_work:
            calls += self._dispatcher.checks(now)
            calls += self._dispatcher.reads(now)
            self._completions.settle(now)
            self._completions.offer_overdue(now, self._policy.backoff_max)
            self._completions.offer_again(now)
            calls += self._dispatcher.reads(now)  # what was split or offered again
        elif self._final_check.open:
            calls += self._dispatcher.checks(now, self._final_check)
        self.requests += len(calls)
        self.calls_in_flight += len(calls)
        halt, wake_at = None, None
        if self._has_work:
            halt = self._halt(now)
            wake_at = self._wake_at(now) if halt is None else None
        elif self._final_check.open:
            wake_at = min(self._wake_at(now), self._final_check.wake_at(now))
        # while all is on the wire nobody is kept waiting, and who hangs may leave its readings to others
        self._silence_counts = self._has_work and self._held_until(now) <= now
        return self._told(tuple(calls), wake_at, halt)

    def rest(self) -> Actions:
        """What has ended and was not told yet, where no further step will be taken."""
        return self._told((), None, None)

    def _told(self, calls: tuple[Call, ...], wake_at: float | None, halt: Halt | None) -> Actions:
        completions = self._completions
        step = Actions(calls, tuple(completions.ended), tuple(completions.events), wake_at, halt)
        completions.ended.clear()
        completions.events.clear()
        return step

    # -- how calls end

    def finished(self, call: Call, outcome: Reply | Head | str | CallError | None, now: float) -> None:
        """How a call ended: a Reply, a head (None where a proof names none), a block's hash, or why it failed as a whole."""
        self.calls_in_flight -= 1
        if isinstance(call, CheckCall):
            call.upstream.checking = False
            assert not isinstance(outcome, Reply)
            self._replies.checked(call, outcome, now)
            return
        call.upstream.in_flight -= 1
        if isinstance(outcome, Reply):
            self._replies.replied(call, outcome, now)
        else:
            assert isinstance(outcome, CallError)
            self._replies.failed(call, outcome, now)

    def cancelled(self, call: Call) -> None:
        """A call was given up by the user: neutral, its readings untouched."""
        self.calls_in_flight -= 1
        if isinstance(call, CheckCall):
            call.upstream.checking = False
            return
        call.upstream.in_flight -= 1
        call.upstream.breakers[call.kind].neutral(call.permit)
        for item in call.items:
            item.attempts -= 1
        self._queue.give_front(call.items)

    # -- when to look again, and when to give up

    def _wake_at(self, now: float) -> float:
        """When something may be possible that is not now; a look every backoff_max costs nothing."""
        times = [now + self._policy.backoff_max, now + self._outage.time_left, self._outage.until]
        times.append(self._dispatcher.introductions_end(now))
        for upstream in self.upstreams.in_service:
            openings = [self.upstreams.next_opening(upstream, now, (kind,)) for kind in upstream.breakers]
            times += [*openings, upstream.check_at, upstream.limiter.ready_at(1, now)]
            if self._queue.has_returned:
                times += [max(opening, upstream.budget.ready_at(now)) for opening in openings]
        return min(time for time in times if time > now)

    def _halt(self, now: float) -> Halt | None:
        limit, reasons = self._policy.outage_limit, partial(self.upstreams.reasons, now)
        if not self.upstreams.in_service:
            return Halt(f"no provider is left: {reasons()}")
        held_until = self._held_until(now)
        if held_until - now > limit and not self.calls_in_flight:
            return Halt(f"every provider is paused or out of quota; scan again at {rfc3339_seconds(held_until)}: {reasons()}")
        if self._outage.time_left <= 0:
            return Halt(f"no provider answered for {limit:.0f} s: {reasons()}")
        return None

    def _held_until(self, now: float) -> float:
        """Until when everybody is held by what was announced; now where somebody is not."""
        held = (
            upstream.limiter.blocked_until(upstream.least, now) if upstream.limiter.announced_at(now) else now
            for upstream in self.upstreams.in_service
        )
        return min(held, default=now)
