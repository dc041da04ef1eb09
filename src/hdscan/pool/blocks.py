"""Which blocks the endpoints stand on, to see when a chain that was read is no longer the chain. Pure.

Per endpoint the hashes at its former heads are kept. When its head changes, the hash at the new one is asked, and then that at
the last of the former again: in this order nothing that happens between the two questions is missed. A hash counts as known
only once that former one proved to be the same. Where it is another, all above the one before it is doubted at once, and that
one is asked next.
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
        self._new: dict[str, tuple[int, str]] = {}  # named, but what was known before is still to be confirmed

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
        self._new.pop(endpoint, None)
        before = [known for known in self._known.get(endpoint, {}) if known <= height]
        self._todo[endpoint] = list(dict.fromkeys([height, max(before)])) if before else [height]

    def question(self, endpoint: str) -> int | None:
        """The height at which the endpoint is to be asked for its block's hash, if any."""
        todo = self._todo.get(endpoint)
        return todo[0] if todo else None

    def named(self, endpoint: str, height: int, block: str) -> int | None:
        """An endpoint named a block; from which height on what it said is doubted, where that block is another than before."""
        known, todo = self._known.setdefault(endpoint, {}), self._todo.get(endpoint, [])
        if height not in todo:
            return None  # asked before something else became the question
        todo.remove(height)
        fork = None
        if height not in known:
            self._new[endpoint] = height, block
        elif known[height] != block:
            for other in [other for other in known if other >= height]:
                del known[other]
            todo[:] = [max(known)] if known else []
            fork = max(known, default=-1) + 1
        if not todo and endpoint in self._new and all(each < self._new[endpoint][0] for each in known):
            known.update([self._new.pop(endpoint)])
            for oldest in sorted(known)[:-KEPT]:
                del known[oldest]
        return fork

    def unanswered(self, endpoint: str) -> None:
        """An endpoint did not say; its next head raises the questions again."""
        self._todo.pop(endpoint, None)
        self.look_again(endpoint)

    def look_again(self, endpoint: str) -> None:
        """Its next head raises the questions again, even if it is the same."""
        self._heads.pop(endpoint, None)

    def told(self, endpoint: str) -> bool:
        """Whether it has named every block that it was to name, or never names any."""
        return not self._known.get(endpoint) or (endpoint in self._heads and not self._todo.get(endpoint))

    def from_tip(self, endpoint: str, fork: int) -> int:
        """The lowest tip that an amount of the fork or above may carry as its height, if that is the tip before its call.

        Such a call was made after the last block that stayed was named, or was on its way then; 0 where that is not known.
        """
        stayed = sorted(height for height in self._known.get(endpoint, {}) if height < fork)
        return stayed[-2] if len(stayed) > 1 else 0
