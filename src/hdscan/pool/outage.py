"""What a chain does while nobody answers: wait, offer the same work again, and in the end stop (B11)."""

from hdscan.pool.budget import backoff
from hdscan.pool.queue import PendingReading
from hdscan.pool.upstream import Policy


class Outage:
    """Readings that everybody failed while nothing succeeded, and the clock that runs meanwhile. Times in seconds."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._clock: float | None = None
        self.parked: list[PendingReading] = []
        self.attempt = 0
        self.until = 0.0
        self.silent = 0.0  # seconds without a success, announced pauses left out
        self.last_success = float("-inf")  # when the latest-begun call that succeeded was begun
        self.healed_at = float("-inf")  # when the last outage ended
        self.relieved = False  # something succeeded since the parked were last looked at

    def tick(self, now: float, *, counts: bool) -> None:
        """Let time pass; `counts` says whether it was time in which somebody could have succeeded."""
        if self._clock is not None and counts:
            self.silent += max(0.0, now - self._clock)
        self._clock = now

    def park(self, items: list[PendingReading], now: float, jitter: float) -> bool:
        """Hold these back; the first to come begins a wait (then True)."""
        begins = not self.parked
        self.parked += items
        if begins:
            self.wait(now, jitter)
        return begins

    def wait(self, now: float, jitter: float) -> None:
        """Wait base * 2**attempt before anything is offered again."""
        self.until = now + backoff(self.attempt, self._policy.backoff_base, self._policy.backoff_max, jitter)
        self.attempt += 1

    def release(self) -> list[PendingReading]:
        """Everything that was held back."""
        released, self.parked = self.parked, []
        return released

    def success(self, began: float, now: float, *, heals: bool = False) -> bool:
        """A call begun at `began` succeeded, `heals`: where nobody could be asked; whether work had been offered in vain."""
        in_vain = self.attempt > 1
        if heals:
            self.healed_at = now
        self.last_success = max(self.last_success, began)
        self.attempt = 0
        self.silent = 0.0
        self._clock = now  # what passed before it was no silence
        self.relieved = True
        return in_vain

    @property
    def time_left(self) -> float:
        """Seconds of silence until the chain stops."""
        return self._policy.outage_limit - self.silent
