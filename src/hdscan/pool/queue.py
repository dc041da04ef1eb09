"""The work of a chain: readings that wait to be asked, and what is known of those that came back."""

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from hdscan.model.chain import Asset
from hdscan.model.errors import ReadCode
from hdscan.model.reading import Attempt, Kind, ReadError, Reading
from hdscan.pool.blanks import Blank

NO_CAP = 1 << 30
REMEMBERED = 12  # attempts of a reading
NOTHING: Mapping[str, Any] = MappingProxyType({})
BALANCES = (Kind.NATIVE, Kind.TOKEN)
KINDS = (*BALANCES, Kind.USE)  # of readings

Able = Mapping[Kind, frozenset[str]]  # providers, per kind of reading


class PendingReading(msgspec.Struct, eq=False, gc=False):
    """A reading on its way: its job, the failures so far, and how it may be packed.

    The providers in `excluded` are never asked; a `budget_free` one does not wait for the retry budget. There are thousands,
    most of which never fail: what tells of failures is replaced, never changed, so that all share it while it is empty.
    """

    job: int
    reading: Reading
    budget_free: bool = False
    excluded: frozenset[str] = frozenset()
    attempts: int = 0
    offers: int = 0  # times that it was offered again because it waited too long: each doubles the next wait
    order: int = 0  # its place among those that came back
    tried: frozenset[str] = frozenset()  # the providers that failed it since it was last offered
    reasons: Mapping[str, ReadError] = NOTHING  # every provider's latest reason, the latest last
    blanks: Mapping[str, Blank] = NOTHING  # every provider's latest call with it that gave no amount at all
    history: tuple[Attempt, ...] = ()  # the latest attempts that failed
    since: float | None = None  # when it first failed, or none could take it, since it was last offered
    answered: bool = False  # a good reply failed it since it was last offered
    failed_twice: bool = False  # all failed it, then something succeeded: a second time it is the reading's fault
    failed_at: frozenset[str] = frozenset()  # the providers that ever failed it: to ask those again is a retry
    cap: int = NO_CAP  # readings in a call that holds it
    failed_in: int = 1  # readings in the last call that failed as a whole with it
    throttled: int = 0  # calls with it that were throttled
    separate: bool = False  # never again in one call with the other kind
    urgent: bool = False  # fetched again at once: outside the retry budget

    @property
    def question(self) -> bool:
        """Whether it asks certain others about what is known already: it need not wait for them."""
        return bool(self.excluded)

    def record_failure(self, provider: str, error: ReadError, now: float) -> None:
        """Remember why this provider did not read it."""
        self.history = (*self.history[1 - REMEMBERED :], Attempt(provider, error.code, error.message, now))
        self.reasons = {name: reason for name, reason in self.reasons.items() if name != provider} | {provider: error}

    def fail(self, provider: str, error: ReadError, now: float) -> None:
        """This provider failed it, or left it out as a zero (ABSENT: to ask again is no retry); it goes to another."""
        if not self.tried:
            self.since = now
        if error.code is not ReadCode.ABSENT:
            self.failed_at |= {provider}
        self.tried |= {provider}
        self.record_failure(provider, error, now)

    def offer_again(self) -> None:
        """Forget which providers failed it, not why: all may be asked again."""
        self.tried = frozenset()
        self.since = None
        self.answered = False

    def split(self) -> None:
        """Offer it again in a call of half the size of the one that failed."""
        self.cap = max(1, self.failed_in // 2)
        self.failed_in = 1
        self.offer_again()


class _Lane(NamedTuple):
    """What decides which provider may take a reading and in which call; all of one lane are alike."""

    kind: Kind
    cap: int
    urgent: bool
    budget_free: bool
    failed_at: frozenset[str]
    separate: bool
    offers: int
    question: bool
    closed_to: frozenset[str]

    def open_to(self, provider: str, call: Kind, *, retries: bool) -> bool:
        in_turn = retries or self.urgent or self.budget_free or provider not in self.failed_at
        fits = call is self.kind or (call is Kind.MIXED and not self.separate and self.kind is not Kind.USE)
        return provider not in self.closed_to and in_turn and fits


class WorkQueue:
    """Readings in the order of arrival per asset, their use being one, and in front of them those that came back."""

    def __init__(self) -> None:
        self._fresh: dict[Asset, deque[PendingReading]] = {}
        self._lanes: dict[_Lane, deque[PendingReading]] = {}
        self._first = self._last = 0
        self._withdrawn: dict[int, int] = {}  # jobs, and from which index on

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values())) + sum(map(len, self._fresh.values()))

    @property
    def has_returned(self) -> bool:
        return bool(self._lanes)

    def add(self, work: Iterable[PendingReading]) -> None:
        """New work, behind what is there; what not every provider may be asked goes to a lane."""
        for pending in work:
            if pending.excluded:
                self.give_back([pending])
            else:
                self._fresh.setdefault(pending.reading.asset, deque()).append(pending)

    def withdraw(self, jobs: Collection[int], since: int = 0) -> None:
        """Forget the work of these jobs, or their addresses from an index on, also what comes back later."""
        self._withdrawn |= dict.fromkeys(jobs, since)
        self._fresh = {asset: deque(self.wanted(queue)) for asset, queue in self._fresh.items()}
        lanes = ((key, deque(self.wanted(lane))) for key, lane in self._lanes.items())
        self._lanes = {key: lane for key, lane in lanes if lane}

    def wanted(self, work: Iterable[PendingReading]) -> Iterable[PendingReading]:
        """The work that was not withdrawn."""
        return (each for each in work if each.job not in self._withdrawn or each.reading.index < self._withdrawn[each.job])

    def give_front(self, batch: Sequence[PendingReading]) -> None:
        """Work that was taken but not asked, back where it was."""
        for pending in self.wanted(reversed(batch)):
            self._first -= 1
            pending.order = self._first
            self._lane(pending).appendleft(pending)

    def give_back(self, work: Iterable[PendingReading]) -> None:
        """Work that came back from a call, behind what came back before; urgent work is taken first."""
        for pending in self.wanted(work):
            self._last += 1
            pending.order = self._last
            self._lane(pending).append(pending)

    def _lane(self, pending: PendingReading) -> deque[PendingReading]:
        closed_to, failed_at = pending.tried | pending.excluded, pending.failed_at
        company = pending.cap, pending.urgent, pending.budget_free, failed_at, pending.separate, pending.offers
        traits = *company, pending.question, closed_to
        return self._lanes.setdefault(_Lane(pending.reading.kind, *traits), deque())

    def take_stuck(self, able: Able, steady: Able) -> list[PendingReading]:
        """Take out what all `able` providers, of questions all `steady` ones, have tried or are excluded from."""
        stuck: list[PendingReading] = []
        for queue in self._fresh.values():
            if queue and not able[queue[0].reading.kind]:
                stuck += queue
                queue.clear()
        for key in [key for key in self._lanes if (steady if key.question else able)[key.kind] <= key.closed_to]:
            stuck += self._lanes.pop(key)
        return stuck

    def offer_overdue(self, now: float, patience: float) -> None:
        """Offer what waited `patience` for slow providers to those that failed it, too, so that no reading depends on one.

        The next time after twice as long, so that what all of them refuse is not asked for without end.
        """
        overdue: list[PendingReading] = []
        for key in [key for key in self._lanes if key.failed_at and not (key.urgent or key.budget_free)]:
            lane, before = self._lanes[key], now - patience * 2**key.offers
            while lane and lane[0].tried and lane[0].history[-1].at < before:
                overdue.append(lane.popleft())
            if not lane:
                del self._lanes[key]
        for pending in overdue:
            pending.offers += 1
            pending.offer_again()
        self.give_back(overdue)

    def oldest(self, provider: str, kinds: Collection[Kind]) -> float:
        """The place of the oldest work that came back and is for this provider; infinite where there is none."""
        places = (lane[0].order for key, lane in self._lanes.items() if key.kind in kinds and provider not in key.closed_to)
        return min(places, default=float("inf"))

    def kinds(self, provider: str) -> list[Kind]:
        """The kinds of call to try for a provider, in this order."""
        # what must not share a call with the other kind goes first, or it would wait behind everything that may
        apart = [key for key in self._lanes if key.separate and provider not in key.closed_to]
        first = [min(apart, key=self._turn).kind] if apart else []
        urgent = {key.kind for key in self._lanes if key.urgent and provider not in key.closed_to}
        alone = sorted(BALANCES, key=lambda kind: (kind not in urgent, self._next_index(kind)))
        # what an address's use tells decides what else there is to read, so that it waits for nothing
        return list(dict.fromkeys([*first, Kind.USE, Kind.MIXED, *alone]))

    def pull(
        self,
        provider: str,
        kind: Kind,
        units: int,
        weight: Mapping[Kind, int],
        *,
        retries: bool,
        fresh: bool = True,
        whole: bool = False,
        by_owner: bool = False,
    ) -> list[PendingReading]:
        """The next call for a provider: at most `units` of weight, in order.

        Without `retries` only urgent and new work, without `fresh` nothing that nobody was asked for yet; `whole`: though it
        failed in a call as large; `by_owner`: an address takes its units once.
        """
        batch: list[PendingReading] = []
        cap, left = NO_CAP, units
        owners: set[int] = set()

        def take(lane: deque[PendingReading]) -> bool:
            """Take the first of a lane, if it fits; one reading always does, however small the learned size."""
            nonlocal cap, left
            reading, least = lane[0].reading, cap if whole else min(cap, lane[0].cap)
            cost = 0 if reading.index in owners else weight[reading.kind]
            if batch and (len(batch) >= least or cost > left):
                return False
            batch.append(lane.popleft())
            cap, left = least, left - cost
            if by_owner:
                owners.add(reading.index)
            return True

        for key in sorted((key for key in self._lanes if key.open_to(provider, kind, retries=retries)), key=self._turn):
            lane = self._lanes[key]
            while lane and take(lane):
                pass
            if not lane:
                del self._lanes[key]
        kinds = BALANCES if kind is Kind.MIXED else (kind,)
        queues = [q for q in self._fresh.values() if fresh and q and q[0].reading.kind in kinds]
        # addresses in step: an address's native coin and tokens in one call
        while queues and take(queue := min(queues, key=lambda q: q[0].reading.index)):
            if not queue:
                queues.remove(queue)
        return batch

    def _turn(self, key: _Lane) -> tuple[bool, int]:
        return not key.urgent, self._lanes[key][0].order

    def _next_index(self, kind: Kind) -> float:
        heads = (q[0].reading.index for q in self._fresh.values() if q and q[0].reading.kind is kind)
        return min(heads, default=float("inf"))


def kind_of(batch: Sequence[PendingReading]) -> Kind:
    """The kind of a call that holds these."""
    kinds = {pending.reading.kind for pending in batch}
    return Kind.MIXED if len(kinds) > 1 else kinds.pop()
