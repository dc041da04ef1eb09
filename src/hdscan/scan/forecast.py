"""How long scans take, and what they ask of whom: a fluid model of work-stealing under the providers' limits. Pure.

Every provider reads as fast as its endpoint's limiter lets it until nothing is left, as the pool has them do. Second words
share the calls with what is read; where one operator reads most, the others' capacity goes to its second words. Chains that
are scanned at once share an endpoint evenly.
"""

from collections import deque
from collections.abc import Mapping, Sequence

import msgspec

from hdscan.model.reading import Kind
from hdscan.pool import limiter
from hdscan.pool.limiter import DAY, MINUTE

LATENCY = 0.3  # seconds that a call takes
FIRST, GROWTH = 0.05, 0.04  # the first step in seconds, and later ones as a share of the time so far
REGROWN = 0.9  # of a rate that was refused: between cuts it comes back to it
HASTE = 5.0  # seconds that a chunk waits for second words
HORIZON = 62 * DAY
NEVER = float("inf")


class Lane(msgspec.Struct, eq=False, kw_only=True):
    """A provider on a chain; `opens` is in how many seconds it can be asked, `calls` and `readings` are what it does."""

    provider: str
    operator: str
    endpoint: str
    yields: Mapping[Kind, float]  # readings per unit of its endpoint's limiter
    units: float  # that a full call takes
    opens: float = 0.0
    refills: bool = True  # else it is asked only for what its limiter has at once
    calls: float = 0.0
    readings: float = 0.0


class Work(msgspec.Struct, eq=False, kw_only=True):
    """What is left to read of a chain, by kind; `doubts` is the share of it that needs a second word.

    `patience` is how long all its providers may be held before its scan ends. Results: `tail` is from when its last call could
    begin to the end, `ends` in seconds (None: not within the horizon), and where it has to be scanned again meanwhile, after
    how many seconds with so much `read`, and from when on.
    """

    chain: str
    left: dict[Kind, float]
    lanes: Sequence[Lane]
    doubts: float = 0.0
    patience: float = NEVER
    tail: float = 0.0
    ends: float | None = None
    halts: float | None = None
    resumes: float | None = None
    read: float = 0.0

    def __post_init__(self) -> None:
        served = {kind for lane in self.lanes for kind in lane.yields}
        self.left = {kind: count for kind, count in self.left.items() if count > 0 and kind in served}
        if not self.left:
            self.ends = 0.0


class Window:
    """A window of a limiter as it fills and empties; times in seconds from now."""

    def __init__(self, window: limiter.Window, now: float) -> None:
        self.seconds = window.seconds
        self.limit = window.limit
        self._stays = window.seconds * (1.0 + 1.0 / limiter.BUCKETS)  # a bucket stays until its last moment has left
        past = [(start + self._stays - now, float(count)) for start, count in window.buckets]
        self._leaving = deque((leaves, count) for leaves, count in past if leaves > 0)
        self.before = self.used = sum(count for _, count in self._leaving)
        self.lost = 0.0  # units that it held back

    def room(self, t: float) -> float:
        while self._leaving and self._leaving[0][0] <= t:
            self.used -= self._leaving.popleft()[1]
        return max(0.0, self.limit - self.used)

    def take(self, units: float, t: float) -> None:
        self.used += units
        self._leaving.append((t + self._stays, units))

    def opens(self, t: float) -> float:
        """When it has any room again."""
        return self._leaving[0][0] if self.room(t) < 1.0 and self._leaving else t


class Tank:
    """An endpoint's limiter: how many units it gives out in a step."""

    def __init__(self, limits: limiter.Limiter, now: float, *, units: float, slots: int, refills: bool = True) -> None:
        """`units` are those of its largest call, of which `slots` are in flight at a time."""
        regrown = REGROWN * limits.memory().refused_rate  # a cut rate soon comes back to the one that was refused
        self.rate = max(limits.rate, regrown) if refills else 0.0
        self.taken = 0.0
        self.windows = [Window(each, now) for each in limits.windows]
        self._starts = max(0.0, limits.ready_at(1, now) - now)
        self._bursts = limits.most_at_once > 1.0
        self._most = limits.burst if self._bursts else units
        self._credit = limits.at_once(now) if self._bursts else units
        self._flow = slots * units / LATENCY

    def offers(self, t: float, dt: float) -> float:
        """Units in the step that begins at `t`."""
        open_for = max(0.0, min(dt, t + dt - self._starts))
        offer = min(self._credit + self.rate * open_for, self._flow * open_for)
        for window in self.windows:
            room = window.room(t)
            if window.seconds > MINUTE:
                window.lost += max(0.0, offer - room)
            offer = min(offer, room)
        return offer

    def take(self, units: float, t: float, dt: float) -> None:
        open_for = max(0.0, min(dt, t + dt - self._starts))
        self._credit = min(self._most, self._credit + self.rate * open_for - units)
        self.taken += units
        for window in self.windows:
            window.take(units, t)

    def pace(self, units: float) -> float:
        """Units per second that calls of so many get now: they wait for no turn while a burst has them."""
        return self._flow if self._bursts and self._credit >= units else self.rate

    @property
    def spares(self) -> bool:
        """Whether every longer window has as much room left as was taken, so that audits may use it."""
        return all(each.limit - each.used > self.taken for each in self.windows if each.seconds > MINUTE)

    def opens(self, t: float) -> float:
        """When it gives out anything again; a limit per minute is a rate that is waited for."""
        return max([t, self._starts, *(window.opens(t) for window in self.windows if window.seconds > MINUTE)])


class _Step(msgspec.Struct, eq=False):
    """One step from `t` to `t + dt`: the units that each chain is offered at an endpoint, and what all of them took."""

    t: float
    dt: float
    offers: dict[str, float]
    taken: dict[str, float]


def foresee(works: Sequence[Work], tanks: Mapping[str, Tank]) -> None:
    """Play the scans of these chains at once, from now to their ends; the results are left in `works` and `tanks`."""
    t, dt = 0.0, FIRST
    while t < HORIZON and (active := [work for work in works if work.ends is None]):
        sharers: dict[str, int] = {}
        for work in active:
            for endpoint in {lane.endpoint for lane in work.lanes if lane.opens <= t}:
                sharers[endpoint] = sharers.get(endpoint, 0) + 1
        offers = {endpoint: tanks[endpoint].offers(t, dt) / count for endpoint, count in sharers.items()}
        step = _Step(t, dt, offers, dict.fromkeys(offers, 0.0))
        for work in active:
            _look_whether_it_is_held(work, tanks, t)
            _read(work, [lane for lane in work.lanes if lane.opens <= t and lane.yields.keys() & work.left.keys()], step)
        for endpoint, units in step.taken.items():
            tanks[endpoint].take(units, t, dt)
        for work in active:
            if work.ends is not None:
                work.tail = _tail(work, tanks)
                work.ends += work.tail
        t += dt
        dt = max(FIRST, GROWTH * t)


def _tail(work: Work, tanks: Mapping[str, Tank]) -> float:
    """Seconds of the last call, which begins when its host's turn comes, and of the second words that it needs."""
    pace = {id(lane): tanks[lane.endpoint].pace(lane.units) for lane in work.lanes}
    turns = [pace[id(lane)] / lane.units for lane in work.lanes]  # calls per second
    if not sum(turns):
        return LATENCY
    reads = {id(lane): pace[id(lane)] * max(lane.yields.values()) for lane in work.lanes}
    fresh = _fresh(work.doubts, work.lanes, reads)
    late = fresh * (1.0 + work.doubts) > 1.0  # the others cannot keep up with the operator that reads most
    words = 0.0 if fresh == 1.0 else HASTE if late else min(HASTE, LATENCY + len(turns) / sum(turns))
    return LATENCY + 0.5 / sum(turns) + words


def _look_whether_it_is_held(work: Work, tanks: Mapping[str, Tank], t: float) -> None:
    if work.halts is None:
        opens = min((max(lane.opens, tanks[lane.endpoint].opens(t)) for lane in work.lanes), default=NEVER)
        if opens - t > work.patience:
            work.halts, work.resumes = t, opens


def _read(work: Work, lanes: Sequence[Lane], step: _Step) -> None:
    """One step of a chain: what its lanes read, and when it ends if it does."""
    count = {endpoint: sum(lane.endpoint == endpoint for lane in lanes) for endpoint in step.offers}
    given = {id(lane): step.offers[lane.endpoint] / count[lane.endpoint] for lane in lanes}
    share = _native_share(work.left, lanes, given)
    reads = {id(lane): _reads(lane, given[id(lane)], work.left, share) for lane in lanes}
    fresh = _fresh(work.doubts, lanes, {key: sum(each.values()) for key, each in reads.items()})
    progress = {kind: fresh * sum(each.get(kind, 0.0) for each in reads.values()) for kind in work.left}
    needed = max((left / progress[kind] if progress[kind] else NEVER for kind, left in work.left.items()), default=0.0)
    part = min(1.0, needed)
    for lane in lanes:
        lane.readings += part * sum(reads[id(lane)].values())
        used = part * given[id(lane)] if any(reads[id(lane)].values()) else 0.0
        lane.calls += used / lane.units
        step.taken[lane.endpoint] += used
    if work.halts is None:
        work.read += part * sum(progress.values())
    work.left = {kind: left - part * progress[kind] for kind, left in work.left.items() if left > part * progress[kind] + 1e-6}
    if not work.left:
        work.ends = step.t + part * step.dt


def _native_share(left: Mapping[Kind, float], lanes: Sequence[Lane], given: Mapping[int, float]) -> float:
    """The share of their time that providers of both kinds give to native coins, so that the kinds end together."""
    native, token = left.get(Kind.NATIVE, 0.0), left.get(Kind.TOKEN, 0.0)
    if not (native and token):
        return 1.0 if native else 0.0
    alone = dict.fromkeys((Kind.NATIVE, Kind.TOKEN), 0.0)
    both = dict.fromkeys((Kind.NATIVE, Kind.TOKEN), 0.0)
    for lane in lanes:
        for kind, readings in lane.yields.items():
            (both if len(lane.yields) > 1 else alone)[kind] += given[id(lane)] * readings
    all_of_it = token * both[Kind.NATIVE] + native * both[Kind.TOKEN]
    wanted = native * (alone[Kind.TOKEN] + both[Kind.TOKEN]) - token * alone[Kind.NATIVE]
    return min(1.0, max(0.0, wanted / all_of_it)) if all_of_it else 0.5


def _reads(lane: Lane, units: float, left: Mapping[Kind, float], share: float) -> dict[Kind, float]:
    """What a lane reads with so many units."""
    kinds = [kind for kind in lane.yields if kind in left]
    parts = {Kind.NATIVE: share, Kind.TOKEN: 1.0 - share} if len(kinds) > 1 else dict.fromkeys(kinds, 1.0)
    return {kind: units * lane.yields[kind] * parts[kind] for kind in kinds}


def _fresh(doubts: float, lanes: Sequence[Lane], reads: Mapping[int, float]) -> float:
    """The share of what is read that no other operator read before."""
    whole = sum(reads.values())
    operators: dict[str, float] = {}
    for lane in lanes:
        operators[lane.operator] = operators.get(lane.operator, 0.0) + reads[id(lane)]
    if not (doubts and whole) or len(operators) < 2:
        return 1.0
    return max(1.0 / (1.0 + doubts), max(operators.values()) / whole)
