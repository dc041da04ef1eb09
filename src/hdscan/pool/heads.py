"""The heads that a chain's endpoints name, and which of them lie behind."""

from collections.abc import Mapping

RECENT = 5.0  # a head of so many seconds ago is as good as one of now, within every chain's tolerance


class Heads:
    """The latest head per endpoint: block height or slot, and when it was named (unix seconds)."""

    def __init__(self, tolerance: int) -> None:
        self._tolerance = tolerance
        self._heads: dict[str, tuple[int, float]] = {}
        self._tops: dict[str, tuple[int, float]] = {}  # the highest, and when it was first named
        self._low: set[str] = set()  # whose head lies below one that it named before

    def record(self, endpoint: str, head: int, asked: float, now: float) -> bool:
        """An endpoint named its head, asked for at `asked`; whether that lies below one that it had named by then."""
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

    def sinks(self, endpoint: str, head: int) -> bool:
        """Whether `head` lies below the highest by more than the tolerance, and peers don't say that it is merely late."""
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
        """The endpoint's head will not be again what it was: its highest head until now, and the one that counts from here."""
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
        """Endpoints that lag by a head named just now, that head, and by how much: peers that speak later judge too."""
        recent = [(name, head) for name, (head, at) in self._heads.items() if now - at <= RECENT]
        return [(name, head, lag) for name, head in recent if (lag := self.lag(name, head))]

    def lag(self, endpoint: str, head: int) -> int:
        """Blocks by which `head` lies behind the second-highest of the endpoint's peers beyond the tolerance, else 0.

        The second-highest, so that one lying leader makes nobody stale; with fewer than two peers nobody can be judged.
        """
        peers = sorted(height for name, (height, _) in self._heads.items() if name != endpoint)
        if len(peers) < 2 or head >= peers[-2] - self._tolerance:
            return 0
        return peers[-2] - head
