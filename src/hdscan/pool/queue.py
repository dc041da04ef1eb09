"""The work of a chain: readings that wait to be asked, and the history of those that came back."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from hdscan.model.reading import Kind, ReadError, Reading

NO_CAP = 1 << 30


class Item:
    """A reading on its way: for which job, who failed it why, and how it may be packed."""

    __slots__ = ("attempts", "cap", "exempt", "failed_in", "job", "reading", "reasons", "separate", "since", "tried", "urgent")

    def __init__(self, job: int, reading: Reading, *, exempt: bool = False) -> None:
        self.job = job
        self.reading = reading
        self.exempt = exempt  # from the retry budget
        self.attempts = 0
        self.tried: set[str] = set()  # the providers that failed it since it was last offered
        self.reasons: dict[str, ReadError] = {}  # every provider's latest reason
        self.since: float | None = None  # when it first failed since it was last offered
        self.cap = NO_CAP  # readings in a call that holds it
        self.failed_in = 1  # readings in the last call that failed as a whole with it
        self.separate = False  # never again in one call with the other kind
        self.urgent = False  # fetched again at once: outside the retry budget

    @property
    def fresh(self) -> bool:
        """Whether it was never asked."""
        return self.attempts == 0

    def fail(self, provider: str, error: ReadError, now: float) -> None:
        """This provider failed it; it goes to another."""
        self.tried.add(provider)
        self.reasons[provider] = error
        if self.since is None:
            self.since = now

    def offer_again(self, now: float) -> None:
        """Forget who failed it, not why: everybody may be asked again."""
        self.tried.clear()
        self.since = now


class WorkQueue:
    """Readings in the order of arrival per asset, and in front of them those that came back."""

    def __init__(self) -> None:
        self._fresh: dict[str, deque[Item]] = {}
        self.returned: deque[Item] = deque()

    def __len__(self) -> int:
        return len(self.returned) + sum(map(len, self._fresh.values()))

    def add(self, items: Iterable[Item]) -> None:
        """New work, behind what is there."""
        for item in items:
            self._fresh.setdefault(item.reading.asset.symbol, deque()).append(item)

    def give_front(self, items: Sequence[Item]) -> None:
        """Work that was taken but not asked, back where it was."""
        self.returned.extendleft(reversed(items))

    def give_back(self, items: Sequence[Item]) -> None:
        """Work that came back from a call; what is urgent goes first."""
        urgent = [item for item in items if item.urgent]
        self.returned.extendleft(reversed(urgent))
        self.returned.extend(item for item in items if not item.urgent)

    def drain_fresh(self, kind: Kind) -> list[Item]:
        """Take out all new work of a kind."""
        taken: list[Item] = []
        for queue in self._fresh.values():
            if queue and queue[0].reading.kind is kind:
                taken += queue
                queue.clear()
        return taken

    def drain_returned(self) -> list[Item]:
        """Take out all work that came back."""
        taken = list(self.returned)
        self.returned.clear()
        return taken

    def pull(self, provider: str, kind: Kind, units: int, weight: Mapping[Kind, int], *, retries: bool) -> list[Item]:
        """The next call for a provider: at most `units` of weight, in order; without `retries` only urgent and new work."""
        batch = _Batch(units, weight)
        kept: list[Item] = []
        while self.returned and not batch.full:
            item = self.returned.popleft()
            mixed_up = item.separate and kind is Kind.MIXED
            due = retries or item.urgent or item.exempt or item.fresh
            if provider in item.tried or not due or mixed_up or not _serves(kind, item.reading.kind) or not batch.fits(item):
                kept.append(item)
            else:
                batch.take(item)
        self.returned.extendleft(reversed(kept))
        queues = [q for q in self._fresh.values() if q and _serves(kind, q[0].reading.kind)]
        while queues and not batch.full:
            # addresses in step: an address's native coin and tokens in one call
            queue = min(queues, key=lambda q: q[0].reading.index)
            if not batch.fits(queue[0]):
                break
            batch.take(queue.popleft())
            if not queue:
                queues.remove(queue)
        return batch.items


class _Batch:
    def __init__(self, units: int, weight: Mapping[Kind, int]) -> None:
        self.items: list[Item] = []
        self._units = units
        self._weight = weight
        self._cap = NO_CAP
        self.full = False

    def fits(self, item: Item) -> bool:
        if not self.items:
            return True  # one reading always goes, however small the size that was learned
        return len(self.items) < min(self._cap, item.cap) and self._weight[item.reading.kind] <= self._units

    def take(self, item: Item) -> None:
        self.items.append(item)
        self._units -= self._weight[item.reading.kind]
        self._cap = min(self._cap, item.cap)
        self.full = self._units <= 0 or len(self.items) >= self._cap


def _serves(call: Kind, reading: Kind) -> bool:
    return call in (Kind.MIXED, reading)


def kind_of(items: Sequence[Item]) -> Kind:
    """The kind of a call that holds these."""
    kinds = {item.reading.kind for item in items}
    return Kind.MIXED if len(kinds) > 1 else kinds.pop()
