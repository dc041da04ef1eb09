"""Spare capacity: how long a chain that has read everything may audit, and which providers it leaves alone meanwhile."""

from collections.abc import Callable, Iterable, Sequence
from math import ceil

from hdscan.pool.limiter import MINUTE
from hdscan.pool.upstream import Upstream

Fellows = Sequence[Upstream]  # the providers of a chain
SHARE = 0.2  # of a chain's own time, where no other is scanned


class Spare:
    """The spare capacity of one chain. Pure: times are unix seconds."""

    def __init__(self, upstreams: Fellows, *, alone: bool, reading: Callable[[], Iterable[Fellows]]) -> None:
        """`alone`: no other chain is scanned; `reading` gives the providers of the others that have not read everything yet."""
        self._upstreams = upstreams
        self._alone = alone
        self._reading = reading
        self._until = 0.0
        self._reserves: dict[str, int] = {}  # by endpoint: what the scan took, which the next one needs again

    def begin(self, seconds: float, now: float, *, runs: float = 1.0) -> None:
        """The chain has read everything, in so many seconds; it took `runs` times the calls of this process."""
        self._until = now + SHARE * seconds if self._alone else now
        self._reserves = {each.endpoint: ceil(each.limiter.taken * runs) for each in self._upstreams}

    @property
    def least(self) -> int:
        """How many batches are asked in any case: one for every operator, where no other chain is scanned."""
        return len({each.provider.operator for each in self._upstreams}) if self._alone else 0

    def until(self) -> float | None:
        """When it ends; None while another chain reads, which nobody can tell."""
        return None if any(True for _ in self._reading()) else self._until

    def operators(self, units: int, now: float) -> int:
        """How many operators may be asked for so much."""
        leave = self.leave(units, now)
        return len({each.provider.operator for each in self._upstreams if each.name not in leave})

    def leave(self, units: int, now: float) -> frozenset[str]:
        """The providers that are not to be asked for so much: another chain reads there, or the next scan needs the quota."""
        busy = {each.endpoint for upstreams in self._reading() for each in upstreams}
        return frozenset(
            each.name
            for each in self._upstreams
            if each.endpoint in busy or each.limiter.room(now, MINUTE) < self._reserves.get(each.endpoint, 0) + units
        )
