"""The chain that one endpoint states: its head, and the hashes of its blocks, to notice a reorganisation. Pure.

Later statements are compared with the hashes kept. Some replies state new and former hashes at once. For others, when the head
changes, the hash at the new head is asked for, then those at the last former heads: in this order nothing that happens in
between is missed, and each twice, since a node may be late. A hash is known only once the highest known one proved to be the
same. Where a hash has changed, everything above the known one below it is off the chain, and that one is asked next.
"""

from collections.abc import Mapping
from itertools import takewhile

KEPT = 50  # hashes, tips
EVERY = 20.0  # seconds between two checks, however often the head is named
DEEPEST = 1_000  # blocks, which no chain undoes: a head that fell further is a late node's, or not a head
REMEMBERED = 600.0  # seconds for which it shows all the same how far the chain had come


class EndpointChain:
    """What an endpoint stated, and the hashes that it is to be asked for. Times in unix seconds."""

    def __init__(self) -> None:
        self.height: int | None = None  # its head
        self.reached: int | None = None  # how far the chain had come, by which its peers are judged
        self.named_at: float | None = None  # when it last named its head
        self.top = 0  # the highest head that it named
        self.low = False  # its head is below one that it named before
        self.reorged_at = float("-inf")
        self.known: dict[int, str] = {}
        self.unlinked: dict[int, str] = {}  # stated, but not proven to be on one chain with the known ones
        self._top_at = self._reached_at = 0.0
        self._todo: list[int] = []
        self._checked: tuple[int, float] | None = None  # the head at the last check, and when that was
        self._tips: list[int] = []  # at every check, in order

    def restore(self, known: Mapping[int, str], unlinked: Mapping[int, str], top: int) -> None:
        """Take over what was known before a restart; the next heads raise the questions."""
        self.known, self.unlinked, self.top = dict(known), dict(unlinked), top

    def record(self, height: int, asked: float, now: float) -> bool:
        """It named its head, asked for at `asked`; whether that is below one that it had named by then."""
        fell = height < self.top and asked > self._top_at
        if fell or height >= self.top:
            self.low = fell
        if height > self.top:
            self.top, self._top_at = height, now
        self.height, self.named_at = height, now
        if self.reached is None or height > self.reached - DEEPEST or now - self._reached_at > REMEMBERED:
            self.reached, self._reached_at = height, now
        return fell

    def roll_back(self) -> tuple[int, int]:
        """Count from the present head; the highest until now, and the present one."""
        assert self.height is not None
        assert self.named_at is not None
        top, self.top, self._top_at, self.low = self.top, self.height, self.named_at, False
        return top, self.height

    def forget_head(self) -> None:
        """It serves another chain: its head counts no more."""
        self.height, self.reached, self.named_at, self.top, self._top_at, self.low = None, None, None, 0, 0.0, False

    def head(self, height: int, blocks: Mapping[int, str], now: float) -> int | None:
        """It named its head and hashes of that chain; the lowest height that is not on its chain any more, if any."""
        todo, former = self._todo, self._former(height)
        due = self._checked is None or (self._checked[0] != height and now - self._checked[1] >= EVERY)
        if due:
            self._checked = height, now
            self._tips = [*self._tips, height][-KEPT:]
        if blocks and (due or not blocks.keys() & self.known.keys()):
            todo = [*todo, *(each for each in former if each not in blocks)]
        elif due:
            todo = [height, *former]
        self._todo = list(dict.fromkeys(todo))
        return self._compare(blocks)

    def _former(self, height: int) -> list[int]:
        """The last two known heights up to this one, and the last two above them that were only stated."""
        known = sorted(each for each in self.known if each <= height)[-2:]
        unlinked = [each for each in self.unlinked if max(known, default=-1) < each <= height]
        return known + sorted(unlinked)[-2:]

    @property
    def question(self) -> int | None:
        """The height at which it is to be asked for its block's hash, if any."""
        return self._todo[0] if self._todo else None

    def named(self, height: int, block: str) -> int | None:
        """It answered the question for a hash; the lowest height that is not on its chain any more, if any."""
        if height not in self._todo:
            return None  # asked before something else became the question
        return self._compare({height: block}, asked=True)

    def _compare(self, blocks: Mapping[int, str], *, asked: bool = False) -> int | None:
        known, unlinked = self.known, self.unlinked
        todo = [height for height in self._todo if height not in blocks]
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
        self._todo = todo
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

    def unanswered(self) -> None:
        """It did not answer; its next head raises the questions again."""
        self._todo, self._checked = [], None

    def ask_again(self) -> None:
        """The next head raises the questions again, even if it is the same."""
        self._checked = None

    @property
    def settled(self) -> bool:
        """Whether every hash that was to be stated again has been, or it never states any."""
        return not self.known or (self._checked is not None and not self._todo)

    def shows(self, height: int) -> bool:
        """Whether a hash is kept that would show when the block at a height, or its parent, is gone."""
        return not {height - 1, height}.isdisjoint(self.known.keys() | self.unlinked.keys())

    def from_tip(self, fork: int) -> int:
        """The lowest tip that an amount of block `fork` or above may be dated by; 0 where that is not known.

        Its call was made after the last check below the fork, or was on its way then.
        """
        below = list(takewhile(lambda tip: tip < fork, self._tips))
        return below[-2] if len(below) > 1 else 0
