"""Which blocks the endpoints stand on, to see when a chain that was read is no longer the chain. Pure.

Per endpoint the hashes at its former heads are kept. When its head changes, the hash at the new one is asked, and then that at
the last of the former again: in this order nothing that happens between the two questions is missed. Where one has changed,
the older ones are asked until one has not: the fork is above it.
"""

from collections.abc import Mapping

KEPT = 50  # hashes per endpoint
EVERY = 20.0  # seconds between two looks at an endpoint, however often it names its head


class Blocks:
    """The hashes that every endpoint named at its heads, and which are to be asked next."""

    def __init__(self) -> None:
        self._known: dict[str, dict[int, str]] = {}
        self._heads: dict[str, tuple[int, float]] = {}  # and when it was named
        self._todo: dict[str, list[int]] = {}
        self._gone: set[str] = set()  # whose chain has changed, it is not yet known how far down

    def memory(self) -> dict[str, dict[int, str]]:
        """The hashes that are known, by endpoint and height."""
        return {endpoint: dict(known) for endpoint, known in self._known.items() if known}

    def restore(self, memory: Mapping[str, Mapping[int, str]]) -> None:
        """Take over what was known before a restart: the next heads raise the questions."""
        self._known |= {endpoint: dict(known) for endpoint, known in memory.items()}

    def head(self, endpoint: str, height: int, now: float) -> None:
        """An endpoint named its head."""
        looked = self._heads.get(endpoint)
        if looked is not None and (looked[0] == height or now - looked[1] < EVERY):
            return
        self._heads[endpoint] = height, now
        before = [known for known in self._known.get(endpoint, {}) if known <= height]
        self._todo[endpoint] = list(dict.fromkeys([height, max(before)])) if before else [height]

    def question(self, endpoint: str) -> int | None:
        """The height at which the endpoint is to be asked for its block's hash, if any."""
        todo = self._todo.get(endpoint)
        return todo[0] if todo else None

    def named(self, endpoint: str, height: int, block: str) -> int | None:
        """An endpoint named a block; the first height at which its chain is another than before, once that is known."""
        known = self._known.setdefault(endpoint, {})
        todo = self._todo.setdefault(endpoint, [])
        if height in todo:
            todo.remove(height)
        before, same, fork = height in known, known.get(height, block) == block, None
        if not same:
            self._gone.add(endpoint)
            for other in [other for other in known if other >= height]:
                del known[other]
            if known:
                todo.insert(0, max(known))
            else:
                fork = 0
        elif endpoint in self._gone and before:
            fork = height + 1
        elif endpoint in self._gone and all(other > height for other in known):
            fork = 0
        if fork is not None:
            self._gone.discard(endpoint)
        if same or fork == 0:
            known[height] = block
            for oldest in sorted(known)[:-KEPT]:
                del known[oldest]
        return fork

    def from_tip(self, endpoint: str, fork: int) -> int:
        """The lowest tip that an amount of the fork or above may carry as its height, if that is the tip before its call.

        Such a call was made after the last block that stayed was named, or was on its way then; 0 where that is not known.
        """
        stayed = sorted(height for height in self._known.get(endpoint, {}) if height < fork)
        return stayed[-2] if len(stayed) > 1 else 0

    def told(self, endpoint: str) -> bool:
        """Whether it has named every block that it was to name."""
        return endpoint in self._heads and not self._todo.get(endpoint)

    def look_again(self, endpoint: str) -> None:
        """Its next head raises the question again, even if it is the same."""
        self._heads.pop(endpoint, None)

    def unanswered(self, endpoint: str) -> None:
        """An endpoint did not say; its next head raises the question again, unless its chain is known to have changed."""
        if endpoint not in self._gone:
            self._todo.pop(endpoint, None)
            self.look_again(endpoint)
