"""The providers of a chain together: which are able, how long an open breaker may wait, and when one can be asked."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import msgspec

from hdscan.model.reading import Kind
from hdscan.model.times import rfc3339_seconds
from hdscan.pool.breaker import State
from hdscan.pool.draw import Draw
from hdscan.pool.policy import Policy
from hdscan.pool.queue import BALANCES, KINDS
from hdscan.pool.upstream import Upstream

NEVER = float("inf")


class Upstreams:
    """The upstreams of one chain that are asked, the largest calls first; `off` names those that are off, with why.

    `chance` draws which of many alike are asked; `every` holds those too that stand by.
    """

    def __init__(
        self,
        upstreams: Iterable[Upstream],
        policy: Policy,
        off: Sequence[str] = (),
        *,
        chance: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.every = sorted(upstreams, key=lambda s: -max(s.provider.capacity.values()))
        self._draw = Draw(self.every, policy.electrum_servers, policy.backoff_max, chance)
        self._upstreams = self._draw.asked
        self._policy = policy
        self._off = off
        self._first = [each for each in self._upstreams if asked_first(each)]

    def __iter__(self) -> Iterator[Upstream]:
        return iter(self._upstreams)

    def named(self, name: str) -> Upstream:
        return next(each for each in self.every if each.name == name)

    def at(self, endpoint: str) -> list[Upstream]:
        return [each for each in self.every if each.endpoint == endpoint]

    def relieve(self, now: float) -> None:
        """Have others take the places of those that are of no use."""
        self._draw.relieve(now)

    def recall(self, endpoints: Collection[str]) -> None:
        """Ask all those of these endpoints again."""
        self._draw.recall(endpoints)

    def another(self, kind: Kind, but: Collection[str], now: float) -> Upstream | None:
        """One that stood by and is asked from now on, for readings of a kind and of none of these names; None without one."""
        return self._draw.another(kind, but, now)

    @property
    def in_service(self) -> list[Upstream]:
        """Those that may be asked again in this run."""
        return [upstream for upstream in self._upstreams if not upstream.trust.out]

    @property
    def busy(self) -> bool:
        return any(upstream.busy for upstream in self.every)

    def able(self, now: float, healed_at: float) -> dict[Kind, frozenset[str]]:
        """The names of those that could take readings of each kind within backoff_max of having become unable to.

        Breakers that an outage opened get one probe when it ends, at `healed_at`.
        """
        found, patience = {}, self._policy.backoff_max
        for kind in KINDS:
            longest = self.longest(kind, now)
            found[kind] = frozenset(
                each.name for each in self.in_service if able(each, kind, now, longest, healed_at=healed_at, patience=patience)
            )
        return found

    def steady(self, now: float) -> dict[Kind, frozenset[str]]:
        """The names of those that can be asked without waiting for them to recover from failures."""
        soon = now + self._policy.backoff_max
        return {kind: frozenset(each.name for each in self.in_service if steady(each, kind, now, soon)) for kind in KINDS}

    def reserved(self, kind: Kind, now: float) -> bool:
        """Whether new readings for this kind of call are kept for those that are asked first, as one of them can take them."""
        kinds = BALANCES if kind is Kind.MIXED else (kind,)
        return any(self._serves_soon(each, each_kind, now) for each in self._first for each_kind in kinds)

    def at_once(self, now: float) -> int:
        """Readings that the one call of a provider that gathers would take now, 0 where there is none."""
        sizes = ((each, kind, size) for each in self._first if each.provider.gathers for kind, size in each.sizes.items())
        return max((size.at(now) for each, kind, size in sizes if self._serves_soon(each, kind, now)), default=0)

    def _serves_soon(self, upstream: Upstream, kind: Kind, now: float) -> bool:
        return not upstream.trust.out and steady(upstream, kind, now, now + self._policy.backoff_max)

    @property
    def gathered(self) -> bool:
        """Whether a call that takes minutes is under way."""
        return any(each.provider.gathers and each.full for each in self._first)

    def longest(self, kind: Kind, now: float) -> float | None:
        """The longest an open breaker may wait: backoff_max where no other can serve this kind of call soon."""
        soon = now + self._policy.backoff_max
        for upstream in self._upstreams:
            breaker = upstream.breakers.get(kind)
            closed = breaker is not None and breaker.since is None
            if closed and upstream.trusted and upstream.limiter.blocked_until(upstream.least, now) <= soon:
                return None
        return self._policy.backoff_max

    def next_opening(self, upstream: Upstream, now: float, kinds: Collection[Kind]) -> float:
        """When a provider could be asked for one of these kinds; NEVER while only the end of a call can tell."""
        if upstream.trust.out or upstream.full or (upstream.checking and not upstream.trusted):
            return NEVER
        ready = max(now, upstream.limiter.ready_at(upstream.least, now))
        if not upstream.trusted:
            return max(ready, upstream.check_at)
        openings = [opening(upstream, kind, now, self.longest(kind, now)) for kind in kinds if upstream.serves(kind)]
        return max(ready, min(openings, default=NEVER))

    def earliest_opening(self, now: float, kinds: Collection[Kind]) -> float:
        return min((self.next_opening(upstream, now, kinds) for upstream in self._upstreams), default=NEVER)

    def reasons(self, now: float) -> str:
        """Every provider with why it is of no use."""
        named = []
        for each in self._upstreams:
            blockage = blocked(each, now)
            why = each.why or each.last_error or (blockage.reason if blockage else "not asked")
            named.append(f"{each.name}: {why}")
        return "; ".join([*named, *self._off]) or "none is configured"


def asked_first(upstream: Upstream) -> bool:
    """Whether new readings go to it rather than to others: the user's own, or one whose call takes all of them."""
    return upstream.provider.trusted or upstream.provider.gathers


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
    """What keeps a kind of call from being made; `longest` caps an open breaker's wait where no other can serve."""
    general, breaker = blocked(upstream, now), upstream.breakers[kind]
    if breaker.since is None:
        return general
    if breaker.state is State.OPEN and (general is None or general.until < breaker.retry_at(longest)):
        return Blockage(breaker.since, breaker.retry_at(longest), f"circuit open after: {upstream.last_error}")
    return None if general is None else Blockage(min(general.since, breaker.since), general.until, general.reason)


def able(upstream: Upstream, kind: Kind, now: float, longest: float | None, *, healed_at: float, patience: float) -> bool:
    """Whether a provider could take such readings within `patience` of having become unable to, or of `healed_at`."""
    if not upstream.serves(kind):
        return False
    blockage = blocked_for(upstream, kind, now, longest)
    return blockage is None or blockage.until - max(blockage.since, healed_at) <= patience


def steady(upstream: Upstream, kind: Kind, now: float, soon: float) -> bool:
    """Whether a provider neither failed such calls nor its checks lately, and no pause holds it until after `soon`."""
    if upstream.untrusted_since is not None or not upstream.serves(kind) or upstream.breakers[kind].since is not None:
        return False
    return upstream.limiter.quota_until(upstream.least, now) <= soon


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
