"""Of many hosts that offer the same to the public (Electrum servers), the few that are asked at a time.

They are drawn anew for every scan, so that no operator sees a whole wallet. One that is gone, slow, lagging, paused, or has
spent its burst gives its place to another.
"""

from collections.abc import Callable, Collection, Sequence

from hdscan.model.reading import Kind
from hdscan.pool.breaker import State
from hdscan.pool.effects import Trust
from hdscan.pool.upstream import Upstream

REST = 3600.0  # seconds for which one that is gone is not tried again
FRESH = 100.0  # units that one taking another's place has to have at once


class Draw:
    """Which of a chain's providers are asked; `chance` gives numbers in [0, 1). Pure: times in unix seconds."""

    def __init__(self, upstreams: Sequence[Upstream], most: int, patience: float, chance: Callable[[], float]) -> None:
        """At most `most` of those that are drawn are asked; one that cannot be used for `patience` seconds is of no use."""
        self.drawn = [each for each in upstreams if each.provider.drawn]
        if len(self.drawn) > most:
            self.drawn.sort(key=lambda _: chance())
        self._patience = patience
        self._standing_by = self.drawn[most:]
        self.asked = [each for each in upstreams if each not in self._standing_by]

    def relieve(self, now: float) -> None:
        """Put others in the places of those that are of no use.

        One that cannot be reached rests, but only while another can be asked: where none can, the fault may be at our end, and
        nobody rests.
        """
        if not self.drawn:
            return
        well = any(each.trusted and not _failing(each, now) for each in self.asked)
        if all(self._gone(each, now) for each in self.asked):
            for each in self.drawn:
                each.rest_until = 0.0
        for each in [each for each in self.asked if each.provider.drawn]:
            if well and _unreachable(each, now):
                each.rest_until = max(each.rest_until, now + REST)
            if self._useless(each, now) and (other := self._fresh(now)):
                if _failing(each, now) or self._late(each, now):
                    each.rest_until = now + REST
                self._standing_by.remove(other)
                self._standing_by.append(each)
                self.asked[self.asked.index(each)] = other
        if all(each.trust.out for each in self.asked):
            others = (each for each in self._standing_by if not each.trust.out)
            if (other := min(others, key=lambda each: each.rest_until, default=None)) is not None:
                self.recall([other.endpoint])

    def recall(self, endpoints: Collection[str]) -> None:
        """Ask all those of these endpoints again, whatever their number, even those that rest."""
        for each in self.drawn:
            if each.endpoint in endpoints:
                each.rest_until = 0.0
        recalled = [each for each in self._standing_by if each.endpoint in endpoints]
        self._standing_by = [each for each in self._standing_by if each not in recalled]
        self.asked += recalled

    def another(self, kind: Kind, but: Collection[str], now: float) -> Upstream | None:
        """Ask one more, for readings of a kind and of none of these names."""
        others = (
            each for each in self._standing_by if each.serves(kind) and each.name not in but and not self._gone(each, now)
        )
        if (other := next(others, None)) is not None:
            self._standing_by.remove(other)
            self.asked.append(other)
        return other

    def _fresh(self, now: float) -> Upstream | None:
        ready = (each for each in self._standing_by if each.limiter.at_once(now) >= min(FRESH, each.limiter.burst / 2))
        return next((each for each in ready if not self._useless(each, now)), None)

    def _useless(self, upstream: Upstream, now: float) -> bool:
        limiter = upstream.limiter
        spent = limiter.at_once(now) <= max(1.0, limiter.ceiling) < limiter.most_at_once
        return spent or self._gone(upstream, now)

    def _gone(self, upstream: Upstream, now: float) -> bool:
        held = max(upstream.rest_until, upstream.limiter.blocked_until(upstream.least, now) - self._patience) > now
        fails = _unreachable(upstream, now) or _failing(upstream, now) or self._late(upstream, now)
        return upstream.trust.out or held or fails

    def _late(self, upstream: Upstream, now: float) -> bool:
        """Whether it has lagged for long, and is not due to be asked for its head."""
        since = upstream.untrusted_since if upstream.trust is Trust.LAGGING else None
        return since is not None and now - since > self._patience and upstream.check_at > now


def _unreachable(upstream: Upstream, now: float) -> bool:
    """Whether it could not be reached, and is not due to be tried again."""
    return upstream.check_failed and upstream.trust is Trust.UNPROVEN and upstream.check_at > now


def _failing(upstream: Upstream, now: float) -> bool:
    return not all(breaker.allows(now) for breaker in upstream.breakers.values() if breaker.state is State.OPEN)
