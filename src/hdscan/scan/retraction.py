"""Retractions: which balances of a provider have to be read again, and why. Pure."""

import msgspec

from hdscan.model.errors import ReadCode
from hdscan.model.reading import Balance, Unread
from hdscan.pool.actions import Quarantined, Reorged


class Retraction(msgspec.Struct, frozen=True):
    """All balances of a provider, or those from the height `fork` on."""

    provider: str
    code: ReadCode
    reason: str
    fork: int | None = None

    @classmethod
    def of(cls, event: Quarantined | Reorged) -> "Retraction":
        """The retraction that follows from an event of the pool."""
        if isinstance(event, Reorged):
            reason = f"the chain of {event.provider} was reorganised: {event.reason}"
            return cls(event.provider, ReadCode.REORG, reason, event.fork)
        return cls(event.provider, event.code, f"{event.provider} is quarantined: {event.reason}")

    def affects(self, outcome: Balance | Unread) -> bool:
        """Whether an outcome is retracted; an amount without a height may be above any fork."""
        if not isinstance(outcome, Balance) or outcome.source != self.provider:
            return False
        return self.fork is None or outcome.height is None or outcome.height >= self.fork
