"""The block hashes that each endpoint stated, to notice a reorganisation. Pure.

Later statements are compared with the hashes kept per endpoint. Some replies state new and former hashes at once. For others,
when the head changes, the hash at the new head is asked for, then those at the last former heads: in this order nothing that
happens in between is missed, and each twice, since a node may be late. A hash is known only once the highest known one proved
to be the same. Where a hash has changed, everything above the known one below it is off the chain, and that one is asked next.
"""

from collections.abc import Mapping
from itertools import takewhile

Hashes = Mapping[str, Mapping[int, str]]  # by endpoint and height

KEPT = 50  # hashes per endpoint
EVERY = 20.0  # seconds between two checks of an endpoint, however often it names its head


class Blocks:
    """The hashes that every endpoint stated, and which are to be asked next."""

    def __init__(self) -> None:
        self._known: dict[str, dict[int, str]] = {}
        self._unlinked: dict[str, dict[int, str]] = {}  # stated, but not proven to be on one chain with the known ones
        self._todo: dict[str, list[int]] = {}
        self._heads: dict[str, tuple[int, float]] = {}  # at the last check, and when that was
        self._tips: dict[str, list[int]] = {}  # at every check, in order

    def memory(self) -> tuple[Hashes, Hashes]:
        """The hashes that are known, and those that were only stated, by endpoint and height."""
        known, unlinked = (
            {name: dict(hashes) for name, hashes in kept.items() if hashes} for kept in (self._known, self._unlinked)
        )
        return known, unlinked

    def restore(self, known: Hashes, unlinked: Hashes) -> None:
        """Take over what was known before a restart; the next heads raise the questions."""
        self._known |= {endpoint: dict(hashes) for endpoint, hashes in known.items()}
        self._unlinked |= {endpoint: dict(hashes) for endpoint, hashes in unlinked.items()}

    def head(self, endpoint: str, height: int, blocks: Mapping[int, str], now: float) -> int | None:
        """An endpoint named its head and hashes of that chain; the lowest height that is not on its chain any more, if any."""
        known, todo = self._known.get(endpoint, {}), self._todo.get(endpoint, [])
        former = self._former(endpoint, height)
        last = self._heads.get(endpoint)
        due = last is None or (last[0] != height and now - last[1] >= EVERY)
        if due:
            self._heads[endpoint] = height, now
            self._tips[endpoint] = [*self._tips.get(endpoint, []), height][-KEPT:]
        if blocks and (due or not blocks.keys() & known.keys()):
            todo = [*todo, *(each for each in former if each not in blocks)]
        elif due:
            todo = [height, *former]
        self._todo[endpoint] = list(dict.fromkeys(todo))
        return self._compare(endpoint, blocks)

    def _former(self, endpoint: str, height: int) -> list[int]:
        """The last two known heights up to this one, and the last two above them that were only stated."""
        known = sorted(each for each in self._known.get(endpoint, ()) if each <= height)[-2:]
        unlinked = [each for each in self._unlinked.get(endpoint, ()) if max(known, default=-1) < each <= height]
        return known + sorted(unlinked)[-2:]

    def question(self, endpoint: str) -> int | None:
        """The height at which the endpoint is to be asked for its block's hash, if any."""
        todo = self._todo.get(endpoint)
        return todo[0] if todo else None

    def named(self, endpoint: str, height: int, block: str) -> int | None:
        """An endpoint answered the question for a hash; the lowest height that is not on its chain any more, if any."""
        if height not in self._todo.get(endpoint, ()):
            return None  # asked before something else became the question
        return self._compare(endpoint, {height: block}, asked=True)

    def _compare(self, endpoint: str, blocks: Mapping[int, str], *, asked: bool = False) -> int | None:
        known, unlinked = self._known.setdefault(endpoint, {}), self._unlinked.setdefault(endpoint, {})
        todo = [height for height in self._todo[endpoint] if height not in blocks]
        other = [
            height for height, block in blocks.items() if {known.get(height, block), unlinked.get(height, block)} != {block}
        ]
        fork = None
        if other:
            fork = max((height for height in known if height < min(other)), default=-1) + 1
            # those that were asked for one by one may be of the new chain
            for kept in (known,) if asked else (known, unlinked):
                for height in [height for height in kept if height >= fork]:
                    del kept[height]
            todo = [height for height in known if height == fork - 1 and height not in blocks]
        self._todo[endpoint] = todo
        new = {height: block for height, block in blocks.items() if height not in known}
        unlinked |= new
        # an answer is later than everything unlinked; a statement only proves what is in it
        top, highest = max(known, default=-1), max(unlinked if asked else new, default=-1)
        if highest > top and (not known or top in blocks):
            known[highest] = unlinked.pop(highest)
        for each in (known, unlinked):
            for oldest in sorted(each)[:-KEPT]:
                del each[oldest]
        return fork

    def unanswered(self, endpoint: str) -> None:
        """An endpoint did not answer; its next head raises the questions again."""
        self._todo.pop(endpoint, None)
        self.ask_again(endpoint)

    def ask_again(self, endpoint: str) -> None:
        """The next head raises the questions again, even if it is the same."""
        self._heads.pop(endpoint, None)

    def settled(self, endpoint: str) -> bool:
        """Whether every hash that was to be stated again has been, or the endpoint never states any."""
        return not self._known.get(endpoint) or (endpoint in self._heads and not self._todo.get(endpoint))

    def holds(self, endpoint: str, height: int) -> bool:
        """Whether a hash is kept that would show when the block at a height, or its parent, is gone."""
        held = self._known.get(endpoint, {}).keys() | self._unlinked.get(endpoint, {}).keys()
        return not held.isdisjoint((height - 1, height))

    def from_tip(self, endpoint: str, fork: int) -> int:
        """The lowest tip that an amount of block `fork` or above may be dated by; 0 where that is not known.

        Its call was made after the last check below the fork, or was on its way then.
        """
        below = list(takewhile(lambda tip: tip < fork, self._tips.get(endpoint, ())))
        return below[-2] if len(below) > 1 else 0
