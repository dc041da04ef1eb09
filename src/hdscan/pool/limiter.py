"""The rate limiter of an endpoint: a spacing, longer windows, announced pauses, and a rate that learns from refusals.

Pure: `now` is in unix seconds, so that its state survives a restart.
"""

from collections import deque
from collections.abc import Sequence

import msgspec

MINUTE, HOUR, DAY, MONTH = 60.0, 3_600.0, 86_400.0, 31 * 86_400.0

SLACK = 0.010  # a call may come this early to make up for one that was late: timers are not exact
BUCKETS = 60
AHEAD = 0.020  # seconds' worth of calls that may be decided before they go out
UNSENT_FOR = 1.0  # a call that was not sent within this holds back no other: most likely it never will be
UNSENT = 64  # such calls that are remembered
RECHECK = 0.005
CUT, LEAST, SLOWEST = 0.7, 0.01, 1 / 30  # what a refusal leaves of a rate; the least share of it, and of calls a second
APPROACH, PROBE = 0.5, 0.005  # by which a cut rate grows a second: far from the rate that was refused last, and at it
LONGEST_PAUSE = DAY
OWN_PAUSE, LONGEST_OWN_PAUSE = 1.0, 60.0
LATELY = 5.0  # an endpoint that answered within this is not dead
TURNS = 3  # that are left out after a first refusal without a word
CHANCE, HEARD = 0.125, 100  # the share of such refusals, of about so many calls, that says nothing of the rate


class Window:
    """At most `limit` units in any `seconds`, counted in 60 buckets that each stay until their last moment has left."""

    def __init__(self, seconds: float, limit: int) -> None:
        self.seconds = seconds
        self.limit = limit
        self._width = seconds / BUCKETS
        self.buckets: deque[tuple[float, int]] = deque()
        self._used = 0

    def room(self, now: float) -> int:
        used = sum(count for start, count in self.buckets if self._leaves_at(start) > now)
        return max(0, self.limit - used)

    def ready_at(self, cost: int, now: float) -> float:
        """When `cost` more units fit; a cost above the whole limit waits for an empty window."""
        excess = self._used + min(cost, self.limit) - self.limit
        at = now
        for start, count in self.buckets:
            if excess <= 0:
                break
            excess -= count
            at = max(now, self._leaves_at(start))
        return at

    def take(self, cost: int, now: float) -> None:
        while self.buckets and self._leaves_at(self.buckets[0][0]) <= now:
            self._used -= self.buckets.popleft()[1]
        start = now - now % self._width
        if self.buckets and self.buckets[-1][0] >= start:
            last, count = self.buckets[-1]
            self.buckets[-1] = (last, count + cost)
        else:
            self.buckets.append((start, cost))
        self._used += cost

    def move(self, cost: int, taken_at: float, now: float) -> None:
        """What was counted at `taken_at` is sent only now, and counts from now at the host."""
        start = taken_at - taken_at % self._width
        if now - start < self._width:
            return
        for place, (begun, count) in enumerate(self.buckets):
            if begun == start and count >= cost:
                self.buckets[place] = begun, count - cost
                self._used -= cost
                break
        self.take(cost, now)

    def restore(self, buckets: Sequence[tuple[float, int]], now: float) -> None:
        """Take over what was counted before a restart; what lies in the future (a clock set back) counts from now."""
        self.buckets = deque((min(start, now), count) for start, count in buckets)
        self._used = sum(count for _, count in self.buckets)

    def _leaves_at(self, start: float) -> float:
        return start + self._width + self.seconds


class LimiterMemory(msgspec.Struct, frozen=True):
    """What of a limiter survives a restart."""

    next_at: float
    paused_until: float
    announced: bool
    windows: dict[str, list[tuple[float, int]]]
    paused_at: float = 0.0  # when the pause was begun, 0.0 where an older version kept it
    rate: float | None = None  # what was learned, None where nothing was
    refused_rate: float = 0.0
    burst: float | None = None  # what was learned


class Limiter:
    """GCRA with a learned rate and burst, plus longer windows and pauses; shared by every role of its endpoint.

    `rate` is in units per second, where a unit is a call or, for endpoints that count them, an item of a batch; `burst` units
    may be taken at once after a rest. A cut rate grows back quickly to the one that was refused, past it slowly at first and
    then faster, until it is refused again. A refusal within a burst lowers the burst instead, for a day.
    """

    def __init__(self, rate: float, windows: Sequence[tuple[float, int]] = (), burst: float = 1.0) -> None:
        self.ceiling = self.rate = rate
        self.most_at_once = self.burst = burst
        self.windows = [Window(seconds, limit) for seconds, limit in windows]
        self.paused_until = 0.0
        self.paused_since: float | None = None
        self._paused_at = 0.0
        self.announced = False  # whether the provider stated the length of the pause
        self.taken = 0  # units, in this process
        self._next_at = 0.0
        self._spacing = 0.0
        self.hears_sent = False  # whether `sent` is called
        # calls that were counted and have not gone out, when and for how much: their connections are being made
        self._unsent: deque[tuple[float, int]] = deque(maxlen=UNSENT)
        self._cut_again_at = self._grown_at = 0.0
        self._own_pause = OWN_PAUSE
        self._refused_rate = rate  # at the last cut
        self._answered_at = float("-inf")
        self._refusals = 0  # without a word, since the last success: how often that held every caller
        self._heard = self._refused = 0.0  # calls, and those refused without a word: the older, the less they count

    def tighten(self, rate: float, windows: Sequence[tuple[float, int]], burst: float = 1.0) -> None:
        """Where two rows name one endpoint, the stricter figures hold."""
        self.ceiling = self.rate = self._refused_rate = min(self.ceiling, rate)
        self.most_at_once = self.burst = min(self.burst, burst)
        limits = {window.seconds: window.limit for window in self.windows}
        limits |= {seconds: min(limit, limits.get(seconds, limit)) for seconds, limit in windows}
        self.windows = [Window(seconds, limit) for seconds, limit in limits.items()]

    def ready_at(self, cost: int, now: float) -> float:
        """When a call of `cost` units may be made: not before every pause, window and the spacing allow it."""
        ready = max(self._next_at - SLACK - self._ahead(cost), self.blocked_until(cost, now))
        if self.hears_sent and sum(now - at < UNSENT_FOR for at, _ in self._unsent) >= max(1.0, AHEAD * self.rate):
            return max(ready, now + RECHECK)  # more that is still on its way out would go out in a bunch
        return ready

    def blocked_until(self, cost: int, now: float) -> float:
        """Until when a pause or a spent window holds every caller; the spacing between calls apart."""
        return max(now, self.paused_until, *(w.ready_at(cost, now) for w in self.windows))

    def quota_until(self, cost: int, now: float) -> float:
        """Until when a pause or a quota holds every caller; a limit per minute is a rate that is waited for."""
        return max(now, self.paused_until, *(w.ready_at(cost, now) for w in self.windows if w.seconds > MINUTE))

    def room(self, now: float, above: float = 0.0) -> float:
        """How many units every window longer than `above` seconds has left; infinite where there is none."""
        return min((w.room(now) for w in self.windows if w.seconds > above), default=float("inf"))

    def at_once(self, now: float) -> float:
        """How many units may go now: what is left of the burst, a second's worth when nothing of it is taken.

        Infinite where there is no burst.
        """
        if self.most_at_once <= 1.0:
            return float("inf")
        taken = self._outstanding(now)
        return max(1.0, self.burst - taken, self.ceiling if taken <= SLACK * self.rate else 0.0)

    def announced_at(self, now: float) -> bool:
        """Whether every caller is held now by something that was announced: a Retry-After, a quota, a full window."""
        return (self.announced and self.paused_until > now) or any(w.ready_at(1, now) > now for w in self.windows)

    def take(self, cost: int, now: float) -> None:
        late = now - self._next_at + self._ahead(cost)
        if self.rate < self.ceiling:
            if late <= 1.0 / self.rate:  # the rate is what limits us
                limited = min(1.0, max(0.0, now - max(self._grown_at, self.paused_until)))
                away = min(1.0, abs(1.0 - self.rate / self._refused_rate))
                self.rate = min(self.ceiling, self.rate * (1.0 + PROBE + APPROACH * away) ** limited)
            self._grown_at = now
        self.taken += cost
        self._unsent.append((now, cost))
        self._spacing = cost / self.rate
        self._next_at = max(self._next_at, now - SLACK) + self._spacing
        for window in self.windows:
            window.take(cost, now)

    def sent(self, now: float) -> None:
        """The call that was counted last is sent only now: the next one keeps its distance from it."""
        taken_at, cost = self._unsent.pop() if self._unsent else (now, 0)
        self._next_at = max(self._next_at, now - SLACK + self._spacing)
        for window in self.windows:
            window.move(cost, taken_at, now)

    def throttled(self, now: float, retry_after: float | None, *, quota: bool = False) -> None:
        """A 429 or its like: pause every caller and lower the rate (at most once per pause).

        `retry_after` seconds is a floor for the whole endpoint; without one the own pause grows from 1 s to 60 s. A spent
        quota without one pauses for an hour.
        """
        wait = retry_after if retry_after is not None else HOUR if quota else self._own_pause
        if now >= self._cut_again_at:
            self._cut_again_at = now + max(wait, OWN_PAUSE)
            if not quota:
                self._cut(now)
            if retry_after is None:
                self._own_pause = min(self._own_pause * 2, LONGEST_OWN_PAUSE)
        elif retry_after is None and self._refusals != 1:  # a first refusal without a word left out a few turns only
            return  # its call was in flight when this pause began
        self._pause(wait, now, announced=quota or retry_after is not None)

    def _ahead(self, cost: float) -> float:
        """Seconds before its turn at the bare rate that a call may be made."""
        return max(0.0, self.burst - cost) / self.rate

    def _outstanding(self, now: float) -> float:
        """Units taken that the rate alone would not have allowed yet."""
        return max(0.0, self._next_at - now) * self.rate

    def hold(self, now: float, seconds: float) -> None:
        """Pause every caller, as a host wishes that answered all the same: the rate stays."""
        self._pause(seconds, now, announced=True)

    def refused(self, began: float, now: float, most: int) -> bool:
        """A call begun at `began` was refused without a word (503, a reset): whether that is overload, not a failure.

        It is where the endpoint answered lately, until `most` cooldowns in a row brought no success. A first refusal only
        leaves out a few turns, since the host may answer the next call; then cooldowns grow from 1 s to 60 s. The rate is
        lowered where more than chance is refused, but not for what came after a cooldown, which was not too fast.
        """
        self._hear(1.0)
        if self._refusals == 0 and now - self._answered_at > LATELY:
            return False
        if began < self._paused_at <= now:
            return True  # it was in flight when this pause began
        if self._refusals > most:
            return False
        self._refusals += 1
        if self._refusals <= 2 and self._refused > CHANCE * self._heard:
            self._cut(now)
        if self._refusals == 1:
            wait = min(TURNS * self._spacing, OWN_PAUSE)
        else:
            wait, self._own_pause = self._own_pause, min(self._own_pause * 2, LONGEST_OWN_PAUSE)
        self._cut_again_at = max(self._cut_again_at, now + wait)
        self._pause(wait, now, announced=False)
        return True

    def answered(self, now: float) -> None:
        """The endpoint answered something, which need not be what it is paused for."""
        self._answered_at = now

    def succeeded(self, now: float) -> None:
        self.answered(now)
        self._hear(0.0)
        self._own_pause, self._refusals, self.paused_since = OWN_PAUSE, 0, None

    def _hear(self, refused: float) -> None:
        self._heard += 1.0 - self._heard / HEARD
        self._refused += refused - self._refused / HEARD

    def _cut(self, now: float) -> None:
        if self.burst > 1.0 and (taken := self._outstanding(now)) > max(1.0, self.ceiling):
            self.burst = max(1.0, min(self.burst, taken) * CUT)  # that many at once were too many; the rate was not
            self._next_at = max(self._next_at, now + self.burst / self.rate)
            return
        self._grown_at = now
        self._refused_rate = self.rate
        self.rate = max(self.rate * CUT, self.ceiling * LEAST, min(self.ceiling, SLOWEST))

    def _pause(self, wait: float, now: float, *, announced: bool) -> None:
        if self.paused_since is None:
            self.paused_since = now
        until = now + min(wait, LONGEST_PAUSE)
        if until > self.paused_until:
            self.paused_until = until
            self._paused_at = now
            self.announced = announced

    def memory(self) -> LimiterMemory:
        windows = {f"{w.seconds:.0f}": list(w.buckets) for w in self.windows}
        learned = (self.rate, self._refused_rate) if self.rate < self.ceiling else ()
        memory = LimiterMemory(self._next_at, self.paused_until, self.announced, windows, self._paused_at, *learned)
        return msgspec.structs.replace(memory, burst=self.burst) if self.burst < self.most_at_once else memory

    def restore(self, memory: LimiterMemory, now: float) -> None:
        """Take over what was known before a restart; a clock set back meanwhile makes no pause longer than it was."""
        length = memory.paused_until - memory.paused_at if memory.paused_at else LONGEST_PAUSE
        # one that left early, and its spacing
        self._next_at = min(memory.next_at, now + SLACK + max(1.0, self.most_at_once / self.ceiling))
        self.announced = memory.announced
        self.paused_until = min(memory.paused_until, now + min(length, LONGEST_PAUSE))
        self._paused_at = min(memory.paused_at, now)
        if self.paused_until > now:
            self.paused_since = now
        if memory.rate is not None and now - memory.paused_at < HOUR:  # what it refused longer ago says little of today
            self.rate = min(memory.rate, self.ceiling)
            self._refused_rate, self._grown_at = memory.refused_rate or self.rate, now
        if memory.burst is not None and now - memory.paused_at < DAY:
            self.burst = min(memory.burst, self.most_at_once)
        for window in self.windows:
            window.restore(memory.windows.get(f"{window.seconds:.0f}", ()), now)
