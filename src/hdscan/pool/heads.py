"""The heads that a chain's endpoints name, and which of them lag."""

from collections.abc import Mapping

RECENT = 5.0  # seconds in which no chain grows beyond its tolerance


class Heads:
    """The latest head per endpoint: block height or slot, and when it was named (unix seconds)."""

    def __init__(self, tolerance: int) -> None:
        self._tolerance = tolerance
        self._heads: dict[str, tuple[int, float]] = {}
        self._tops: dict[str, tuple[int, float]] = {}  # the highest, and when it was first named
        self._low: set[str] = set()  # whose head is below one that it named before

    def record(self, endpoint: str, head: int, asked: float, now: float) -> bool:
        """An endpoint named its head, asked for at `asked`; whether that is below one that it had named by then."""
        top, named = self._tops.get(endpoint, (-1, 0.0))
        self._heads[endpoint] = (head, now)
        if head > top:
            self._tops[endpoint] = (head, now)
        fell = head < top and asked > named
        if fell:
            self._low.add(endpoint)
        elif head >= top:
            self._low.discard(endpoint)
        return fell

    def has_sunk(self, endpoint: str, head: int) -> bool:
        """Whether `head` is below the highest by more than the tolerance, and not merely behind its peers'."""
        return head < self.top(endpoint) - self._tolerance and not self.lag(endpoint, head)

    def top(self, endpoint: str) -> int:
        """The highest head that the endpoint ever named, 0 where it named none."""
        return self._tops.get(endpoint, (0, 0.0))[0]

    def restore(self, tops: Mapping[str, int]) -> None:
        """Take over the highest heads that were named before a restart."""
        self._tops |= {endpoint: (top, 0.0) for endpoint, top in tops.items()}

    def level(self, endpoint: str) -> bool:
        """Whether the endpoint's head has not fallen, or is back where it was."""
        return endpoint not in self._low

    def roll_back(self, endpoint: str) -> tuple[int, int]:
        """Count from the present head; the highest until now, and the present one."""
        top, (head, at) = self.top(endpoint), self._heads[endpoint]
        self._tops[endpoint] = (head, at)
        self._low.discard(endpoint)
        return top, head

    def forget(self, endpoint: str) -> None:
        """An endpoint is no peer: it serves another chain."""
        self._heads.pop(endpoint, None)
        self._tops.pop(endpoint, None)
        self._low.discard(endpoint)

    def at(self, endpoint: str) -> float | None:
        """When the endpoint last named its head."""
        known = self._heads.get(endpoint)
        return known[1] if known else None

    def of(self, endpoint: str) -> int | None:
        """The endpoint's last head."""
        known = self._heads.get(endpoint)
        return known[0] if known else None

    def laggards(self, now: float) -> list[tuple[str, int, int]]:
        """Endpoints that lag by a head named just now, that head, and by how much."""
        recent = [(name, head) for name, (head, at) in self._heads.items() if now - at <= RECENT]
        return [(name, head, lag) for name, head in recent if (lag := self.lag(name, head))]

    def lag(self, endpoint: str, head: int) -> int:
        """Blocks by which `head` is behind the second-highest of the endpoint's peers, 0 within the tolerance.

        The second-highest, so that one lying leader makes nobody lag; with fewer than two peers nobody does.
        """
        peers = sorted(height for name, (height, _) in self._heads.items() if name != endpoint)
        if len(peers) < 2 or head >= peers[-2] - self._tolerance:
            return 0
        return peers[-2] - head
