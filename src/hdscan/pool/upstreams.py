"""The providers of a chain together: who is able, how long an open breaker may wait, and when somebody can be asked."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from hdscan.model.reading import Kind
from hdscan.pool.breaker import State
from hdscan.pool.queue import KINDS
from hdscan.pool.upstream import Policy, Trust, Upstream

NEVER = float("inf")


class Upstreams:
    """The upstreams of one chain, who packs most first. Pure: `now` is an argument."""

    def __init__(self, upstreams: Iterable[Upstream], policy: Policy, off: Sequence[str] = ()) -> None:
        self._upstreams = sorted(upstreams, key=lambda s: -max(s.provider.capacity.values()))
        self._policy = policy
        self._off = off

    def __iter__(self) -> Iterator[Upstream]:
        return iter(self._upstreams)

    @property
    def in_service(self) -> list[Upstream]:
        """Those that were not put out for good."""
        return [upstream for upstream in self._upstreams if not upstream.trust.out]

    def able(self, now: float, healed_at: float) -> dict[Kind, frozenset[str]]:
        """Who could take NATIVE and TOKEN readings within backoff_max, by name.

        What an outage opened is forgiven when it ends at `healed_at`: every breaker may show then whether it is well.
        """
        return {
            kind: frozenset(
                upstream.name for upstream in self.in_service if upstream.able(kind, now, self.longest(kind, now), healed_at)
            )
            for kind in KINDS
        }

    def longest(self, kind: Kind, now: float) -> float | None:
        """The longest an open breaker may wait: backoff_max where nobody else can serve this kind of call soon."""
        soon = now + self._policy.backoff_max
        for upstream in self._upstreams:
            breaker = upstream.breakers.get(kind)
            closed = breaker is not None and breaker.since is None
            if closed and upstream.trust is Trust.TRUSTED and upstream.limiter.blocked_until(upstream.least, now) <= soon:
                return None
        return self._policy.backoff_max

    def next_opening(self, upstream: Upstream, now: float, kinds: Collection[Kind]) -> float:
        """When a provider could be asked for one of these kinds; never, as long as only the end of a call can tell."""
        if upstream.trust.out or not upstream.room or (upstream.checking and upstream.trust is not Trust.TRUSTED):
            return NEVER
        ready = max(now, upstream.limiter.ready_at(upstream.least, now))
        if upstream.trust is not Trust.TRUSTED:
            return max(ready, upstream.check_at)
        free = [self._free_at(upstream, kind, now) for kind in kinds if kind in upstream.breakers]
        return max(ready, min(free, default=NEVER))

    def _free_at(self, upstream: Upstream, kind: Kind, now: float) -> float:
        breaker = upstream.breakers[kind]
        if breaker.state is State.HALF_OPEN:
            return now if breaker.allows(now) else NEVER
        return breaker.retry_at(self.longest(kind, now))

    def earliest_opening(self, now: float, kinds: Collection[Kind]) -> float:
        """When some provider could be asked for one of these kinds at the earliest."""
        return min((self.next_opening(upstream, now, kinds) for upstream in self._upstreams), default=NEVER)

    def reasons(self, now: float) -> str:
        """Every provider with why it is not of use."""
        told = (
            f"{upstream.name}: {upstream.why or upstream.last_error or _held(upstream, now) or 'not asked'}"
            for upstream in self._upstreams
        )
        return "; ".join([*told, *self._off]) or "none is configured"


def _held(upstream: Upstream, now: float) -> str | None:
    blockage = upstream.blocked(now)
    return blockage.reason if blockage else None
