"""The pool of one chain: work-stealing providers and item-level failover, as RESILIENCE.md has it.

Decides synchronously, acts afterwards: `step` says which calls to make, what has ended and when to look again; `finished`
takes in how a call ended. `driver` does the awaiting. Pure: `now` (unix seconds) and jitter are arguments. Who takes what is
in `pulls`, what an outcome means in `outcomes`, when a reading ends in `endings`.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import msgspec

from hdscan.model.chain import Chain
from hdscan.model.errors import CallError
from hdscan.model.provider import Head, Reply
from hdscan.model.reading import Reading
from hdscan.pool.blocks import Blocks, Hashes
from hdscan.pool.endings import Endings
from hdscan.pool.heads import Heads
from hdscan.pool.last_look import LastLook
from hdscan.pool.outage import Outage
from hdscan.pool.outcomes import Outcomes
from hdscan.pool.pulls import Pulls
from hdscan.pool.queue import Item, WorkQueue
from hdscan.pool.seat import Policy, Seat, rfc3339
from hdscan.pool.seats import Seats
from hdscan.pool.step import Call, CheckCall, Looked, Quarantined, Step, Stop


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
        self, chain: Chain, seats: Iterable[Seat], policy: Policy, jitter: Callable[[], float], off: Sequence[str] = ()
    ) -> None:
        self.seats = Seats(seats, policy, off)
        self.requests = 0
        self.calls_in_flight = 0
        self._policy = policy
        self._queue = WorkQueue()
        self._outage = Outage(policy)
        self._endings = Endings(chain, self.seats, self._queue, self._outage, jitter)
        heads, blocks = Heads(chain.head_tolerance), Blocks()
        self._heads, self._blocks = heads, blocks
        self._look = LastLook(self.seats, heads, blocks)
        self._pulls = Pulls(self.seats, heads, blocks, self._queue)
        self._outcomes = Outcomes(
            chain=chain,
            seats=self.seats,
            heads=heads,
            blocks=blocks,
            look=self._look,
            queue=self._queue,
            endings=self._endings,
            policy=policy,
        )
        self._silence_counts = False

    # -- work in

    def submit(
        self, job: int, readings: Sequence[Reading], *, exempt: bool = False, barred: frozenset[str] = frozenset()
    ) -> None:
        """New readings for a job (a number of the caller's, >= 0); `exempt` ones don't wait for the retry budget.

        The providers named in `barred` are not asked for them; where nobody else is left they end as unread.
        """
        self._queue.add(Item(job, reading, exempt=exempt, barred=barred) for reading in readings)

    def operators(self) -> dict[str, str]:
        """The operator of every provider, by the provider's name."""
        return {seat.name: seat.provider.operator for seat in self.seats}

    def contradict(self, provider: str, why: str) -> list[Quarantined]:
        """Two others agree against what a provider said; who is put out of service for it."""
        return self._outcomes.contradicted(provider, why)

    def remember(self, reading: Reading) -> None:
        """A reading that an earlier run could make; asked again where it takes a balance call to see who is alive."""
        self._endings.remember(reading)

    def look_last(self, now: float) -> None:
        """All is read: ask who gave amounts for its head and its blocks once more; ends with a notice, Looked."""
        self._look.begin(now)

    def memory(self) -> PoolMemory:
        """What has to survive a restart in the midst of a scan."""
        look = self._look
        spoke = {endpoint: self._heads.top(endpoint) for endpoint in sorted(look.spoke | look.waiting)}
        known, stated = self._blocks.memory()
        return PoolMemory(self._outcomes.lost(), known, spoke, stated)

    def restore(self, memory: PoolMemory) -> None:
        """Take over what an earlier process knew when it worked at this scan."""
        self._outcomes.restore_lost(memory.lost)
        self._blocks.restore(memory.blocks, memory.stated)
        self._look.spoke |= memory.spoke.keys()
        self._heads.restore(memory.spoke)

    @property
    def busy(self) -> bool:
        """Whether any reading has not ended."""
        return bool(self._has_work or self._look.open or self.calls_in_flight or self._endings.ended)

    @property
    def _has_work(self) -> bool:
        return bool(len(self._queue) or self._outage.parked)

    # -- decide

    def step(self, now: float) -> Step:
        """Decide what to do at `now`."""
        self._outage.tick(now, counts=self._silence_counts)
        calls: list[Call] = []
        if self._look.open:
            for endpoint in self._look.settle(now):
                self._outcomes.sunk(endpoint, now)
            if not self._look.open:
                unheard = self._look.unheard
                names = sorted(seat.name for seat in self.seats if seat.provider.endpoint in unheard)
                self._endings.notices.append(Looked(tuple(names)))
        if self._has_work:
            calls += self._pulls.checks(now)
            calls += self._pulls.reads(now)
            self._endings.settle(now)
            self._endings.offer_overdue(now, self._policy.backoff_max)
            self._endings.offer_again(now)
            calls += self._pulls.reads(now)  # what was split or offered again
        elif self._look.open:
            calls += self._pulls.checks(now, self._look)
        self.requests += len(calls)
        self.calls_in_flight += len(calls)
        stop, wake_at = None, None
        if self._has_work:
            stop = self._stop(now)
            wake_at = self._wake_at(now) if stop is None else None
        elif self._look.open:
            wake_at = min(self._wake_at(now), self._look.wake_at(now))
        # while all is on the wire nobody is kept waiting, and who hangs may leave its readings to others
        self._silence_counts = self._has_work and self._held_until(now) <= now
        return self._told(tuple(calls), wake_at, stop)

    def rest(self) -> Step:
        """What has ended and was not told yet, where no further step will be taken."""
        return self._told((), None, None)

    def _told(self, calls: tuple[Call, ...], wake_at: float | None, stop: Stop | None) -> Step:
        endings = self._endings
        step = Step(calls, tuple(endings.ended), tuple(endings.notices), wake_at, stop)
        endings.ended.clear()
        endings.notices.clear()
        return step

    # -- how calls end

    def finished(self, call: Call, outcome: Reply | Head | str | CallError | None, now: float) -> None:
        """How a call ended: a Reply, a head (None where a proof names none), a block's hash, or why it failed as a whole."""
        self.calls_in_flight -= 1
        if isinstance(call, CheckCall):
            call.seat.checking = False
            assert not isinstance(outcome, Reply)
            self._outcomes.checked(call, outcome, now)
            return
        call.seat.in_flight -= 1
        if isinstance(outcome, Reply):
            self._outcomes.replied(call, outcome, now)
        else:
            assert isinstance(outcome, CallError)
            self._outcomes.failed(call, outcome, now)

    def cancelled(self, call: Call) -> None:
        """A call was given up by the user: neutral, its readings untouched."""
        self.calls_in_flight -= 1
        if isinstance(call, CheckCall):
            call.seat.checking = False
            return
        call.seat.in_flight -= 1
        call.seat.breakers[call.kind].neutral(call.permit)
        for item in call.items:
            item.attempts -= 1
        self._queue.give_front(call.items)

    # -- when to look again, and when to give up

    def _wake_at(self, now: float) -> float:
        """When something may be possible that is not now; a look every backoff_max costs nothing."""
        times = [now + self._policy.backoff_max, now + self._outage.time_left, self._outage.until]
        times.append(self._pulls.introductions_end(now))
        for seat in self.seats.in_service:
            chances = [self.seats.chance(seat, now, (kind,)) for kind in seat.breakers]
            times += [*chances, seat.check_at, seat.limiter.ready_at(1, now)]
            if self._queue.has_returned:
                times += [max(chance, seat.budget.ready_at(now)) for chance in chances]
        return min(time for time in times if time > now)

    def _stop(self, now: float) -> Stop | None:
        limit, reasons = self._policy.outage_limit, partial(self.seats.reasons, now)
        if not self.seats.in_service:
            return Stop(f"no provider is left: {reasons()}")
        held_until = self._held_until(now)
        if held_until - now > limit and not self.calls_in_flight:
            return Stop(f"every provider is paused or out of quota; scan again at {rfc3339(held_until)}: {reasons()}")
        if self._outage.time_left <= 0:
            return Stop(f"no provider answered for {limit:.0f} s: {reasons()}")
        return None

    def _held_until(self, now: float) -> float:
        """Until when everybody is held by what was announced; now where somebody is not."""
        held = (
            seat.limiter.blocked_until(seat.least, now) if seat.limiter.announced_at(now) else now
            for seat in self.seats.in_service
        )
        return min(held, default=now)
