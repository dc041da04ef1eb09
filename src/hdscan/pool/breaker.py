"""The circuit breaker, one per provider and kind of call. Pure: `now` is an argument.

    state       event                                          next
    closed      threshold failures in a row, or                open (cooldown)
                at least half of 8 or more calls in 30 s
    closed      threshold calls in a row gave nothing,         open (cooldown)
                of which another provider read some
    open        a call is asked for after the cooldown         half-open, that one call allowed
    half-open   its call succeeds                              closed
    half-open   its call fails, or gave nothing                open, cooldown doubled (at most 5 min)
                of which another provider read some
    half-open   its call ends neutrally (429, cancelled),      half-open, the next call is allowed
                or gave nothing

Every transition begins a new generation; reports of calls that were permitted in an older one are ignored.
"""

from collections import deque
from enum import StrEnum

import msgspec

WINDOW = 30.0
WINDOW_CALLS = 8
MAX_COOLDOWN = 300.0


class State(StrEnum):
    """The states of a breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Permit(msgspec.Struct, frozen=True):
    """The right to make one call, to be given back by exactly one of `success`, `failure` and `neutral`."""

    generation: int


class Breaker:
    """Decides whether a call may be made, from how the ones before it ended. Times in seconds."""

    def __init__(self, threshold: int, cooldown: float) -> None:
        self._threshold = threshold
        self._first_cooldown = self._cooldown = cooldown
        self._generation = 0
        self._failures = 0
        self._recent: deque[tuple[float, bool]] = deque()
        self._until = 0.0
        self._probing = False
        self.state = State.CLOSED
        self.since: float | None = None  # when it last left `closed`

    def retry_at(self, longest: float | None = None) -> float:
        """When it lets a call through, as far as time decides; `longest` caps the wait where nobody else can serve."""
        if longest is None or self.since is None:
            return self._until
        return min(self._until, self._until - self._cooldown + longest)

    def allows(self, now: float, longest: float | None = None) -> bool:
        """Whether `acquire` would give a permit."""
        if self.state is State.OPEN:
            return now >= self.retry_at(longest)
        return self.state is State.CLOSED or not self._probing

    def acquire(self, now: float, longest: float | None = None) -> Permit | None:
        """A permit for one call, or None; an open breaker whose time has come turns half-open."""
        if not self.allows(now, longest):
            return None
        if self.state is State.OPEN:
            self._become(State.HALF_OPEN)
        self._probing = self.state is State.HALF_OPEN
        return Permit(self._generation)

    def success(self, permit: Permit, now: float) -> None:
        if permit.generation != self._generation:
            return
        if self.state is State.HALF_OPEN:
            self._become(State.CLOSED)
            self._cooldown, self._until, self.since = self._first_cooldown, 0.0, None
        else:
            self._failures = 0
            self._record(now, ok=True)

    def failure(self, permit: Permit, now: float) -> None:
        if permit.generation != self._generation:
            return
        if self.state is State.HALF_OPEN:
            self._cooldown = min(self._cooldown * 2, MAX_COOLDOWN)
            self._open(now)
            return
        self._failures += 1
        self._record(now, ok=False)
        failed = sum(not ok for _, ok in self._recent)
        if self._failures >= self._threshold or (len(self._recent) >= WINDOW_CALLS and 2 * failed >= len(self._recent)):
            self.since = now
            self._open(now)

    def disproved(self, permit: Permit, now: float) -> bool:
        """Open, as what its calls up to this one could not read was read elsewhere; whether that is a change."""
        if permit.generation != self._generation:
            return False
        if self.state is State.HALF_OPEN:
            self._cooldown = min(self._cooldown * 2, MAX_COOLDOWN)
        else:
            self.since = now
        self._open(now)
        return True

    def neutral(self, permit: Permit) -> None:
        """The call ended without telling either: the permit is given back."""
        if permit.generation == self._generation:
            self._probing = False

    def _open(self, now: float) -> None:
        self._become(State.OPEN)
        self._until = now + self._cooldown

    def _become(self, state: State) -> None:
        self.state = state
        self._generation += 1
        self._failures = 0
        self._probing = False
        self._recent.clear()

    def _record(self, now: float, *, ok: bool) -> None:
        self._recent.append((now, ok))
        while self._recent[0][0] <= now - WINDOW:
            self._recent.popleft()
