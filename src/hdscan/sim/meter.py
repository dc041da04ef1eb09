"""The rate of arrivals: a token bucket with tolerance, and a pulse that notices when this process itself was held up."""

import asyncio
import time
from math import inf

TOLERANCE = 0.05  # seconds by which the way between two processes may shift an arrival
BEAT = 0.005
MEMORY = 0.25  # seconds for which a lag counts


class Meter:
    """A token bucket of `rate` per second and `burst`, kept as the time at which it would be full again (GCRA).

    In no window do more than rate * (length + TOLERANCE) + burst units pass. What is refused takes nothing.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._full = -inf

    def admit(self, since: float, at: float, cost: float) -> bool:
        """Whether `cost` units pass that arrived between `since` and `at` (monotonic seconds)."""
        fits = self._full + cost / self._rate - self._burst / self._rate - TOLERANCE
        if fits > at:
            return False
        self._full = max(self._full, since, fits) + cost / self._rate
        return True


class Pulse:
    """A beat every 5 ms; a late beat shows that this process, not the client, bunched arrivals."""

    def __init__(self) -> None:
        self._due = time.monotonic()
        self._lag, self._lagged_at = 0.0, -inf
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._due = time.monotonic()
        self._beat()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def since(self, at: float) -> float:
        """The earliest time at which something noticed at `at` can have arrived.

        A process that was held up works off a backlog, so a lag is remembered for a moment and counts twice.
        """
        lag = max(at - self._due, self._lag if at - self._lagged_at < MEMORY else 0.0)
        return at - 2 * lag if lag > 2 * BEAT else at

    def _beat(self) -> None:
        now = time.monotonic()
        lag = now - self._due
        if lag >= self._lag or now - self._lagged_at >= MEMORY:
            self._lag, self._lagged_at = lag, now
        self._due = now + BEAT
        self._timer = asyncio.get_running_loop().call_later(BEAT, self._beat)
