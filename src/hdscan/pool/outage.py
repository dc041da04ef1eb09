"""What a chain does while no provider answers: wait, offer the same work again, and in the end stop."""

from hdscan.pool.budget import backoff
from hdscan.pool.policy import Policy
from hdscan.pool.queue import PendingReading


class Outage:
    """Readings that every provider failed while nothing succeeded, and the clock that runs meanwhile. Times in seconds."""

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
        """Let time pass; whether a provider could have succeeded in it is `counts`."""
        if self._clock is not None and counts:
            self.silent += max(0.0, now - self._clock)
        self._clock = now

    def park(self, work: list[PendingReading], now: float, jitter: float) -> bool:
        """Hold these back; whether that began a wait."""
        begins = not self.parked
        self.parked += work
        if begins:
            self.wait(now, jitter)
        return begins

    def wait(self, now: float, jitter: float) -> None:
        """Wait base * 2**attempt before anything is offered again."""
        self.until = now + backoff(self.attempt, self._policy.backoff_base, self._policy.backoff_max, jitter)
        self.attempt += 1

    def release(self) -> list[PendingReading]:
        released, self.parked = self.parked, []
        return released

    def success(self, began: float, now: float, *, heals: bool = False) -> bool:
        """A call begun at `began` succeeded, `heals` after none could be made; whether that ends an outage."""
        ends = self.attempt > 1
        if heals:
            self.healed_at = now
        self.last_success = max(self.last_success, began)
        self.attempt = 0
        self.silent = 0.0
        self._clock = now  # what passed before it was no outage
        self.relieved = True
        return ends

    @property
    def time_left(self) -> float:
        """Seconds without a success until the chain stops."""
        return self._policy.outage_limit - self.silent
