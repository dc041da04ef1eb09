"""When readings end: with an amount, or unread when everybody failed them though something succeeds, and never otherwise.

A reading is stuck when everybody who is able has failed it, or nobody is able. Then

    a good reply failed it, or a call begun after its first failure succeeded    it is split, at last unread
    nobody is able to take it, and a call begun since then succeeded             it is unread
    nothing of the kind                                                          it is parked, and offered again later

While it is parked, a success offers it again at once; one that everybody failed before and after a success is as good as
stuck while something succeeds. Where nothing else is under way that could succeed, what was last read is asked again: a
balance call tells whether anybody is alive, a health check would not.
"""

from collections.abc import Callable, Mapping

from hdscan.model.chain import Asset, Chain
from hdscan.model.errors import ReadCode
from hdscan.model.reading import Balance, BalanceResult, Kind, Reading, Unread
from hdscan.pool.actions import Event, OutageBegan, OutageEnded
from hdscan.pool.outage import Outage
from hdscan.pool.queue import NO_CAP, PendingReading, WorkQueue
from hdscan.pool.upstream import Upstream
from hdscan.pool.upstreams import Upstreams

PROBE_JOB = -1
EXCLUDED = "this question was for another operator"

Able = Mapping[Kind, frozenset[str]]


class Completions:
    """Ends, splits or parks what nobody can take; `ended` and `events` are emptied by their reader."""

    def __init__(
        self, chain: Chain, upstreams: Upstreams, queue: WorkQueue, outage: Outage, jitter: Callable[[], float]
    ) -> None:
        self.ended: list[tuple[int, BalanceResult]] = []
        self.events: list[Event] = []
        self._chain = chain
        self._upstreams = upstreams
        self._queue = queue
        self._outage = outage
        self._jitter = jitter
        self._last_read: Reading | None = None
        self._probing = False
        self._probed = False  # the last thing that was offered was a probe

    def remember(self, reading: Reading) -> None:
        """A reading that could be made before: what to ask to see whether anybody is alive."""
        self._last_read = self._last_read or reading

    def read(self, item: PendingReading, balance: Balance) -> None:
        """A reading ended with an amount."""
        self._last_read = item.reading
        self._end(item, balance)

    def success(self, began: float, now: float, *, heals: bool) -> None:
        """A call that was begun at `began` succeeded; `heals`: the first after every breaker for such calls was open."""
        if self._outage.success(began, now, heals=heals):
            self.events.append(OutageEnded())
        self._probed = False

    def settle(self, now: float) -> None:
        """End, split or park what nobody can take any more."""
        able = self._upstreams.able(now, self._outage.healed_at)
        if self._outage.relieved:
            self._outage.relieved = False
            self._relieve(able, now)
        parked = [item for item in self._queue.take_stuck(able) if not self._conclude(item, able, now)]
        if parked and self._outage.park(parked, now, self._jitter()):
            self._say_silence(now)

    def offer_overdue(self, now: float, patience: float) -> None:
        """Nobody waits for the slowest: what has waited so long for the others is offered to those who failed it, too.

        The next time after twice as long, so that what they all refuse is not asked for again without end.
        """
        overdue = self._queue.take_overdue(now, patience)
        for item in overdue:
            item.offers += 1
            item.offer_again()
        self._queue.give_back(overdue)

    def offer_again(self, now: float) -> None:
        """Offer what is parked, when its wait is over and somebody has nothing better to do; a probe and the same work in turn.

        As long as other work is asked, its success tells whether the parked may be asked, or have to end.
        """
        outage = self._outage
        if not outage.parked or self._probing or now < outage.until:
            return
        probe = None if self._probed or len(self._queue) else self._probe(outage.parked)
        if probe is not None and self._upstreams.earliest_opening(now, (probe.reading.kind,)) <= now:
            self._probing = self._probed = True
            self._queue.add([probe])
        elif self._upstreams.earliest_opening(now, {item.reading.kind for item in outage.parked}) <= now:
            self._probed = False
            self._queue.give_back([self._offered(item) for item in outage.release()])

    def _offered(self, item: PendingReading) -> PendingReading:
        if item.failed_in > 1:
            item.split()
        else:
            item.offer_again()
        return item

    def look_again(self, now: float) -> None:
        """Somebody new can be asked: what is parked need not wait for it."""
        self._outage.until = now

    # -- what is stuck

    def _conclude(self, item: PendingReading, able: Able, now: float) -> bool:
        """Whether a stuck item could be dealt with; otherwise it is to be parked."""
        if item.job == PROBE_JOB:
            self._end_probe(now)
        elif any(able.values()) and not any(self._may_ask(upstream, item) for upstream in self._upstreams.in_service):
            self._unread(item, now, ReadCode.NO_PROVIDER)
        elif item.tried and self._alive(item):
            self._split_or_end(item, able, now)
        else:
            if not item.tried:
                item.since = now
            return False
        return True

    def _relieve(self, able: Able, now: float) -> None:
        """Something succeeded: the parked are offered again, or have shown by now that it is not the chain's fault."""
        kept: list[PendingReading] = []
        for item in self._outage.release():
            reachable = bool(able[item.reading.kind] - item.excluded)
            failed_again = item.failed_twice and bool(item.tried)
            if self._alive(item) and (failed_again or not reachable):
                self._split_or_end(item, able, now)
            elif failed_again or not reachable:
                kept.append(item)
            else:
                item.failed_twice = item.failed_twice or bool(item.tried)
                item.cap = NO_CAP
                item.offer_again()
                self._queue.give_back([item])
        self._outage.parked = kept

    def _may_ask(self, upstream: Upstream, item: PendingReading) -> bool:
        return upstream.serves(item.reading.kind) and upstream.name not in item.excluded

    def _alive(self, item: PendingReading) -> bool:
        return item.answered or (item.since is not None and self._outage.last_success > item.since)

    def _split_or_end(self, item: PendingReading, able: Able, now: float) -> None:
        """A call that fails as a whole everywhere is asked in halves, so that one poisonous reading costs only itself."""
        if item.failed_in > 1 and able[item.reading.kind] - item.excluded:
            item.split()
            self._queue.give_back([item])
        else:
            self._unread(item, now, None)

    # -- is anybody alive?

    def _probe(self, parked: list[PendingReading]) -> PendingReading | None:
        reading = self._last_read
        if reading is None and all(item.reading.kind is Kind.TOKEN for item in parked):
            coin = Asset(self._chain.id, self._chain.symbol, self._chain.decimals)
            reading = Reading(parked[0].reading.index, parked[0].reading.address, coin)
        if reading is None:
            return None
        probe = PendingReading(PROBE_JOB, reading, budget_free=True)
        probe.cap = 1
        return probe

    def _end_probe(self, now: float) -> None:
        self._probing = False
        if self._outage.parked:
            self._outage.wait(now, self._jitter())
            self._say_silence(now)

    def _say_silence(self, now: float) -> None:
        if self._outage.attempt > 1:
            self.events.append(OutageBegan(self._outage.until - now))

    # -- the ends

    def _end(self, item: PendingReading, outcome: Balance | Unread) -> None:
        if item.job == PROBE_JOB:
            self._probing = False
        else:
            self.ended.append((item.job, BalanceResult(item.reading, outcome, tuple(item.history))))

    def _unread(self, item: PendingReading, now: float, code: ReadCode | None) -> None:
        reasons: dict[str, str] = {}
        for upstream in self._upstreams:
            if not upstream.serves(item.reading.kind):
                continue
            known = item.reasons.get(upstream.name)
            excuse = EXCLUDED if upstream.name in item.excluded else upstream.why_not_asked(item.reading.kind, now)
            reasons[upstream.name] = known.message if known else f"not asked: {excuse}"
        if code is None:
            code = list(item.reasons.values())[-1].code if item.reasons else ReadCode.UNAVAILABLE
        text = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        message = (
            f"no provider could read it ({text})" if text else f"no provider is configured for {item.reading.asset.symbol}"
        )
        self._end(item, Unread(code, message, item.attempts, reasons))
