"""The clocks of simulated hosts; tests replace the machine's."""

import asyncio
import time
from math import inf

BEAT = 0.005
MEMORY = 0.25  # seconds for which a lag counts


class Clock:
    """The machine's clocks, with a beat every 5 ms: a late beat shows that this process, not the client, bunched arrivals."""

    def __init__(self) -> None:
        self._due = self.ticks()
        self._lag, self._lagged_at = 0.0, -inf

    def ticks(self) -> float:
        """Monotonic seconds, as the event loop's timers."""
        return time.monotonic()

    def wall(self) -> float:
        """Unix seconds."""
        return time.time()

    def start(self) -> None:
        self._due = self.ticks()
        self._beat()

    def stop(self) -> None:
        self._timer.cancel()

    def since(self, at: float) -> float:
        """The earliest time at which something noticed at `at` can have arrived.

        A process that was held up works off a backlog, so a lag is remembered for a moment and counts twice.
        """
        lag = max(at - self._due, self._lag if at - self._lagged_at < MEMORY else 0.0)
        return at - 2 * lag if lag > 2 * BEAT else at

    def _beat(self) -> None:
        now = self.ticks()
        lag = now - self._due
        if lag >= self._lag or now - self._lagged_at >= MEMORY:
            self._lag, self._lagged_at = lag, now
        self._due = now + BEAT
        self._timer = asyncio.get_running_loop().call_later(BEAT, self._beat)
