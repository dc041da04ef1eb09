"""The providers of a chain together: who is able, how long an open breaker may wait, and when somebody can be asked."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from hdscan.model.reading import Kind
from hdscan.pool.breaker import State
from hdscan.pool.queue import KINDS
from hdscan.pool.seat import Policy, Seat, Standing

NEVER = float("inf")


class Seats:
    """The seats of one chain, who packs most first. Pure: `now` is an argument."""

    def __init__(self, seats: Iterable[Seat], policy: Policy, off: Sequence[str] = ()) -> None:
        self._seats = sorted(seats, key=lambda s: -max(s.provider.capacity.values()))
        self._policy = policy
        self._off = off

    def __iter__(self) -> Iterator[Seat]:
        return iter(self._seats)

    @property
    def in_service(self) -> list[Seat]:
        """Those that were not put out for good."""
        return [seat for seat in self._seats if not seat.standing.out]

    def able(self, now: float, healed_at: float) -> dict[Kind, frozenset[str]]:
        """Who could take NATIVE and TOKEN readings within backoff_max, by name.

        What an outage opened is forgiven when it ends at `healed_at`: every breaker may show then whether it is well.
        """
        return {
            kind: frozenset(seat.name for seat in self.in_service if seat.able(kind, now, self.longest(kind, now), healed_at))
            for kind in KINDS
        }

    def longest(self, kind: Kind, now: float) -> float | None:
        """The longest an open breaker may wait: backoff_max where nobody else can serve this kind of call soon."""
        soon = now + self._policy.backoff_max
        for seat in self._seats:
            breaker = seat.breakers.get(kind)
            closed = breaker is not None and breaker.since is None
            if closed and seat.standing is Standing.TRUSTED and seat.limiter.blocked_until(seat.least, now) <= soon:
                return None
        return self._policy.backoff_max

    def chance(self, seat: Seat, now: float, kinds: Collection[Kind]) -> float:
        """When a provider could be asked for one of these kinds; never, as long as only the end of a call can tell."""
        if seat.standing.out or not seat.room or (seat.checking and seat.standing is not Standing.TRUSTED):
            return NEVER
        ready = max(now, seat.limiter.ready_at(seat.least, now))
        if seat.standing is not Standing.TRUSTED:
            return max(ready, seat.check_at)
        free = [self._free_at(seat, kind, now) for kind in kinds if kind in seat.breakers]
        return max(ready, min(free, default=NEVER))

    def _free_at(self, seat: Seat, kind: Kind, now: float) -> float:
        breaker = seat.breakers[kind]
        if breaker.state is State.HALF_OPEN:
            return now if breaker.allows(now) else NEVER
        return breaker.retry_at(self.longest(kind, now))

    def next_chance(self, now: float, kinds: Collection[Kind]) -> float:
        """When some provider could be asked for one of these kinds at the earliest."""
        return min((self.chance(seat, now, kinds) for seat in self._seats), default=NEVER)

    def reasons(self, now: float) -> str:
        """Every provider with why it is not of use."""
        told = (f"{seat.name}: {seat.why or seat.last_error or _held(seat, now) or 'not asked'}" for seat in self._seats)
        return "; ".join([*told, *self._off]) or "none is configured"


def _held(seat: Seat, now: float) -> str | None:
    blockage = seat.blocked(now)
    return blockage.reason if blockage else None
