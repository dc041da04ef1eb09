"""The unit of work: one (address, asset) to be read, and what may come of it.

These values come in thousands and hold no cycles, so the garbage collector is spared them (`gc=False`).
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from hdscan.model.chain import Asset
from hdscan.model.errors import ReadCode


class Kind(StrEnum):
    """What the readings of one call are of; breakers and learned batch sizes are kept per kind."""

    NATIVE = "native"
    TOKEN = "token"
    MIXED = "mixed"


class Reading(msgspec.Struct, frozen=True, gc=False):
    """One balance to be read; `index` is the address's position on its chain."""

    index: int
    address: str
    asset: Asset

    @property
    def kind(self) -> Kind:
        """NATIVE or TOKEN."""
        return Kind.NATIVE if self.asset.contract is None else Kind.TOKEN


class Balance(msgspec.Struct, frozen=True, gc=False):
    """An amount that a provider stated.

    `amount` and `unconfirmed` are base units (satoshi, wei, lamport, token units); `unconfirmed` may be negative and is None
    where the protocol has no such notion. `height` is the block or slot: exact where the protocol states it in the same
    reply, otherwise the endpoint's last known tip before the call (the amount is of that block or a later one up to
    `observed_at`). `observed_at` is in unix seconds, `source` the provider's name.
    """

    amount: int
    unconfirmed: int | None
    height: int | None
    observed_at: float
    source: str


class ReadError(msgspec.Struct, frozen=True, gc=False):
    """Why one provider could not read one reading."""

    code: ReadCode
    message: str


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """A try that failed: whose, why, and when (unix seconds)."""

    provider: str
    code: ReadCode
    message: str
    at: float


class Unread(msgspec.Struct, frozen=True, gc=False):
    """A reading that ended without an amount: the deciding reason, and every provider's own (provider name -> reason)."""

    code: ReadCode
    message: str
    attempts: int
    providers: Mapping[str, str]


class BalanceResult(msgspec.Struct, frozen=True, gc=False):
    """How a reading ended: an amount or an error, never both, and no zero by default (B1).

    `failed` are the latest attempts before it that failed, the oldest first.
    """

    reading: Reading
    outcome: Balance | Unread
    failed: tuple[Attempt, ...] = ()

    @property
    def error(self) -> Unread | None:
        """The error, or None where there is an amount."""
        return self.outcome if isinstance(self.outcome, Unread) else None
