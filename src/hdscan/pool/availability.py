"""Whether and until when a provider cannot be asked. Pure: times are arguments, in unix seconds."""

import msgspec

from hdscan.model.reading import Kind
from hdscan.model.times import rfc3339_seconds
from hdscan.pool.breaker import State
from hdscan.pool.upstream import Upstream

NEVER = float("inf")


class Blockage(msgspec.Struct, frozen=True):
    """Since and until when (may be infinite) a provider cannot be asked, and why."""

    since: float
    until: float
    reason: str


def blocked(upstream: Upstream, now: float) -> Blockage | None:
    """What keeps the whole provider from being asked, whatever the kind; the ordinary spacing of calls does not count."""
    if upstream.trust.out:
        return Blockage(0.0, NEVER, upstream.why or upstream.trust)
    paused = _paused(upstream, now)
    if upstream.trusted or upstream.untrusted_since is None:
        return paused
    check = Blockage(upstream.untrusted_since, upstream.check_at, upstream.why or upstream.trust)
    if paused is None or paused.until <= check.until:
        return check
    return Blockage(min(check.since, paused.since), paused.until, paused.reason)  # it cannot even be checked


def _paused(upstream: Upstream, now: float) -> Blockage | None:
    limiter = upstream.limiter
    until = limiter.quota_until(upstream.least, now)
    if until <= now:
        return None
    paused = limiter.paused_until >= until
    since = limiter.paused_since if paused and limiter.paused_since is not None else now
    return Blockage(since, until, f"{'paused' if paused else 'quota spent'} until {rfc3339_seconds(until)}")


def blocked_for(upstream: Upstream, kind: Kind, now: float, longest: float | None = None) -> Blockage | None:
    """What keeps a kind of call from being made; `longest` caps an open breaker's wait where nobody else can serve."""
    general, breaker = blocked(upstream, now), upstream.breakers[kind]
    if breaker.since is None:
        return general
    if breaker.state is State.OPEN and (general is None or general.until < breaker.retry_at(longest)):
        return Blockage(breaker.since, breaker.retry_at(longest), f"circuit open after: {upstream.last_error}")
    if general is None:
        return None
    return Blockage(min(general.since, breaker.since), general.until, general.reason)


def able(upstream: Upstream, kind: Kind, now: float, longest: float | None, *, healed_at: float, patience: float) -> bool:
    """Whether a provider could take such readings within `patience` of having become unable to, or of `healed_at`."""
    if not upstream.serves(kind):
        return False
    blockage = blocked_for(upstream, kind, now, longest)
    return blockage is None or blockage.until - max(blockage.since, healed_at) <= patience


def why_not_asked(upstream: Upstream, kind: Kind, now: float) -> str:
    """Why a provider was not asked for a reading of this kind."""
    blockage = blocked_for(upstream, kind, now)
    return blockage.reason if blockage else "its turn did not come"


def opening(upstream: Upstream, kind: Kind, now: float, longest: float | None) -> float:
    """When the breaker lets a call of this kind through; NEVER while only the end of another call can tell."""
    breaker = upstream.breakers[kind]
    if breaker.state is State.HALF_OPEN:
        return now if breaker.allows(now) else NEVER
    return breaker.retry_at(longest)
