"""The last look at a scan's end: is the chain that every host spoke of still its chain? Pure: `now` is an argument."""

from collections.abc import Iterable

from hdscan.pool.blocks import Blocks
from hdscan.pool.heads import Heads
from hdscan.pool.upstream import Trust
from hdscan.pool.upstreams import Upstreams

LAST_LOOK = 20.0  # seconds in which a host has to answer
AGAIN = 2.0  # seconds after which one that has not caught up is asked again


class FinalCheck:
    """Who gave amounts since the look before, and who of them is still to name its head and its blocks."""

    def __init__(self, upstreams: Upstreams, heads: Heads, blocks: Blocks) -> None:
        self._upstreams = upstreams
        self._heads = heads
        self._blocks = blocks
        self._since = 0.0
        self.spoke: set[str] = set()  # endpoints
        self.waiting: set[str] = set()
        self.unheard: set[str] = set()  # of the look that ended last: who could not be asked, or did not answer
        self.open = False

    def begin(self, now: float) -> None:
        """Wait for all who gave amounts and can be asked in time."""
        in_time = {s.provider.endpoint for s in self._upstreams if s.limiter.blocked_until(1, now) < now + LAST_LOOK}
        believed = {s.provider.endpoint for s in self._upstreams if s.trust is not Trust.QUARANTINED}
        self.waiting = self._in_service(self.spoke) & in_time
        self.unheard = (self.spoke & believed) - self.waiting
        self.spoke -= self.waiting
        for endpoint in self.waiting:
            self._blocks.look_again(endpoint)
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
        self.waiting = {endpoint for endpoint in self._in_service(self.waiting) if not self._settled(endpoint)}
        low = sorted(endpoint for endpoint in self.waiting if self._named(endpoint) and not self._heads.level(endpoint))
        for endpoint in low:
            self._blocks.look_again(endpoint)  # when it is back where it was, that may be another block
        if now - self._since < LAST_LOOK:
            low = []
        else:
            self.unheard |= self.waiting - set(low)
            self.spoke |= self.unheard
            self.waiting.clear()
        self.open = bool(self.waiting)
        return low

    def _in_service(self, endpoints: Iterable[str]) -> set[str]:
        return {upstream.provider.endpoint for upstream in self._upstreams.in_service} & set(endpoints)

    def _named(self, endpoint: str) -> bool:
        return (self._heads.at(endpoint) or 0.0) >= self._since

    def _settled(self, endpoint: str) -> bool:
        """Whether its head is as high as it was, and its block there the same."""
        return self._named(endpoint) and self._heads.level(endpoint) and self._blocks.told(endpoint)
