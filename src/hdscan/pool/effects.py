"""What each fault of a failed call means: the table of docs/resilience.md as data."""

from enum import StrEnum

import msgspec

from hdscan.model.errors import ReadCode


class Trust(StrEnum):
    """Whether a provider's amounts count."""

    UNPROVEN = "unproven"  # its chain was not checked yet
    TRUSTED = "trusted"
    LAGGING = "lagging"  # its head is behind its peers', or its chain was reorganised
    QUARANTINED = "quarantined"  # it serves another chain, or others contradict it
    DISABLED = "disabled"  # it refuses our key, or does not serve the chain

    @property
    def out(self) -> bool:
        """Whether it will not be asked again in this run."""
        return self in (Trust.QUARANTINED, Trust.DISABLED)


class Return(StrEnum):
    """Who is asked next for the readings of a failed call."""

    ANYBODY = "anybody"  # the same provider too
    HALVED = "halved"  # the same provider, in calls of half the size
    OTHERS = "others"


class Effect(msgspec.Struct, frozen=True):
    """The effect on the breaker (neutral unless a `failure`), the limiter, the provider's trust and the call's readings."""

    failure: bool = False
    throttles: bool = False
    spends_quota: bool = False
    trust: Trust | None = None
    advice: str = ""  # what its user can do
    readings: Return = Return.ANYBODY


EFFECTS: dict[ReadCode, Effect] = dict.fromkeys(ReadCode, Effect(failure=True, readings=Return.OTHERS)) | {
    ReadCode.THROTTLED: Effect(throttles=True),
    ReadCode.QUOTA: Effect(spends_quota=True),
    ReadCode.BAD_KEY: Effect(trust=Trust.DISABLED, advice="check the key in its `url`"),
    ReadCode.NOT_SERVED: Effect(trust=Trust.DISABLED, advice="correct its `url` or `chain`, or remove it"),
    ReadCode.WRONG_CHAIN: Effect(trust=Trust.QUARANTINED),
    ReadCode.CONTRADICTED: Effect(trust=Trust.QUARANTINED),
    ReadCode.STALE: Effect(trust=Trust.LAGGING),
    ReadCode.TOO_LARGE: Effect(readings=Return.HALVED),
}

OVERLOADED = Effect(throttles=True)  # a host that answered a moment ago refuses without a word: see `Limiter.refused`
