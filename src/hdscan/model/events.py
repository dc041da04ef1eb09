"""What a scan says while it runs: `scan --jsonl` and SSE carry these, with `event` as the name. Values are absolute."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from hdscan.model.scan import ProviderStatus, Status
from hdscan.model.tally import Tally


class ChainProgress(Tally, frozen=True):
    """A chain's state: `rate` in readings per second, `eta` in seconds or None, `error` why it failed."""

    chain: str
    scan_id: int
    status: Status
    rate: float
    eta: float | None
    error: str | None = None


class ScanProgress(ChainProgress, frozen=True, tag_field="event", tag="scan_progress"):
    """A chunk of a chain was committed."""


class TokenError(msgspec.Struct, frozen=True):
    """Readings of a token fail (B7): how many addresses (0: none any more), why in words and as a code, and where."""

    chain: str
    token: str
    error: str
    code: str
    addresses: int
    providers: Mapping[str, str]


class ScanTokenError(TokenError, frozen=True, tag_field="event", tag="scan_token_error"):
    """A token's failure began, changed or is over."""


class ChainError(msgspec.Struct, frozen=True):
    """A chain cannot go on, or something happened that its user has to know (a quarantined provider, an outage).

    `at` is RFC 3339 in UTC.
    """

    chain: str
    code: str
    error: str
    at: str


class ScanError(ChainError, frozen=True, tag_field="event", tag="scan_error"):
    """It happened now."""


class ScanComplete(ChainProgress, frozen=True, tag_field="event", tag="scan_complete"):
    """A chain's scan ended, with the status that it ended with."""


class ProviderChanged(ProviderStatus, frozen=True, tag_field="event", tag="provider_state"):
    """A provider's state or breaker changed, or its chain's scan ended with other counts than were said."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at once; `scan_id` is the highest of its chains', None before the first scan; `errors` are the last few."""

    scan_id: int | None
    running: bool
    chains: Mapping[str, ChainProgress]
    token_errors: tuple[TokenError, ...]
    errors: tuple[ChainError, ...]
    providers: tuple[ProviderStatus, ...]


class Reason(StrEnum):
    """Why a subscriber gets everything at once."""

    INITIAL = "initial"  # it is new
    RESUMED = "resumed"  # it was here before
    RESTARTED = "restarted"  # it was at another process
    MALFORMED = "malformed"  # it names no event at all
    LAGGED = "lagged"  # it read too slowly


class ScanState(Snapshot, frozen=True, kw_only=True, tag_field="event", tag="scan_state"):
    """Everything at once: the first event of a scan, and what a subscriber starts from."""

    reason: Reason = Reason.INITIAL


Event = ScanProgress | ScanTokenError | ScanError | ScanComplete | ProviderChanged | ScanState
