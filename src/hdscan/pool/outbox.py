"""What the pool has to say to its owner since its last actions."""

from hdscan.model.reading import BalanceResult
from hdscan.pool.actions import Actions, Call, Event, Halt


class Outbox:
    """Collects ended readings and events until the next actions carry them."""

    def __init__(self) -> None:
        self._ended: list[tuple[int, BalanceResult]] = []
        self._events: list[Event] = []

    @property
    def has_ended(self) -> bool:
        """Whether a result waits."""
        return bool(self._ended)

    def end(self, job: int, result: BalanceResult) -> None:
        """A reading of a job ended."""
        self._ended.append((job, result))

    def say(self, *events: Event) -> None:
        """Something happened that the owner has to know."""
        self._events += events

    def actions(self, calls: list[Call], wake_at: float | None = None, halt: Halt | None = None) -> Actions:
        """The calls to make with everything collected, which is then forgotten."""
        actions = Actions(tuple(calls), tuple(self._ended), tuple(self._events), wake_at, halt)
        self._ended.clear()
        self._events.clear()
        return actions
