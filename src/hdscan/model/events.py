"""Events of a scan, sent by `scan --jsonl` and SSE under the name in `event`. Values are absolute."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from hdscan.model.errors import ChainCode
from hdscan.model.scan import ProviderStatus, Status
from hdscan.model.tally import Tally


class ChainProgress(Tally, frozen=True):
    """A chain's state: `rate` in readings per second, `eta` in seconds until all is read or None, `error` why it failed.

    `answered` readings have ended, those among them that are not committed yet; `waiting` says what it waits for.
    """

    chain: str
    scan_id: int
    status: Status
    rate: float
    eta: float | None
    error: str | None = None
    answered: int = 0
    waiting: str | None = None

    @property
    def heard(self) -> int:
        """Readings that have ended, committed or not."""
        return max(self.ended, self.answered)

    @property
    def auditing(self) -> bool:
        """Whether everything is read, so that only other operators are asked."""
        return self.status is Status.RUNNING and self.read == self.readings > 0


class ScanProgress(ChainProgress, frozen=True, tag_field="event", tag="scan_progress"):
    """A chunk of a chain was committed, or more of it has ended, or it waits for something else; at most once a second."""


class TokenError(msgspec.Struct, frozen=True):
    """Failing readings of a token: on how many addresses (0: over), why, and at which providers."""

    chain: str
    token: str
    error: str
    code: str
    addresses: int
    providers: Mapping[str, str]


class ScanTokenError(TokenError, frozen=True, tag_field="event", tag="scan_token_error"):
    """A token's failure began, changed or ended."""


class ChainError(msgspec.Struct, frozen=True):
    """A chain failed, or users need to know something (a quarantined provider, an outage).

    `at` is RFC 3339 in UTC; `outage` says that no provider answers, which lasts until the chain's next progress.
    """

    chain: str
    code: ChainCode
    error: str
    at: str
    outage: bool = False


class ScanError(ChainError, frozen=True, tag_field="event", tag="scan_error"):
    """A chain error, now."""


class ScanComplete(ChainProgress, frozen=True, tag_field="event", tag="scan_complete"):
    """A chain's scan ended with this status."""


class ProviderChanged(ProviderStatus, frozen=True, tag_field="event", tag="provider_state"):
    """A provider's state or breaker changed, or its chain's scan ended with counts not yet sent."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The whole state: `scan_id` is the highest of its chains', None before the first scan; `errors` are the last few."""

    scan_id: int | None
    running: bool
    chains: Mapping[str, ChainProgress]
    token_errors: tuple[TokenError, ...]
    errors: tuple[ChainError, ...]
    providers: tuple[ProviderStatus, ...]


class Reason(StrEnum):
    """Why a subscriber gets the whole state."""

    INITIAL = "initial"  # first connection
    RESUMED = "resumed"  # reconnected
    RESTARTED = "restarted"  # its last id is from another process
    MALFORMED = "malformed"  # its last id is none of ours
    LAGGED = "lagged"  # it read too slowly, so its queue was dropped


class ScanState(Snapshot, frozen=True, kw_only=True, tag_field="event", tag="scan_state"):
    """The whole state: the first event of a scan and of every subscription."""

    reason: Reason = Reason.INITIAL


Event = ScanProgress | ScanTokenError | ScanError | ScanComplete | ProviderChanged | ScanState
