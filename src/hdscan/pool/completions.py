"""When readings end: with an amount, or unread once every provider failed them while something succeeds; never otherwise.

A reading is stuck when every able provider has failed it, or none is able. Then

    a good reply failed it, or a call begun after its first failure succeeded    it is split, at last unread
    no provider is able to take it, and a call begun since then succeeded        it is unread
    it asks for a second word                                                    it is split, at last unread
    nothing of the kind                                                          it is parked, and offered again later

A success offers what is parked at once; a reading that all failed before and after a success counts as stuck while
something succeeds. Where nothing else is under way that could succeed, the last reading that was read is asked again: a balance
call shows whether any provider is alive, a health check would not.
"""

from collections.abc import Callable

import msgspec

from hdscan.model.chain import Asset
from hdscan.model.errors import ReadCode
from hdscan.model.reading import Balance, BalanceResult, Kind, Reading, Unread
from hdscan.pool.actions import OutageBegan, OutageEnded, Outbox
from hdscan.pool.outage import Outage
from hdscan.pool.queue import NO_CAP, Able, PendingReading, WorkQueue
from hdscan.pool.upstream import Upstream
from hdscan.pool.upstreams import Upstreams, why_not_asked

PROBE_JOB = -1
EXCLUDED = "this question was for another operator"
UNTOLD = "no configured provider tells whether an address was ever used"


class Completions(msgspec.Struct, eq=False):
    """Ends, splits or parks what no provider can take."""

    _coin: Asset
    _upstreams: Upstreams
    _queue: WorkQueue
    _outbox: Outbox
    _outage: Outage
    _jitter: Callable[[], float]
    _last_read: Reading | None = None
    _probing: bool = False
    _probed: bool = False  # the last thing that was offered was a probe
    _others: list[Upstream] = []  # that stood by until what is settled now needed them

    def remember(self, reading: Reading) -> None:
        """A reading that was read before: what to ask to see whether any provider is alive."""
        self._last_read = self._last_read or reading

    def read(self, pending: PendingReading, balance: Balance) -> None:
        if pending.reading.kind is not Kind.USE:  # which few can tell
            self._last_read = pending.reading
        self._end(pending, balance)

    def success(self, began: float, now: float, *, heals: bool) -> None:
        """A call begun at `began` succeeded; `heals`: the first after every breaker for such calls was open."""
        if self._outage.success(began, now, heals=heals):
            self._outbox.events.append(OutageEnded())
        self._probed = False

    def settle(self, now: float) -> None:
        """End, split or park what no provider can take any more."""
        able = self._upstreams.able(now, self._outage.healed_at)
        self._others = []
        if self._outage.relieved:
            self._outage.relieved = False
            self._relieve(able, now)
        steady = self._upstreams.steady(now)
        stuck = self._queue.take_stuck(able, steady)
        parked = [pending for pending in stuck if not self._conclude(pending, steady if pending.question else able, now)]
        if parked and self._outage.park(parked, now, self._jitter()):
            self._say_outage(now)

    def offer_again(self, now: float) -> None:
        """Offer what is parked once its wait is over and a provider is free: a probe and the same work in turn.

        While other work is asked, its success decides whether the parked are asked again or end.
        """
        outage = self._outage
        if not outage.parked or self._probing or now < outage.until:
            return
        probe = None if self._probed or len(self._queue) else self._probe(outage.parked)
        if probe is not None and self._upstreams.earliest_opening(now, (probe.reading.kind,)) <= now:
            self._probing = self._probed = True
            self._queue.add([probe])
        elif self._upstreams.earliest_opening(now, {pending.reading.kind for pending in outage.parked}) <= now:
            self._probed = False
            offered = outage.release()
            for pending in offered:
                if pending.failed_in > 1:
                    pending.split()
                else:
                    pending.offer_again()
            self._queue.give_back(offered)

    def end_wait(self, now: float) -> None:
        """Another provider can be asked: what is parked need not wait."""
        self._outage.until = now

    def _conclude(self, pending: PendingReading, able: Able, now: float) -> bool:
        """Whether a stuck reading was dealt with; otherwise it is to be parked."""
        if pending.job == PROBE_JOB:
            self._end_probe(now)
        elif any(able.values()) and not any(
            each.serves(pending.reading.kind) and each.name not in pending.excluded for each in self._upstreams.in_service
        ):
            if not self._ask_another(pending, now):
                self._unread(pending, now, ReadCode.NO_PROVIDER)
        elif pending.question or (pending.tried and self._alive(pending)):
            self._split_or_end(pending, able, now)
        else:
            if not pending.tried:
                pending.since = now
            return False
        return True

    def _relieve(self, able: Able, now: float) -> None:
        """Something succeeded: the parked are offered again, or have shown that the chain is not at fault."""
        kept: list[PendingReading] = []
        for pending in self._outage.release():
            reachable = bool(able[pending.reading.kind] - pending.excluded)
            failed_again = pending.failed_twice and bool(pending.tried)
            if reachable and not failed_again:
                pending.failed_twice = pending.failed_twice or bool(pending.tried)
                pending.cap = NO_CAP
                pending.offer_again()
                self._queue.give_back([pending])
            elif self._alive(pending):
                self._split_or_end(pending, able, now)
            else:
                kept.append(pending)
        self._outage.parked += kept

    def _alive(self, pending: PendingReading) -> bool:
        return pending.answered or (pending.since is not None and self._outage.last_success > pending.since)

    def _split_or_end(self, pending: PendingReading, able: Able, now: float) -> None:
        """Ask a call that failed as a whole everywhere in halves, so that one poisonous reading costs only itself."""
        if pending.failed_in > 1 and able[pending.reading.kind] - pending.excluded:
            pending.split()
            self._queue.give_back([pending])
        elif not self._ask_another(pending, now):
            self._unread(pending, now, None)

    def _ask_another(self, pending: PendingReading, now: float) -> bool:
        """Whether one that stood by can be asked for what nobody else can tell."""
        kind, closed_to = pending.reading.kind, pending.tried | pending.excluded
        if not any(each.serves(kind) and each.name not in closed_to for each in self._others):
            if (other := self._upstreams.another(kind, closed_to, now)) is None:
                return False
            self._others.append(other)
        self._queue.give_back([pending])
        return True

    def _probe(self, parked: list[PendingReading]) -> PendingReading | None:
        reading = self._last_read
        if reading is None and all(pending.reading.kind is not Kind.NATIVE for pending in parked):
            reading = Reading(parked[0].reading.index, parked[0].reading.address, self._coin)
        return None if reading is None else PendingReading(PROBE_JOB, reading, budget_free=True, cap=1)

    def _end_probe(self, now: float) -> None:
        self._probing = False
        if self._outage.parked:
            self._outage.wait(now, self._jitter())
            self._say_outage(now)

    def _say_outage(self, now: float) -> None:
        if self._outage.attempt > 1:
            self._outbox.events.append(OutageBegan(self._outage.until - now))

    def _end(self, pending: PendingReading, outcome: Balance | Unread) -> None:
        if pending.job == PROBE_JOB:
            self._probing = False
        else:
            self._outbox.ended.append((pending.job, BalanceResult(pending.reading, outcome, pending.history)))

    def _unread(self, pending: PendingReading, now: float, code: ReadCode | None) -> None:
        kind, reasons = pending.reading.kind, dict[str, str]()
        for upstream in self._upstreams.every:
            if known := pending.reasons.get(upstream.name):
                reasons[upstream.name] = known.message
            elif upstream.serves(kind):
                why = EXCLUDED if upstream.name in pending.excluded else why_not_asked(upstream, kind, now)
                reasons[upstream.name] = f"not asked: {why}"
        if code is None:
            code = list(pending.reasons.values())[-1].code if pending.reasons else ReadCode.UNAVAILABLE
        text = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        nobody = UNTOLD if kind is Kind.USE else f"no provider is configured for {pending.reading.asset.symbol}"
        message = f"no provider could read it ({text})" if text else nobody
        self._end(pending, Unread(code, message, pending.attempts, reasons))
