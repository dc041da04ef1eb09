"""What became of a reading that more than one operator was asked about: in a corroboration or an audit."""

from enum import StrEnum

import msgspec

from hdscan.model.reading import Attempt, Balance, Reading


class AuditOutcome(StrEnum):
    """How it ended."""

    CONFIRMED = "confirmed"  # another operator agrees
    MOVED = "moved"  # two operators now state another amount, and so does the first provider, if it was asked again
    CORRECTED = "corrected"  # two operators agree against the first provider, which maintains its amount
    DISPUTED = "disputed"  # no two operators agree: there is no amount
    UNAUDITED = "unaudited"  # no other operator could answer: the first amount stands
    UNCONFIRMED = "unconfirmed"  # nor could one about a changed amount: the earlier one stays


class Standing(msgspec.Struct, frozen=True, gc=False):
    """What is known of a reading: the amount of the last one, or None while operators disagree."""

    amount: int | None
    height: int | None


class AuditPlan(msgspec.Struct, frozen=True):
    """An audit of a chain's scan: at least `percent` of the zeros (None: no minimum), and the seed that selects them."""

    percent: float | None
    seed: int


class Audited(msgspec.Struct, frozen=True):
    """A case that ended."""

    reading: Reading
    outcome: AuditOutcome
    answers: tuple[Balance, ...]  # in the order asked; the first is the scan's own
    amount: Balance | None  # the answer to store; None where the reading is disputed or unconfirmed
    error: str | None = None  # why no other operator answered
    lost: str | None = None  # the provider that two others contradict
    failed: tuple[Attempt, ...] = ()
    known: Standing | None = None  # what the first answer would change

    @property
    def sources(self) -> frozenset[str]:
        """The providers that gave the amount to store."""
        return frozenset(each.source for each in self.answers if self.amount and each.amount == self.amount.amount)
