"""What a scan says while it runs: `scan --jsonl` and SSE carry these, with `event` as the name. Values are absolute."""

from collections.abc import Mapping

import msgspec

from hdscan.model.scan import ProviderStatus, Status


class ChainProgress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a chain stands: `rate` in readings per second, `eta` in seconds or None, `seconds` and `requests` so far."""

    chain: str
    status: Status
    addresses: int
    readings: int
    read: int
    unread: int
    funded: int
    rate: float
    eta: float | None
    seconds: float
    requests: int


class ScanProgress(ChainProgress, frozen=True, kw_only=True, tag_field="event", tag="scan_progress"):
    """A chunk of a chain was committed."""


class ScanTokenError(msgspec.Struct, frozen=True, tag_field="event", tag="scan_token_error"):
    """Readings of a token fail (B7): how many addresses, why in words and as a code, and at which providers."""

    chain: str
    token: str
    error: str
    code: str
    addresses: int
    providers: Mapping[str, str]


class ScanError(msgspec.Struct, frozen=True, tag_field="event", tag="scan_error"):
    """A chain cannot go on, or something happened that its user has to know (a quarantined provider, an outage)."""

    chain: str
    code: str
    error: str


class ScanComplete(ChainProgress, frozen=True, kw_only=True, tag_field="event", tag="scan_complete"):
    """A chain's scan ended, with the status that it ended with."""

    error: str | None = None


class ProviderChanged(ProviderStatus, frozen=True, tag_field="event", tag="provider_state"):
    """A provider's state or breaker changed."""


class ScanState(msgspec.Struct, frozen=True, tag_field="event", tag="scan_state"):
    """Everything at once: the first event of a scan, and what a subscriber starts from."""

    scan_id: int
    chains: Mapping[str, ChainProgress]
    token_errors: tuple[ScanTokenError, ...]
    providers: tuple[ProviderStatus, ...]


Event = ScanProgress | ScanTokenError | ScanError | ScanComplete | ProviderChanged | ScanState
