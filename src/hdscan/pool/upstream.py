"""A provider in the pool: the one owner of its trust, breakers, learned sizes and counts. Pure: times are arguments."""

from collections.abc import Sequence
from math import ceil

from hdscan.model.reading import Kind
from hdscan.model.scan import ProviderState, ProviderStatus
from hdscan.model.times import rfc3339_seconds
from hdscan.pool.batch import BatchSize
from hdscan.pool.blanks import Blank, Blanks
from hdscan.pool.breaker import Breaker, Permit, State
from hdscan.pool.budget import RetryBudget
from hdscan.pool.effects import Trust
from hdscan.pool.limiter import Limiter
from hdscan.pool.policy import Policy
from hdscan.pool.port import Provider
from hdscan.pool.queue import PendingReading

ANSWER_TIME = 5.0  # a provider that answers within this reaches its rate
FEWEST, MOST = 2, 32  # calls in flight
STALE_RECHECK = 10.0
MOST_LOST = 2  # audits: with so many a provider is not trusted any more


_SHOWN = {
    Trust.DISABLED: ProviderState.DISABLED,
    Trust.QUARANTINED: ProviderState.QUARANTINED,
    Trust.LAGGING: ProviderState.STALE,
}


class Upstream:
    """One provider in the pool of its chain.

    trust                 verb                                      next
    unproven, lagging     admit: it proved its chain, or named      trusted
                          its head again
    trusted               set_aside: its head lags, or its chain    lagging
                          was reorganised
    unproven, lagging     set_aside                                 the same, to be checked later
    all but quarantined   quarantine                                quarantined, for good
    all but those two     disable: it refuses our key or chain      disabled, for good

    Every check begins with `begin_check` and ends with one of `succeed_check`, `fail_check`, `end_check`; every call with
    `begin_call` and one of `succeed_call`, `blank_call`, `fail_call`, `end_call`. The `end_…` are neutral.
    """

    def __init__(self, provider: Provider, protocol: str, limiter: Limiter, policy: Policy) -> None:
        self.provider = provider
        self.name, self.endpoint = provider.name, provider.endpoint
        self.protocol = protocol
        self.limiter = limiter
        self.sizes = {kind: BatchSize(provider.capacity[kind], provider.first) for kind in provider.methods}
        self.breakers = {kind: Breaker(policy.breaker_threshold, policy.breaker_cooldown) for kind in provider.methods}
        self._blanks = {kind: Blanks(policy.breaker_threshold) for kind in provider.methods}
        self._policy = policy
        self._budget = RetryBudget()
        self._trust = Trust.UNPROVEN
        self._why: str | None = None  # it is not trusted
        self.untrusted_since: float | None = None  # checks fail, or it was set aside
        self._checking = False
        self._check_at = 0.0
        self.rest_until = 0.0  # see `draw`
        self._check_failures = 0
        self._in_flight = 0
        self._audits_lost = 0
        self._calls = self._ok = self._failed = self._throttled = self._amounts = 0
        self.last_error: str | None = None

    @property
    def trust(self) -> Trust:
        return self._trust

    @property
    def trusted(self) -> bool:
        return self._trust is Trust.TRUSTED

    @property
    def why(self) -> str | None:
        return self._why

    def serves(self, kind: Kind) -> bool:
        return kind in self.breakers

    @property
    def checking(self) -> bool:
        return self._checking

    @property
    def busy(self) -> bool:
        return self._checking or self._in_flight > 0

    @property
    def full(self) -> bool:
        """Whether as many calls are in flight as its rate needs, or the one that holds all."""
        return self._in_flight >= self.slots

    @property
    def slots(self) -> int:
        """Calls in flight at most."""
        return 1 if self.provider.gathers else max(FEWEST, min(MOST, ceil(self.limiter.ceiling * ANSWER_TIME)))

    @property
    def check_at(self) -> float:
        return max(self._check_at, self.rest_until)

    @property
    def check_failed(self) -> bool:
        return self._check_failures > 0

    @property
    def audits_lost(self) -> int:
        return self._audits_lost

    def retry_at(self, now: float) -> float:
        return self._budget.ready_at(now)

    def admit(self) -> bool:
        """Trust it, unless it is out; whether that is new. `clear` follows unless its head lags."""
        if self.trusted or self._trust.out:
            return False
        self._trust = Trust.TRUSTED
        return True

    def clear(self) -> None:
        self._why = self.untrusted_since = None

    def set_aside(self, why: str, now: float) -> None:
        self.last_error = why
        self._check_at = now + min(STALE_RECHECK, self._policy.backoff_max)
        if not self._trust.out and self._trust is not Trust.UNPROVEN:
            self._trust = Trust.LAGGING
            self._distrust(why, now)

    def quarantine(self, why: str) -> bool:
        """Ask it no more in this run; whether that is new."""
        if self._trust is Trust.QUARANTINED:
            return False
        self._trust, self._why = Trust.QUARANTINED, why
        return True

    def disable(self, why: str) -> None:
        if not self._trust.out:
            self._trust, self._why = Trust.DISABLED, why

    def lose_audits(self, lost: int) -> bool:
        """It lost so many audits by now; whether those are too many to trust it."""
        self._audits_lost = max(self._audits_lost, lost)
        return self._audits_lost >= MOST_LOST

    def _distrust(self, why: str, now: float) -> None:
        self._why = why
        if self.untrusted_since is None:
            self.untrusted_since = now

    def begin_check(self, now: float, cost: int = 1) -> None:
        self.limiter.take(cost, now)
        self._checking = True
        self._calls += 1

    def end_check(self) -> None:
        self._checking = False

    def succeed_check(self, now: float) -> None:
        self._checking = False
        self.limiter.answered(now)
        self._ok += 1
        self._check_failures = 0
        self._check_at = 0.0

    def fail_check(self, why: str, now: float) -> None:
        """It did not answer, which is unknown, not wrong: check it again after a growing wait."""
        self._checking = False
        if self._trust in (Trust.UNPROVEN, Trust.LAGGING):
            self._distrust(why, now)
        self._check_at = now + min(2.0**self._check_failures, self._policy.backoff_max)
        self._check_failures += 1

    def begin_call(self, kind: Kind, batch: Sequence[PendingReading], now: float, longest: float | None) -> Permit | None:
        """Take the breaker's permit and count the call; None where the breaker gives none."""
        permit = self.breakers[kind].acquire(now, longest)
        if permit is None:
            return None
        self.limiter.take(self.cost(batch), now)
        if all(pending.urgent or pending.budget_free or self.name not in pending.failed_at for pending in batch):
            self._budget.first()
        else:
            self._budget.retry(now)
        self._in_flight += 1
        self._calls += 1
        return permit

    def end_call(self, kind: Kind, permit: Permit) -> None:
        self._in_flight -= 1
        self.breakers[kind].neutral(permit)

    def succeed_call(self, kind: Kind, permit: Permit, units: int, amounts: int, now: float) -> bool:
        """A call of `units` was answered with `amounts`; whether that closed the breaker."""
        self._answered(kind, units, now)
        self._ok += 1
        self._amounts += amounts
        self._blanks[kind].end()
        breaker = self.breakers[kind]
        was_closed = breaker.since is None
        breaker.success(permit, now)
        return not was_closed and breaker.since is None

    def blank_call(self, kind: Kind, permit: Permit, units: int, now: float) -> Blank:
        """A call of `units` was answered, but nothing was read: a half-open breaker learns nothing from that."""
        self._answered(kind, units, now)
        breaker = self.breakers[kind]
        if breaker.state is State.HALF_OPEN:
            breaker.neutral(permit)
        else:
            breaker.success(permit, now)
        return self._blanks[kind].add(kind, permit)

    def disprove(self, blank: Blank, now: float) -> None:
        """Another provider read some of what a blank call asked for; several in a row open the breaker."""
        breaker = self.breakers[blank.kind]
        failures = self._blanks[blank.kind].disprove(blank, probe=breaker.state is State.HALF_OPEN)
        if failures and breaker.disproved(blank.permit, now):
            self._failed += failures

    def _answered(self, kind: Kind, units: int, now: float) -> None:
        self._in_flight -= 1
        self.limiter.succeeded(now)
        self.sizes[kind].accepted(units, now)

    def fail_call(self, kind: Kind, permit: Permit, now: float) -> None:
        self._in_flight -= 1
        self.breakers[kind].failure(permit, now)

    def refuse_size(self, kind: Kind, units: int, now: float) -> None:
        """A call of `units` was too large."""
        self.sizes[kind].refused(units, now)

    def note_error(self, message: str, *, failed: bool = False) -> None:
        """Show this error, and count it where a check or call failed."""
        self._failed += failed
        self.last_error = message

    def throttle(self, message: str, now: float, wait: float | None, *, quota: bool) -> None:
        """Count and show a throttled check or call, and pause the endpoint for `wait` seconds, if stated."""
        self._throttled += 1
        self.last_error = message
        self.limiter.throttled(now, wait, quota=quota)

    def overloaded(self, message: str, began: float, now: float) -> bool:
        """Whether a check or call refused without a word met overload, which is counted and shown as a throttled one."""
        overload = self.limiter.refused(began, now, self._policy.breaker_threshold)
        if overload:
            self._throttled += 1
            self.last_error = message
        return overload

    def units(self, batch: Sequence[PendingReading]) -> int:
        """How much of a call's capacity these take."""
        weights = ((pending.reading.index, self.provider.weight[pending.reading.kind]) for pending in batch)
        return sum(dict(weights).values() if self.provider.by_owner > 1 else (weight for _, weight in weights))

    def cost(self, batch: Sequence[PendingReading]) -> int:
        """What a call with these counts against the endpoint's rate."""
        return self.units(batch) + self.provider.overhead if self.provider.costs_items else 1

    @property
    def least(self) -> int:
        """What a call with any one reading counts at most."""
        return max(self.provider.weight.values(), default=1) + self.provider.overhead if self.provider.costs_items else 1

    def status(self, now: float) -> ProviderStatus:
        paused = self.limiter.blocked_until(1, now)
        return ProviderStatus(
            name=self.name,
            chain=self.provider.chain,
            protocol=self.protocol,
            state=self._state(now, paused),
            breaker={method: self.breakers[kind].state.value for kind, method in self.provider.methods.items()},
            rate=round(self.limiter.rate, 3),
            paused_until=rfc3339_seconds(paused) if paused > now else None,
            calls=self._calls,
            ok=self._ok,
            failed=self._failed,
            throttled=self._throttled,
            amounts=self._amounts,
            last_error=self._why if self._trust.out else self.last_error,
        )

    def _state(self, now: float, paused_until: float) -> ProviderState:
        states = {breaker.state for kind, breaker in self.breakers.items() if kind is not Kind.USE} or {State.CLOSED}
        if self._trust in _SHOWN:
            return _SHOWN[self._trust]
        if paused_until > now:
            return ProviderState.PAUSED
        if State.CLOSED not in states:
            return ProviderState.HALF_OPEN if State.HALF_OPEN in states else ProviderState.OPEN
        return ProviderState.READY if self._calls else ProviderState.UNUSED
