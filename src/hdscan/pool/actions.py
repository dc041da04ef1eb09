"""What the pool decides: the calls to make, the readings that ended, and the events for its owner."""

from collections.abc import Sequence

import msgspec

from hdscan.model.chain import Asset
from hdscan.model.errors import ReadCode
from hdscan.model.reading import BalanceResult, Kind, Reading
from hdscan.pool.breaker import Permit
from hdscan.pool.queue import PendingReading
from hdscan.pool.upstream import Upstream


class _Call(msgspec.Struct, frozen=True, eq=False):
    upstream: Upstream
    began: float


class ProveCall(_Call, frozen=True, eq=False):
    """Have the provider prove its chain."""


class TipCall(_Call, frozen=True, eq=False):
    """Ask for the provider's head."""


class BlockHashCall(_Call, frozen=True, eq=False):
    """Ask for the hash of the provider's block at a height."""

    height: int


class TokenCall(_Call, frozen=True, eq=False):
    """Ask what the chain says of tokens."""

    assets: tuple[Asset, ...]


class ReadCall(_Call, frozen=True, eq=False):
    """Read a batch; `height` is the endpoint's last known head."""

    batch: tuple[PendingReading, ...]
    kind: Kind
    permit: Permit
    height: int | None

    @property
    def readings(self) -> tuple[Reading, ...]:
        return tuple(pending.reading for pending in self.batch)


CheckCall = ProveCall | TipCall | BlockHashCall | TokenCall
Call = CheckCall | ReadCall


class Halt(msgspec.Struct, frozen=True):
    """The chain cannot go on: why, in one sentence."""

    reason: str


class Quarantined(msgspec.Struct, frozen=True):
    """A provider serves another chain, or others contradict it: its amounts of this scan have to be read again."""

    provider: str
    reason: str
    code: ReadCode = ReadCode.WRONG_CHAIN


class Reorged(msgspec.Struct, frozen=True):
    """A provider's chain was reorganised: its amounts at heights from `fork` on have to be read again."""

    provider: str
    fork: int
    reason: str


class ShortReply(msgspec.Struct, frozen=True):
    """A provider returned fewer items than were asked."""

    provider: str
    requested: int
    received: int


class Noted(msgspec.Struct, frozen=True):
    """A reply told something that users need to know."""

    text: str


class OutageBegan(msgspec.Struct, frozen=True):
    """No provider answers: the same work is offered again in `seconds`. Comes again with every longer wait."""

    seconds: float


class OutageEnded(msgspec.Struct, frozen=True):
    """A provider answers again."""


class TokensProved(msgspec.Struct, frozen=True):
    """The proof of the tokens ended; `doubts` say who says what of those that are read without one."""

    doubts: tuple[str, ...] = ()


class FinalCheckDone(msgspec.Struct, frozen=True):
    """The final check ended: the chain of every provider but `unheard` is as it was read, or a Reorged came before."""

    unheard: tuple[str, ...] = ()


Event = Quarantined | Reorged | ShortReply | Noted | OutageBegan | OutageEnded | FinalCheckDone | TokensProved


class Actions(msgspec.Struct, frozen=True):
    """What to do now: make `calls`, take `ended` (job, result) and `events`; decide again at `wake_at` or after a call."""

    calls: tuple[Call, ...]
    ended: tuple[tuple[int, BalanceResult], ...]
    events: tuple[Event, ...]
    wake_at: float | None
    halt: Halt | None


class Outbox(msgspec.Struct, eq=False):
    """Collects ended readings and events until the next actions carry them."""

    ended: list[tuple[int, BalanceResult]] = []
    events: list[Event] = []

    def actions(self, calls: Sequence[Call] = (), wake_at: float | None = None, halt: Halt | None = None) -> Actions:
        """The calls to make with everything collected, which is then forgotten."""
        actions = Actions(tuple(calls), tuple(self.ended), tuple(self.events), wake_at, halt)
        self.ended, self.events = [], []
        return actions
