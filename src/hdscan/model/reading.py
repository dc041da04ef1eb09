"""The unit of work: one (address, asset) to read, and its possible outcomes.

There are thousands of these values and they hold no cycles, so the garbage collector does not track them (`gc=False`).
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from hdscan.model.chain import Asset
from hdscan.model.errors import ReadCode


class Kind(StrEnum):
    """What one call reads; breakers and learned batch sizes are kept per kind."""

    NATIVE = "native"
    TOKEN = "token"
    MIXED = "mixed"  # native coin and tokens
    USE = "use"  # how many transactions an address has had


def use_of(chain: str) -> Asset:
    """What a reading of an address's use asks for: like a token without a contract, whose amount is the number of transactions.

    The number may be a lower bound (an EVM nonce counts those sent, Solana says 1): above zero the address is used, at zero it
    is not. It is never stored as a balance.
    """
    return Asset(chain, "use", 0, contract="")


class Reading(msgspec.Struct, frozen=True, gc=False):
    """One balance to read; `index` is the address's position on its chain."""

    index: int
    address: str
    asset: Asset

    @property
    def kind(self) -> Kind:
        contract = self.asset.contract
        return Kind.NATIVE if contract is None else Kind.TOKEN if contract else Kind.USE


class Unlisted(msgspec.Struct, frozen=True, gc=False):
    """What an address holds of tokens that are not listed: base units by contract or mint, and how many more were left out."""

    amounts: tuple[tuple[str, int], ...] = ()
    left_out: int = 0


class Balance(msgspec.Struct, frozen=True, gc=False):
    """An amount that a provider stated, in base units (satoshi, wei, lamport, token units).

    `height` is the block or slot: exact where the protocol states it in the same reply, otherwise the endpoint's last known
    tip before the call (the amount is of that block or a later one up to `observed_at`). `unlisted` is what the same reply
    says of other tokens of the address; None where it does not tell. `used` is whether the address ever had a transaction, as
    the same reply says; None where it does not tell (an amount above zero tells by itself, see `is_used`).
    """

    amount: int
    unconfirmed: int | None  # may be negative; None where the protocol does not have it
    height: int | None
    observed_at: float  # unix seconds
    source: str  # the provider's name
    unlisted: Unlisted | None = None
    used: bool | None = None

    @property
    def is_used(self) -> bool | None:
        """Whether the address ever had a transaction, None where that is not known; what holds or held something, did."""
        return True if self.amount or self.unconfirmed else self.used


class ReadError(msgspec.Struct, frozen=True, gc=False):
    """Why one provider could not read one reading."""

    code: ReadCode
    message: str


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """A failed attempt; `at` is in unix seconds."""

    provider: str
    code: ReadCode
    message: str
    at: float


class Unread(msgspec.Struct, frozen=True, gc=False):
    """A reading that ended without an amount: the deciding reason, and every provider's own by provider name."""

    code: ReadCode
    message: str
    attempts: int
    providers: Mapping[str, str]


class BalanceResult(msgspec.Struct, frozen=True, gc=False):
    """How a reading ended: an amount or an error, never both, and never a zero by default."""

    reading: Reading
    outcome: Balance | Unread
    failed: tuple[Attempt, ...] = ()  # the latest before it, oldest first

    @property
    def error(self) -> Unread | None:
        return self.outcome if isinstance(self.outcome, Unread) else None
