"""A provider's place in the pool: its trust, breakers, learned sizes and counts, and whether it can be asked."""

from collections.abc import Sequence
from enum import StrEnum
from math import ceil

import msgspec

from hdscan.model.errors import ReadCode
from hdscan.model.reading import Kind
from hdscan.model.scan import ProviderState, ProviderStatus
from hdscan.model.times import rfc3339_seconds
from hdscan.pool.batch import BatchSize
from hdscan.pool.breaker import Breaker, State
from hdscan.pool.budget import RetryBudget
from hdscan.pool.limiter import Limiter
from hdscan.pool.port import Provider
from hdscan.pool.queue import PendingReading

ANSWER_TIME = 5.0  # a provider that answers within this reaches its rate
FEWEST, MOST = 2, 32
TIP_AGE = 20.0


class Policy(msgspec.Struct, frozen=True):
    """The settings of [scan] that the pool obeys; seconds, and failures for `breaker_threshold`."""

    backoff_base: float = 1.0
    backoff_max: float = 30.0
    outage_limit: float = 600.0
    breaker_threshold: int = 3
    breaker_cooldown: float = 30.0


class Trust(StrEnum):
    """What is known of a provider before its word counts."""

    UNPROVEN = "unproven"  # its chain was not checked yet
    TRUSTED = "trusted"
    LAGGING = "lagging"  # its head is behind its peers'
    QUARANTINED = "quarantined"  # it serves another chain, or others contradict it
    DISABLED = "disabled"  # it refuses our key, or has none

    @property
    def out(self) -> bool:
        """Whether it will not be asked again in this run."""
        return self in (Trust.QUARANTINED, Trust.DISABLED)


class Blockage(msgspec.Struct, frozen=True):
    """Why and until when (unix seconds, may be infinite) a provider cannot be asked, and since when that is so."""

    since: float
    until: float
    reason: str


class Upstream:
    """One provider in the pool of its chain. Pure: times are arguments."""

    def __init__(self, provider: Provider, protocol: str, limiter: Limiter, policy: Policy) -> None:
        self.provider = provider
        self.name = provider.name
        self.protocol = protocol
        self.limiter = limiter
        self.breakers = {kind: Breaker(policy.breaker_threshold, policy.breaker_cooldown) for kind in provider.methods}
        self.sizes = {kind: BatchSize(provider.capacity[kind]) for kind in provider.methods}
        self.budget = RetryBudget()
        self.trust = Trust.UNPROVEN
        self.why: str | None = None  # it is not trusted
        self.in_flight = 0
        self.head: int | None = None
        self.check_at = 0.0
        self.checking = False
        self.check_failures = 0
        self.check_failed_since: float | None = None
        self.doubted_at = float("-inf")  # when its chain was seen to be reorganised
        self.contradicted = 0  # audits that it lost
        self.calls = self.ok = self.failed = self.throttled = 0
        self.last_error: str | None = None
        self._policy = policy

    def serves(self, kind: Kind) -> bool:
        """Whether it can read NATIVE or TOKEN readings at all."""
        return kind in self.breakers

    @property
    def room(self) -> bool:
        """Whether another call may be in flight."""
        return self.in_flight < max(FEWEST, min(MOST, ceil(self.limiter.ceiling * ANSWER_TIME)))

    def units(self, items: Sequence[PendingReading]) -> int:
        """How much of a call's capacity these take."""
        return sum(self.provider.weight[item.reading.kind] for item in items)

    def cost(self, items: Sequence[PendingReading]) -> int:
        """What a call with these counts against the endpoint's rate."""
        return self.units(items) + self.provider.overhead if self.provider.costs_items else 1

    @property
    def least(self) -> int:
        """What a call with any one reading counts at most."""
        provider = self.provider
        return max(provider.weight.values(), default=1) + provider.overhead if provider.costs_items else 1

    def blocked(self, now: float) -> Blockage | None:
        """What keeps the whole provider from being asked, whatever the kind; the ordinary spacing is none."""
        if self.trust.out:
            return Blockage(0.0, float("inf"), self.why or self.trust)
        held = self._held(now)
        if self.trust is Trust.TRUSTED or self.check_failed_since is None:
            return held
        check = Blockage(self.check_failed_since, self.check_at, self.why or self.trust)
        if held is None or held.until <= check.until:
            return check
        return Blockage(min(check.since, held.since), held.until, held.reason)  # it cannot even be checked

    def _held(self, now: float) -> Blockage | None:
        until = self.limiter.quota_until(self.least, now)
        if until <= now:
            return None
        paused = self.limiter.paused_until >= until
        since = self.limiter.paused_since if paused and self.limiter.paused_since is not None else now
        return Blockage(since, until, f"{'paused' if paused else 'quota spent'} until {rfc3339_seconds(until)}")

    def blocked_for(self, kind: Kind, now: float, longest: float | None = None) -> Blockage | None:
        """What keeps a kind of call from being made; `longest` caps an open breaker's wait where nobody else can serve."""
        general = self.blocked(now)
        breaker = self.breakers[kind]
        if breaker.since is None:
            return general
        if breaker.state is State.OPEN and (general is None or general.until < breaker.retry_at(longest)):
            return Blockage(breaker.since, breaker.retry_at(longest), f"circuit open after: {self.last_error}")
        if general is None:
            return None
        return Blockage(min(general.since, breaker.since), general.until, general.reason)

    def able(self, kind: Kind, now: float, longest: float | None, healed_at: float) -> bool:
        """Whether it could take NATIVE or TOKEN readings within backoff_max of having become unable to, or of `healed_at`."""
        if kind not in self.breakers:
            return False
        blockage = self.blocked_for(kind, now, longest)
        return blockage is None or blockage.until - max(blockage.since, healed_at) <= self._policy.backoff_max

    def why_not_asked(self, kind: Kind, now: float) -> str:
        """Why it was not asked for a reading of this kind."""
        blockage = self.blocked_for(kind, now)
        return blockage.reason if blockage else "its turn did not come"

    def needs_check(self, now: float, tip_at: float | None) -> bool:
        """Whether its chain is to be proven, its staleness to be looked at again, or its endpoint's tip to be asked."""
        if self.checking or self.trust.out or now < self.check_at or now < self.limiter.blocked_until(1, now):
            return False
        if self.trust is Trust.TRUSTED:
            return tip_at is None or (not self.provider.states_head and now - tip_at >= TIP_AGE)
        return True

    def status(self, now: float) -> ProviderStatus:
        """The provider as shown to the user."""
        paused = self.limiter.blocked_until(1, now)
        return ProviderStatus(
            name=self.name,
            chain=self.provider.chain,
            protocol=self.protocol,
            state=self._state(now, paused),
            breaker={method: self.breakers[kind].state.value for kind, method in self.provider.methods.items()},
            rate=round(self.limiter.rate, 3),
            paused_until=rfc3339_seconds(paused) if paused > now else None,
            calls=self.calls,
            ok=self.ok,
            failed=self.failed,
            throttled=self.throttled,
            last_error=self.why if self.trust.out else self.last_error,
        )

    def _state(self, now: float, paused_until: float) -> ProviderState:
        states = {breaker.state for breaker in self.breakers.values()}
        by_trust = {
            Trust.DISABLED: ProviderState.DISABLED,
            Trust.QUARANTINED: ProviderState.QUARANTINED,
            Trust.LAGGING: ProviderState.STALE,
        }
        if self.trust in by_trust:
            return by_trust[self.trust]
        if paused_until > now:
            return ProviderState.PAUSED
        if State.CLOSED not in states:
            return ProviderState.HALF_OPEN if State.HALF_OPEN in states else ProviderState.OPEN
        return ProviderState.READY if self.calls else ProviderState.UNUSED

    def note(self, fault: ReadCode, message: str) -> None:
        """Remember a failed call."""
        self.last_error = message
        if fault in (ReadCode.THROTTLED, ReadCode.QUOTA):
            self.throttled += 1
        else:
            self.failed += 1
