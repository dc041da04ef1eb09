"""The last look at a scan's end: is the chain that every host spoke of still its chain? Pure: `now` is an argument."""

from hdscan.pool.blocks import Blocks
from hdscan.pool.heads import Heads
from hdscan.pool.seat import Standing
from hdscan.pool.seats import Seats

LAST_LOOK = 20.0  # seconds in which a host has to answer
AGAIN = 1.0  # seconds after which one that has not caught up is asked again


class LastLook:
    """Who gave amounts since the look before, and who of them is still to name its head and its blocks."""

    def __init__(self, seats: Seats, heads: Heads, blocks: Blocks) -> None:
        self._seats = seats
        self._heads = heads
        self._blocks = blocks
        self._since = 0.0
        self.spoke: set[str] = set()  # endpoints
        self.open = False
        self.waiting: set[str] = set()

    def begin(self, now: float) -> None:
        """Wait for all who gave amounts and can be asked in time."""
        in_time = now + LAST_LOOK
        self.waiting = self._trusted({s.provider.endpoint for s in self._seats if s.limiter.blocked_until(1, now) < in_time})
        self.waiting &= self.spoke
        for endpoint in self.waiting:
            self._blocks.look_again(endpoint)
        self.spoke.clear()
        self._since, self.open = now, True

    def due(self, endpoint: str, now: float) -> bool:
        """Whether an endpoint is to be asked for its head."""
        at = self._heads.at(endpoint)
        return at is None or at < self._since or now - at >= AGAIN

    def wake_at(self, now: float) -> float:
        """When to look again, whatever happens."""
        return min(now + AGAIN, self._since + LAST_LOOK)

    def settle(self, now: float) -> list[str]:
        """Go on without who has answered, and at the end of the time without all; whose head stayed below what it was."""
        self.waiting = {endpoint for endpoint in self._trusted(self.waiting) if not self._level(endpoint)}
        sunk = []
        if now - self._since >= LAST_LOOK:
            sunk = [e for e in sorted(self.waiting) if self._named(e) and not self._heads.level(e)]
            self.waiting.clear()
        self.open = bool(self.waiting)
        return sunk

    def _trusted(self, endpoints: set[str]) -> set[str]:
        return {s.provider.endpoint for s in self._seats if s.standing is Standing.TRUSTED} & endpoints

    def _named(self, endpoint: str) -> bool:
        return (self._heads.at(endpoint) or 0.0) >= self._since

    def _level(self, endpoint: str) -> bool:
        """Whether its head is as high as it was, and its block there the same."""
        names = any(seat.provider.names_blocks for seat in self._seats if seat.provider.endpoint == endpoint)
        return self._named(endpoint) and self._heads.level(endpoint) and (self._blocks.told(endpoint) or not names)
