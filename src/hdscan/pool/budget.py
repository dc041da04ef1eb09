"""The retry budget of a provider, so that retries don't become the load, and the backoff of an outage."""

SHARE, PER_SECOND = 0.2, 1.0
FIRST = 10.0  # retries that may be made at once
LARGEST = 100.0  # retries that may be saved up: the last work of a scan is retries, with no new calls to earn them


class RetryBudget:
    """Retries may be 20 % of a provider's calls plus one per second. They wait for the budget and never fail for it."""

    def __init__(self) -> None:
        self._credit = FIRST
        self._at: float | None = None

    def ready_at(self, now: float) -> float:
        """When the next retry may be made."""
        self._accrue(now)
        return now if self._credit >= 1.0 else now + (1.0 - self._credit) / PER_SECOND

    def first(self) -> None:
        """A call that is no retry was made."""
        self._credit = min(self._credit + SHARE, LARGEST)

    def retry(self, now: float) -> None:
        self._accrue(now)
        self._credit -= 1.0

    def _accrue(self, now: float) -> None:
        if self._at is None:
            self._at = now
        elif now > self._at:
            self._credit = min(self._credit + (now - self._at) * PER_SECOND, LARGEST)
            self._at = now


def backoff(attempt: int, base: float, longest: float, jitter: float) -> float:
    """Seconds to wait before work is offered again: base * 2**attempt, at most `longest`, less up to a fifth of jitter.

    `jitter` is in [0, 1); attempts count from 0.
    """
    return min(base * 2.0 ** min(attempt, 32), longest) * (1.0 - 0.2 * jitter)
