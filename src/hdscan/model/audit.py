"""Audits: readings asked again of another operator."""

from enum import StrEnum

import msgspec

from hdscan.model.reading import Attempt, Balance, Reading


class AuditOutcome(StrEnum):
    """How an audit of a reading ended."""

    CONFIRMED = "confirmed"  # another operator agrees
    MOVED = "moved"  # two operators now state another amount, and so does the first provider, if it was asked again
    CORRECTED = "corrected"  # two operators agree against the first provider, which maintains its amount
    DISPUTED = "disputed"  # no two operators agree: there is no amount
    UNAUDITED = "unaudited"  # no other operator could answer


class AuditPlan(msgspec.Struct, frozen=True):
    """An audit of a chain's scan: `percent` of the zeros, and the seed that selects them."""

    percent: float
    seed: int


class Audited(msgspec.Struct, frozen=True):
    """An audit that ended."""

    reading: Reading
    outcome: AuditOutcome
    answers: tuple[Balance, ...]  # in the order asked; the first is the scan's own
    amount: Balance | None  # the answer to store; None where the reading is disputed
    error: str | None = None  # why no other operator answered
    lost: str | None = None  # the provider that two others contradict
    failed: tuple[Attempt, ...] = ()
