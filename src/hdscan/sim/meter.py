"""The rate of arrivals: a token bucket with tolerance."""

from math import inf

TOLERANCE = 0.05  # seconds by which the way between two processes may shift an arrival


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
