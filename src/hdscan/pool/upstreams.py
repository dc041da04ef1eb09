"""The providers of a chain together: who is able, how long an open breaker may wait, and when somebody can be asked."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from hdscan.model.reading import Kind
from hdscan.pool.availability import NEVER, able, blocked, opening
from hdscan.pool.queue import KINDS
from hdscan.pool.upstream import Policy, Upstream


class Upstreams:
    """The upstreams of one chain, who packs most first; `off` names those that are off, with why."""

    def __init__(self, upstreams: Iterable[Upstream], policy: Policy, off: Sequence[str] = ()) -> None:
        self._upstreams = sorted(upstreams, key=lambda s: -max(s.provider.capacity.values()))
        self._policy = policy
        self._off = off

    def __iter__(self) -> Iterator[Upstream]:
        return iter(self._upstreams)

    def at(self, endpoint: str) -> list[Upstream]:
        """Those that speak to an endpoint."""
        return [each for each in self._upstreams if each.provider.endpoint == endpoint]

    @property
    def in_service(self) -> list[Upstream]:
        """Those that may be asked again in this run."""
        return [upstream for upstream in self._upstreams if not upstream.trust.out]

    @property
    def busy(self) -> bool:
        """Whether any check or call is in flight."""
        return any(upstream.busy for upstream in self._upstreams)

    def able(self, now: float, healed_at: float) -> dict[Kind, frozenset[str]]:
        """Who could take NATIVE and TOKEN readings within backoff_max of having become unable to, by name.

        Breakers that an outage opened get one probe when it ends, at `healed_at`.
        """
        found, patience = {}, self._policy.backoff_max
        for kind in KINDS:
            longest = self.longest(kind, now)
            found[kind] = frozenset(
                each.name for each in self.in_service if able(each, kind, now, longest, healed_at=healed_at, patience=patience)
            )
        return found

    def longest(self, kind: Kind, now: float) -> float | None:
        """The longest an open breaker may wait: backoff_max where nobody else can serve this kind of call soon."""
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
        """When some provider could be asked for one of these kinds at the earliest."""
        return min((self.next_opening(upstream, now, kinds) for upstream in self._upstreams), default=NEVER)

    def reasons(self, now: float) -> str:
        """Every provider with why it is of no use."""
        named = []
        for each in self._upstreams:
            blockage = blocked(each, now)
            why = each.why or each.last_error or (blockage.reason if blockage else "not asked")
            named.append(f"{each.name}: {why}")
        return "; ".join([*named, *self._off]) or "none is configured"
