"""The work of a chain: readings that wait to be asked, and the history of those that came back."""

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from hdscan.model.errors import ReadCode
from hdscan.model.reading import Attempt, Kind, ReadError, Reading

NO_CAP = 1 << 30
REMEMBERED = 12  # attempts of an item
KINDS = (Kind.NATIVE, Kind.TOKEN)


class PendingReading:
    """A reading on its way: for which job, who failed it why, and how it may be packed."""

    __slots__ = (
        "answered",
        "attempts",
        "budget_free",
        "cap",
        "excluded",
        "failed",
        "failed_in",
        "failed_twice",
        "history",
        "job",
        "offers",
        "order",
        "reading",
        "reasons",
        "separate",
        "since",
        "throttled",
        "tried",
        "urgent",
    )

    def __init__(
        self, job: int, reading: Reading, *, budget_free: bool = False, excluded: frozenset[str] = frozenset()
    ) -> None:
        self.job = job
        self.reading = reading
        self.budget_free = budget_free  # from the retry budget
        self.excluded = excluded  # the providers that are not to be asked, whatever becomes of the others
        self.attempts = 0
        self.offers = 0  # times that it was offered again because it waited too long: each doubles the next wait
        self.order = 0  # its place among those that came back
        self.tried: frozenset[str] = frozenset()  # the providers that failed it since it was last offered
        self.reasons: dict[str, ReadError] = {}  # every provider's latest reason, the latest last
        self.history: list[Attempt] = []  # the latest attempts that failed
        self.since: float | None = None  # when it first failed, or nobody could take it, since it was last offered
        self.answered = False  # a good reply failed it since it was last offered: somebody is alive
        self.failed_twice = (
            False  # everybody failed it, then something succeeded: if that happens again, it is the reading's fault
        )
        self.failed = False  # somebody did: to ask again is a retry
        self.cap = NO_CAP  # readings in a call that holds it
        self.failed_in = 1  # readings in the last call that failed as a whole with it
        self.throttled = 0  # calls with it that were answered "too fast"
        self.separate = False  # never again in one call with the other kind
        self.urgent = False  # fetched again at once: outside the retry budget

    def record_failure(self, provider: str, error: ReadError, now: float) -> None:
        """Remember why this provider did not read it."""
        self.history = [*self.history[1 - REMEMBERED :], Attempt(provider, error.code, error.message, now)]
        self.reasons.pop(provider, None)
        self.reasons[provider] = error

    def fail(self, provider: str, error: ReadError, now: float) -> None:
        """This provider failed it, or left it out as a zero (ABSENT: to ask again is no retry); it goes to another."""
        if not self.tried:
            self.since = now
        self.failed = self.failed or error.code is not ReadCode.ABSENT
        self.tried |= {provider}
        self.record_failure(provider, error, now)

    def offer_again(self) -> None:
        """Forget who failed it, not why: everybody may be asked again."""
        self.tried = frozenset()
        self.since = None
        self.answered = False

    def split(self) -> None:
        """Offer it again in a call of half the size of the one that failed."""
        self.cap = max(1, self.failed_in // 2)
        self.failed_in = 1
        self.offer_again()


class _Lane(NamedTuple):
    """What decides who may take an item and in which company: all on one lane are alike, so none has to be looked at."""

    kind: Kind
    cap: int
    urgent: bool
    spared: bool
    separate: bool
    offers: int
    closed_to: frozenset[str]

    def open_to(self, provider: str, call: Kind, *, retries: bool) -> bool:
        return (
            provider not in self.closed_to
            and (retries or self.urgent or self.spared)
            and call in (Kind.MIXED, self.kind)
            and not (self.separate and call is Kind.MIXED)
        )


class WorkQueue:
    """Readings in the order of arrival per asset, and in front of them those that came back."""

    def __init__(self) -> None:
        self._fresh: dict[str, deque[PendingReading]] = {}
        self._lanes: dict[_Lane, deque[PendingReading]] = {}
        self._first = self._last = 0

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values())) + sum(map(len, self._fresh.values()))

    @property
    def has_returned(self) -> bool:
        """Whether something waits that came back."""
        return bool(self._lanes)

    # -- in

    def add(self, items: Iterable[PendingReading]) -> None:
        """New work, behind what is there; what not everybody may be asked is put where the company is chosen."""
        for item in items:
            if item.excluded:
                self.give_back([item])
            else:
                self._fresh.setdefault(item.reading.asset.symbol, deque()).append(item)

    def give_front(self, items: Sequence[PendingReading]) -> None:
        """Work that was taken but not asked, back where it was."""
        for item in reversed(items):
            self._first -= 1
            item.order = self._first
            self._lane(item).appendleft(item)

    def give_back(self, items: Iterable[PendingReading]) -> None:
        """Work that came back from a call, behind what came back before; what is urgent is taken first."""
        for item in items:
            self._last += 1
            item.order = self._last
            self._lane(item).append(item)

    def _lane(self, item: PendingReading) -> deque[PendingReading]:
        spared = item.budget_free or not item.failed
        key = _Lane(item.reading.kind, item.cap, item.urgent, spared, item.separate, item.offers, item.tried | item.excluded)
        return self._lanes.setdefault(key, deque())

    # -- out

    def take_stuck(self, able: Mapping[Kind, frozenset[str]]) -> list[PendingReading]:
        """Take out what all who are able have tried, or are excluded from; `able` names them per NATIVE and TOKEN."""
        stuck: list[PendingReading] = []
        for queue in self._fresh.values():
            if queue and not able[queue[0].reading.kind]:
                stuck += queue
                queue.clear()
        for key in [key for key in self._lanes if able[key.kind] <= key.closed_to]:
            stuck += self._lanes.pop(key)
        return stuck

    def take_overdue(self, now: float, patience: float) -> list[PendingReading]:
        """Take out what failed and has waited since for those who have not failed it, for longer than its patience."""
        overdue: list[PendingReading] = []
        for key in [key for key in self._lanes if not (key.urgent or key.spared)]:
            items, before = self._lanes[key], now - patience * 2**key.offers
            while items and items[0].tried and items[0].history[-1].at < before:
                overdue.append(items.popleft())
            if not items:
                del self._lanes[key]
        return overdue

    def oldest(self, provider: str, kinds: Collection[Kind]) -> float:
        """The place of the oldest work that came back and is for this provider; infinite where there is none."""
        places = (items[0].order for key, items in self._lanes.items() if key.kind in kinds and provider not in key.closed_to)
        return min(places, default=float("inf"))

    def kinds(self, provider: str) -> list[Kind]:
        """The kinds of call to try for a provider, in this order."""
        # what must not share a call with the other kind goes first, or it would wait behind all that may
        apart = [key for key in self._lanes if key.separate and provider not in key.closed_to]
        first = [min(apart, key=self._turn).kind] if apart else []
        return list(dict.fromkeys([*first, Kind.MIXED, *sorted(KINDS, key=self._next_index)]))

    def pull(self, provider: str, kind: Kind, units: int, weight: Mapping[Kind, int], *, retries: bool) -> list[PendingReading]:
        """The next call for a provider: at most `units` of weight, in order; without `retries` only urgent and new work."""
        batch = _Batch(units, weight)
        for key in sorted((key for key in self._lanes if key.open_to(provider, kind, retries=retries)), key=self._turn):
            items = self._lanes[key]
            while items and batch.fits(items[0]):
                batch.take(items.popleft())
            if not items:
                del self._lanes[key]
        queues = [q for q in self._fresh.values() if q and kind in (Kind.MIXED, q[0].reading.kind)]
        while queues:
            # addresses in step: an address's native coin and tokens in one call
            queue = min(queues, key=lambda q: q[0].reading.index)
            if not batch.fits(queue[0]):
                break
            batch.take(queue.popleft())
            if not queue:
                queues.remove(queue)
        return batch.items

    def _turn(self, key: _Lane) -> tuple[bool, int]:
        return not key.urgent, self._lanes[key][0].order

    def _next_index(self, kind: Kind) -> float:
        heads = (q[0].reading.index for q in self._fresh.values() if q and q[0].reading.kind is kind)
        return min(heads, default=float("inf"))


class _Batch:
    def __init__(self, units: int, weight: Mapping[Kind, int]) -> None:
        self.items: list[PendingReading] = []
        self._units = units
        self._weight = weight
        self._cap = NO_CAP

    def fits(self, item: PendingReading) -> bool:
        if not self.items:
            return True  # one reading always goes, however small the size that was learned
        return len(self.items) < min(self._cap, item.cap) and self._weight[item.reading.kind] <= self._units

    def take(self, item: PendingReading) -> None:
        self.items.append(item)
        self._units -= self._weight[item.reading.kind]
        self._cap = min(self._cap, item.cap)


def kind_of(items: Sequence[PendingReading]) -> Kind:
    """The kind of a call that holds these."""
    kinds = {item.reading.kind for item in items}
    return Kind.MIXED if len(kinds) > 1 else kinds.pop()
