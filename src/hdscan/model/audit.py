"""What became of a reading that was asked again of another operator."""

from enum import StrEnum

import msgspec

from hdscan.model.reading import Attempt, Balance, Reading


class AuditOutcome(StrEnum):
    """How an audit of a reading ended."""

    CONFIRMED = "confirmed"  # another operator says the same
    MOVED = "moved"  # two operators say another amount now, and the first provider with them, as far as it was asked
    CORRECTED = "corrected"  # two operators agree against the first provider, which still says otherwise
    DISPUTED = "disputed"  # no two operators agree: there is no amount
    UNAUDITED = "unaudited"  # no other operator could answer


class AuditPlan(msgspec.Struct, frozen=True):
    """That a chain's scan is to be audited: `percent` of the zeros, and the seed that chooses them."""

    percent: float
    seed: int


class Audited(msgspec.Struct, frozen=True):
    """An audit that ended: every answer in the order asked, the first being the scan's own.

    `amount` is the answer that stands, None where the reading is disputed; `error` says why nobody else could answer;
    `lost` is the provider that two others contradict; `failed` are attempts that came to nothing.
    """

    reading: Reading
    outcome: AuditOutcome
    answers: tuple[Balance, ...]
    amount: Balance | None
    error: str | None = None
    lost: str | None = None
    failed: tuple[Attempt, ...] = ()
