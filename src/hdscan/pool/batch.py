"""How many units one call to a provider may hold: halved when refused, probed upward slowly, kept across restarts.

Where the first is to be small, it doubles with every call accepted, until the capacity or a refusal.
"""

import msgspec

FIRST_PROBE, LAST_PROBE = 300.0, 86_400.0


class BatchMemory(msgspec.Struct, frozen=True):
    """What of a batch size survives a restart."""

    limit: int
    probe_at: float
    probe_after: float


class BatchSize:
    """The learned size of a provider's calls of one kind. Times in unix seconds."""

    def __init__(self, capacity: int, first: int | None = None) -> None:
        self.capacity = capacity
        self.limit = min(capacity, first or capacity)
        self._growing = self.limit < capacity
        self._proven = 0  # units of the largest call accepted since a refusal
        self._probe_at = float("inf")
        self._probe_after = FIRST_PROBE

    def at(self, now: float) -> int:
        """The size to use now; when a probe is due it is a quarter larger."""
        if self.limit < self.capacity and now >= self._probe_at:
            return min(self.limit + max(1, self.limit // 4), self.capacity)
        return self.limit

    def refused(self, units: int, now: float) -> None:
        """A call of `units` was too large; where a larger one was accepted before, only a second refusal counts."""
        self._growing = False
        if units <= self._proven:
            self._proven = 0
            return
        if units <= self.limit:
            self.limit = max(1, units // 2)
        elif now < self._probe_at:
            return  # it was in flight when the size was lowered
        else:
            self._probe_after = min(self._probe_after * 2, LAST_PROBE)  # the probe failed: the next one comes later
        self._probe_at = now + self._probe_after

    def accepted(self, units: int, now: float) -> None:
        self._proven = max(self._proven, units)
        if self._growing and units >= self.limit:
            self.limit = min(self.capacity, 2 * self.limit)
            self._growing = self.limit < self.capacity
        elif units > self.limit:
            self.limit = units
            self._probe_at = now + self._probe_after

    def memory(self) -> BatchMemory | None:
        """What has to survive a restart, or None where nothing was learned."""
        learned = self.limit < self.capacity and not self._growing
        return BatchMemory(self.limit, self._probe_at, self._probe_after) if learned else None

    def restore(self, memory: BatchMemory, now: float) -> None:
        self.limit = max(1, min(memory.limit, self.capacity))
        self._growing = False
        self._probe_after = memory.probe_after
        self._probe_at = min(memory.probe_at, now + LAST_PROBE)
