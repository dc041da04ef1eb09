"""What a chain does while nobody answers: wait, offer the same work again, and in the end stop (B11)."""

from hdscan.pool.budget import backoff
from hdscan.pool.queue import Item
from hdscan.pool.seat import Policy


class Outage:
    """Readings that everybody failed while nothing succeeded, and the clock that runs meanwhile. Times in seconds."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._clock: float | None = None
        self.parked: list[Item] = []
        self.attempt = 0
        self.until = 0.0
        self.silent = 0.0  # seconds without a success, announced pauses left out
        self.last_success = float("-inf")

    def tick(self, now: float, *, counts: bool) -> None:
        """Let time pass; `counts` says whether it was time in which somebody could have succeeded."""
        if self._clock is not None and counts:
            self.silent += max(0.0, now - self._clock)
        self._clock = now

    def park(self, items: list[Item], now: float, jitter: float) -> bool:
        """Hold these back; the first to come begins a wait of base * 2**attempt (then True)."""
        begins = not self.parked
        if begins:
            self.until = now + backoff(self.attempt, self._policy.backoff_base, self._policy.backoff_max, jitter)
            self.attempt += 1
        self.parked += items
        return begins

    def release(self, now: float) -> list[Item]:
        """Everything that was held back, to be offered again to everybody."""
        released, self.parked = self.parked, []
        for item in released:
            item.offer_again(now)
        return released

    def success(self, now: float) -> None:
        """Something of this chain was read."""
        self.last_success = now
        self.attempt = 0
        self.silent = 0.0

    @property
    def time_left(self) -> float:
        """Seconds of silence until the chain stops."""
        return self._policy.outage_limit - self.silent
