"""The pool of one chain: work-stealing providers, item-level failover, and what every outcome means (RESILIENCE.md).

Decides synchronously, acts afterwards: `step` says which calls to make, what has ended and when to look again; `finished`
takes in how a call ended. `driver` does the awaiting. Pure: `now` (unix seconds) and jitter are arguments.
"""

from collections.abc import Callable, Iterable, Sequence

from hdscan.model.chain import Asset, Chain
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Missing, Reply
from hdscan.model.reading import Balance, BalanceResult, Kind, ReadError, Reading, Unread
from hdscan.pool.breaker import State
from hdscan.pool.heads import Heads
from hdscan.pool.outage import Outage
from hdscan.pool.queue import NO_CAP, Item, WorkQueue, kind_of
from hdscan.pool.retry_after import retry_after
from hdscan.pool.seat import Policy, Seat, Standing, rfc3339
from hdscan.pool.step import Call, CheckCall, Notice, Quarantined, ReadCall, ShortReply, Silence, Step, Stop

PROBE_JOB = -1
STALE_RECHECK = 10.0
KINDS = (Kind.NATIVE, Kind.TOKEN)


class ChainPool:
    """The state machine. One at a time: `step`, then `finished` for every call it gave, in any order."""

    def __init__(self, chain: Chain, seats: Iterable[Seat], policy: Policy, jitter: Callable[[], float]) -> None:
        # who packs most goes first where several share an endpoint
        self.seats = sorted(seats, key=lambda s: -max(s.provider.capacity.values()))
        self.requests = 0
        self.calls_in_flight = 0
        self._chain = chain
        self._policy = policy
        self._jitter = jitter
        self._heads = Heads(chain.head_tolerance)
        self._queue = WorkQueue()
        self._outage = Outage(policy)
        self._probing = False
        self._silent_counts = True
        self._now = 0.0
        self._ended: list[tuple[int, BalanceResult]] = []
        self._notices: list[Notice] = []

    # -- work in

    def submit(self, job: int, readings: Sequence[Reading], *, exempt: bool = False) -> None:
        """New readings for a job (a number of the caller's, >= 0); `exempt` ones don't wait for the retry budget."""
        self._queue.add(Item(job, reading, exempt=exempt) for reading in readings)

    @property
    def busy(self) -> bool:
        """Whether any reading has not ended."""
        return bool(len(self._queue) or self._outage.parked or self.calls_in_flight or self._ended)

    # -- decide

    def step(self, now: float) -> Step:
        """Decide what to do at `now`."""
        self._now = now
        self._outage.tick(now, counts=self._silent_counts and self.busy)
        calls: list[Call] = []
        if self._has_work:
            if self._outage.parked and now >= self._outage.until and self._next_chance(now) <= now:
                self._offer_again(now)
            calls += self._checks(now)
            calls += self._pulls(now)
            self._settle(now)
            calls += self._pulls(now)  # what was split or offered again in the settling
        self.requests += len(calls)
        self.calls_in_flight += len(calls)
        stop = self._stop(now) if self._has_work else None
        wake_at = self._wake_at(now) if self._has_work and stop is None else None
        step = Step(tuple(calls), tuple(self._ended), tuple(self._notices), wake_at, stop)
        self._ended.clear()
        self._notices.clear()
        return step

    @property
    def _has_work(self) -> bool:
        return bool(len(self._queue) or self._outage.parked)

    def _checks(self, now: float) -> list[Call]:
        calls: list[Call] = []
        for seat in self.seats:
            tip_at = self._heads.at(seat.provider.endpoint)
            if seat.needs_check(now, tip_at) and seat.limiter.ready_at(1, now) <= now:
                seat.limiter.take(1, now)
                seat.checking = True
                seat.calls += 1
                calls.append(CheckCall(seat, proof=seat.standing is Standing.UNPROVEN))
        return calls

    def _pulls(self, now: float) -> list[Call]:
        calls: list[Call] = []
        waiting = list(self.seats)
        while waiting and len(self._queue):
            # one call each in turn, so that nobody takes all of the last work
            served = [(seat, call) for seat in waiting if (call := self._pull(seat, now)) is not None]
            calls += [call for _, call in served]
            waiting = [seat for seat, _ in served]
        return calls

    def _pull(self, seat: Seat, now: float) -> ReadCall | None:
        if seat.standing is not Standing.TRUSTED or not seat.room or seat.limiter.ready_at(1, now) > now:
            return None
        retries = seat.budget.ready_at(now) <= now
        # what must not share a call with the other kind goes first, or it would wait behind all that may
        apart = next((i.reading.kind for i in self._queue.returned if i.separate and seat.name not in i.tried), Kind.MIXED)
        for kind in (apart, Kind.MIXED, Kind.NATIVE, Kind.TOKEN):
            if kind not in seat.breakers or not seat.breakers[kind].allows(now, self._longest(kind)):
                continue
            units = seat.sizes[kind].at(now)
            items = self._queue.pull(seat.name, kind, units, seat.provider.weight, retries=retries)
            if not items:
                continue
            actual = kind_of(items)
            if actual is not kind:
                size = max(1, seat.sizes[actual].at(now) // seat.provider.weight[actual])
                self._queue.give_front(items[size:])
                del items[size:]
            permit = None
            if seat.limiter.ready_at(seat.cost(items), now) <= now:
                permit = seat.breakers[actual].acquire(now, self._longest(actual))
            if permit is None:
                self._queue.give_front(items)
                continue
            self._account(seat, items, now)
            return ReadCall(seat, tuple(items), actual, permit, self._heads.of(seat.provider.endpoint))
        return None

    def _account(self, seat: Seat, items: list[Item], now: float) -> None:
        seat.limiter.take(seat.cost(items), now)
        if all(item.fresh or item.urgent or item.exempt for item in items):
            seat.budget.first()
        else:
            seat.budget.retry(now)
        seat.in_flight += 1
        seat.calls += 1
        for item in items:
            item.attempts += 1
            item.urgent = False

    def _longest(self, kind: Kind) -> float | None:
        """The longest an open breaker may wait: backoff_max where nobody else can serve this kind of call now."""
        soon = self._now + self._policy.backoff_max
        for seat in self.seats:
            breaker = seat.breakers.get(kind)
            if (
                breaker
                and breaker.since is None
                and seat.standing is Standing.TRUSTED
                and seat.limiter.blocked_until(1, soon) <= soon
            ):
                return None
        return self._policy.backoff_max

    # -- outcomes

    def finished(self, call: Call, outcome: Reply | int | CallError | None, now: float) -> None:
        """How a call ended: a Reply, a head (None where a proof names none), or why it failed as a whole."""
        self.calls_in_flight -= 1
        if isinstance(call, CheckCall):
            call.seat.checking = False
            assert not isinstance(outcome, Reply)
            self._checked(call, outcome, now)
            return
        call.seat.in_flight -= 1
        if isinstance(outcome, Reply):
            self._replied(call, outcome, now)
        else:
            assert isinstance(outcome, CallError)
            self._failed(call, outcome, now)

    def cancelled(self, call: Call) -> None:
        """A call was given up by the user: neutral, its readings untouched."""
        self.calls_in_flight -= 1
        if isinstance(call, CheckCall):
            call.seat.checking = False
            return
        call.seat.in_flight -= 1
        call.seat.breakers[call.kind].neutral(call.permit)
        self._queue.give_front(call.items)

    def _checked(self, call: CheckCall, outcome: int | CallError | None, now: float) -> None:
        seat = call.seat
        if isinstance(outcome, CallError):
            # unanswered is unknown, not wrong: tried again later
            seat.note(outcome.fault, outcome.message)
            self._common_fault(seat, outcome, now)
            if seat.standing in (Standing.UNPROVEN, Standing.STALE):
                seat.why = outcome.message
                seat.check_failed_since = now if seat.check_failed_since is None else seat.check_failed_since
            seat.check_at = now + min(2.0**seat.check_failures, self._policy.backoff_max)
            seat.check_failures += 1
            return
        seat.ok += 1
        seat.check_failures = 0
        seat.check_at = 0.0
        if outcome is not None and self._lags(seat, outcome, now):
            return
        if seat.standing in (Standing.UNPROVEN, Standing.STALE):
            seat.standing = Standing.TRUSTED
            seat.why = seat.check_failed_since = None
            self._outage.until = now  # somebody can be asked again

    def _failed(self, call: ReadCall, error: CallError, now: float) -> None:
        seat, breaker = call.seat, call.seat.breakers[call.kind]
        seat.note(error.fault, error.message)
        reason = ReadError(error.fault, error.message)
        units = sum(seat.provider.weight[item.reading.kind] for item in call.items)
        for item in call.items:
            item.reasons[seat.name] = reason
        if error.fault is ReadCode.TOO_LARGE:
            breaker.neutral(call.permit)
            seat.sizes[call.kind].refused(units, now)
            self._halve(call.items, seat.name, reason, now)
        elif self._common_fault(seat, error, now):
            breaker.neutral(call.permit)
        else:
            breaker.failure(call.permit, now)
            for item in call.items:
                item.fail(seat.name, reason, now)
                item.failed_in = len(call.items)
        if call.kind is Kind.MIXED:
            for item in call.items:
                item.separate = True
        self._queue.give_back(call.items)

    def _common_fault(self, seat: Seat, error: CallError, now: float) -> bool:
        """What a fault means for the endpoint or the provider as a whole; False where it is an ordinary failure."""
        match error.fault:
            case ReadCode.THROTTLED | ReadCode.QUOTA:
                wait = retry_after(error.retry_after, error.date, now)
                seat.limiter.throttled(now, wait, quota=error.fault is ReadCode.QUOTA)
            case ReadCode.BAD_KEY:
                seat.standing, seat.why = Standing.DISABLED, error.message
            case ReadCode.WRONG_CHAIN:
                self._heads.forget(seat.provider.endpoint)
                if seat.standing is not Standing.QUARANTINED:
                    seat.standing, seat.why = Standing.QUARANTINED, error.message
                    self._notices.append(Quarantined(seat.name, error.message))
            case ReadCode.STALE:
                self._set_aside(seat, error.message, now)
            case _:
                return False
        return True

    def _replied(self, call: ReadCall, reply: Reply, now: float) -> None:
        seat = call.seat
        if seat.standing is not Standing.TRUSTED or (reply.head is not None and self._lags(seat, reply.head, now)):
            seat.breakers[call.kind].neutral(call.permit)
            reason = ReadError(ReadCode.STALE, seat.why or seat.standing)
            for item in call.items:
                item.reasons[seat.name] = reason
            self._queue.give_back(call.items)
            return
        seat.ok += 1
        seat.breakers[call.kind].success(call.permit, now)
        seat.limiter.succeeded()
        seat.sizes[call.kind].accepted(sum(seat.provider.weight[i.reading.kind] for i in call.items), now)
        back: list[Item] = []
        missing: list[Item] = []
        for item, outcome in zip(call.items, reply.outcomes, strict=True):
            if isinstance(outcome, Balance):
                self._end(item, outcome)
            elif isinstance(outcome, Missing):
                missing.append(item)
            else:
                item.fail(seat.name, outcome, now)
                item.failed_in = 1
                seat.last_error = outcome.message
                back.append(item)
        if missing:
            self._notices.append(ShortReply(seat.name, reply.requested, reply.received))
            text = f"short reply: {reply.received} of {reply.requested} accounts"
            seat.last_error = text
            self._halve(missing, seat.name, ReadError(ReadCode.MISSING, text), now, of=len(call.items))
        self._queue.give_back(missing + back)
        self._succeeded(now)

    def _halve(self, items: Sequence[Item], name: str, reason: ReadError, now: float, of: int | None = None) -> None:
        """Ask these again at once in calls of half the size; one that was alone goes to another provider."""
        asked = of or len(items)
        for item in items:
            item.reasons[name] = reason
            if asked == 1:
                item.fail(name, reason, now)
            else:
                item.cap = min(item.cap, asked // 2)
                item.urgent = True

    def _lags(self, seat: Seat, head: int, now: float) -> bool:
        endpoint = seat.provider.endpoint
        lag = self._heads.lag(endpoint, head)
        self._heads.record(endpoint, head, now)
        if lag:
            self._set_aside(seat, f"its head {head} is {lag} behind its peers'", now)
        return lag > 0

    def _set_aside(self, seat: Seat, why: str, now: float) -> None:
        if seat.check_failed_since is None:
            seat.check_failed_since = now
        seat.standing, seat.why, seat.last_error = Standing.STALE, why, why
        seat.check_at = now + STALE_RECHECK

    # -- endings

    def _succeeded(self, now: float) -> None:
        if self._outage.attempt > 1:
            self._notices.append(Silence(None))
        self._outage.success(now)
        if self._outage.parked:
            self._release(now)

    def _end(self, item: Item, outcome: Balance | Unread) -> None:
        if item.job == PROBE_JOB:
            self._probing = False
        else:
            self._ended.append((item.job, BalanceResult(item.reading, outcome)))

    def _settle(self, now: float) -> None:
        """End, split or park what nobody can take any more."""
        able = {kind: {s.name for s in self.seats if not s.standing.out and s.able(kind, now)} for kind in KINDS}
        usable = bool(able[Kind.NATIVE] or able[Kind.TOKEN])
        stuck = [item for kind in KINDS if not able[kind] for item in self._queue.drain_fresh(kind)]
        for item in self._queue.drain_returned():
            if able[item.reading.kind] <= item.tried:
                stuck.append(item)
            else:
                self._queue.returned.append(item)
        parked = []
        for item in stuck:
            alive = usable and item.since is not None and self._outage.last_success > item.since
            if not any(s.serves(item.reading.kind) and not s.standing.out for s in self.seats) and usable:
                self._unread(item, now, ReadCode.NO_PROVIDER)
            elif alive and item.failed_in > 1 and able[item.reading.kind]:
                self._split(item)
                item.offer_again(now)
                self._queue.returned.append(item)
            elif alive:
                self._unread(item, now, None)
            elif item.job == PROBE_JOB:
                self._probing = False
            else:
                parked.append(item)
        if parked and self._outage.park(parked, now, self._jitter()) and self._outage.attempt > 1:
            self._notices.append(Silence(self._outage.until - now))

    def _split(self, item: Item) -> None:
        """A call that fails as a whole everywhere is asked in halves, so that one poisonous reading costs only itself."""
        item.cap = max(1, item.failed_in // 2)
        item.failed_in = 1

    def _offer_again(self, now: float) -> None:
        parked = self._outage.parked
        if not self._probing and all(item.reading.kind is Kind.TOKEN for item in parked) and len(self._queue) == 0:
            # is anything alive? A balance call tells, a health check would not
            coin = Asset(self._chain.id, self._chain.symbol, self._chain.decimals)
            probed = parked[0].reading
            self._queue.add([Item(PROBE_JOB, Reading(probed.index, probed.address, coin), exempt=True)])
            self._probing = True
        for item in parked:
            if item.failed_in > 1:
                self._split(item)
        self._queue.give_back(self._outage.release(now))

    def _release(self, now: float) -> None:
        released = self._outage.release(now)
        for item in released:
            item.cap = NO_CAP
        self._queue.give_back(released)

    def _unread(self, item: Item, now: float, code: ReadCode | None) -> None:
        reasons: dict[str, str] = {}
        for seat in self.seats:
            if not seat.serves(item.reading.kind):
                continue
            known = item.reasons.get(seat.name)
            reasons[seat.name] = known.message if known else f"not asked: {seat.excuse(item.reading.kind, now)}"
        if code is None:
            codes = [reason.code for reason in item.reasons.values()]
            code = codes[-1] if codes else ReadCode.UNAVAILABLE
        text = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        message = (
            f"no provider could read it ({text})" if text else f"no provider is configured for {item.reading.asset.symbol}"
        )
        self._end(item, Unread(code, message, item.attempts, reasons))

    # -- when to look again, and when to give up

    def _next_chance(self, now: float) -> float:
        """When some provider could be asked for a reading at the earliest; infinite where none is in service."""
        return min((self._chance(seat, now) for seat in self.seats), default=float("inf"))

    def _chance(self, seat: Seat, now: float) -> float:
        if seat.standing.out or not seat.room or (seat.checking and seat.standing is not Standing.TRUSTED):
            return float("inf")  # or when a call comes back
        ready = max(now, seat.limiter.ready_at(1, now))
        if seat.standing is not Standing.TRUSTED:
            return max(ready, seat.check_at)
        free = [
            b.retry_at(self._longest(k)) for k, b in seat.breakers.items() if b.state is not State.HALF_OPEN or b.allows(now)
        ]
        return max(ready, min(free, default=float("inf")))

    def _wake_at(self, now: float) -> float:
        times = [now + self._outage.time_left] if self._silent_counts else []
        for seat in self.seats:
            chance = self._chance(seat, now)
            times += [chance, max(chance, self._outage.until)]
            if self._queue.returned:
                times.append(max(chance, seat.budget.ready_at(now)))
            if not seat.standing.out:
                times.append(seat.check_at)
                times += [b.retry_at(self._longest(k)) for k, b in seat.breakers.items()]
        return min((t for t in times if t > now), default=now + self._policy.backoff_max)

    def _stop(self, now: float) -> Stop | None:
        service = [seat for seat in self.seats if not seat.standing.out]
        if not service:
            return Stop(f"no provider is left: {self._reasons()}")
        held = [seat.limiter.blocked_until(1, now) if seat.limiter.announced_at(now) else now for seat in service]
        self._silent_counts = min(held) <= now
        if min(held) - now > self._policy.outage_limit and not self.calls_in_flight:
            return Stop(f"every provider is paused or out of quota; scan again at {rfc3339(min(held))}: {self._reasons()}")
        if self._outage.time_left <= 0:
            return Stop(f"no provider answered for {self._policy.outage_limit:.0f} s: {self._reasons()}")
        return None

    def _reasons(self) -> str:
        return (
            "; ".join(f"{seat.name}: {seat.why or seat.last_error or 'not asked'}" for seat in self.seats)
            or "none is configured"
        )
