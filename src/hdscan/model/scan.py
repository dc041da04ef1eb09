"""The state of a scan and of what it knows, as stored, shown and sent."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

from hdscan.model.audit import AuditPlan
from hdscan.model.tally import Tally


class Status(StrEnum):
    """How far a chain's scan has come."""

    RUNNING = "running"
    COMPLETED = "completed"
    COMPLETED_WITH_GAPS = "completed_with_gaps"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def resumable(self) -> bool:
        """Whether the next `scan` goes on with it; one found RUNNING without a writer was killed."""
        return self in (Status.RUNNING, Status.STOPPED, Status.FAILED)


_WORST = (Status.FAILED, Status.STOPPED, Status.RUNNING, Status.COMPLETED_WITH_GAPS, Status.COMPLETED)


def worst(statuses: Iterable[Status]) -> Status:
    """The status of a whole: its worst part's."""
    return min(statuses, key=_WORST.index, default=Status.COMPLETED)


class ChainPlan(msgspec.Struct, frozen=True):
    """What a new scan is to read of one chain: asset symbols, the number of addresses, and addresses per chunk.

    `audit` says that it is to be audited, and how.
    """

    chain: str
    assets: tuple[str, ...]
    addresses: int
    chunk: int
    audit: AuditPlan | None = None


class Chunk(msgspec.Struct, frozen=True):
    """The durable unit of a scan: the addresses with `first` <= index < `stop`."""

    seq: int
    first: int
    stop: int


class ChainScan(Tally, frozen=True):
    """One chain within one scan: `error` is why it failed, `audit` the percentage of zeros to audit, None without an audit."""

    scan_id: int
    chain: str
    status: Status
    assets: tuple[str, ...]
    error: str | None = None
    audit: float | None = None


class ScanRecord(msgspec.Struct, frozen=True):
    """A scan and its chains, in order of registration; `began_at` is RFC 3339 in UTC."""

    scan_id: int
    began_at: str
    chains: tuple[ChainScan, ...]


class ChainResult(Tally, frozen=True):
    """A chain in the object that `scan --json` prints."""

    status: Status


class ScanResult(msgspec.Struct, frozen=True):
    """What `scan --json` prints."""

    scan_id: int
    status: Status
    chains: Mapping[str, ChainResult]


class BalanceState(StrEnum):
    """What stands behind a balance row."""

    READ = "read"  # by the last scan that asked
    STALE = "stale"  # the last scan could not read it; the earlier amount stays
    UNREAD = "unread"  # never read: no amount
    DISPUTED = "disputed"  # operators disagree: no amount, but every answer


class Answer(msgspec.Struct, frozen=True):
    """What one provider said about a reading: base units as decimal strings, block or slot, RFC 3339 in UTC."""

    source: str
    amount: str
    unconfirmed: str | None
    height: int | None
    observed_at: str


def disagreement(answers: Sequence[Answer]) -> str:
    """Who says what, in a sentence; amounts are base units."""
    said = (f"{a.source} says {a.amount}" + (f" at {a.height}" if a.height is not None else "") for a in answers)
    return f"operators disagree: {', '.join(said)}"


class BalanceRow(msgspec.Struct, frozen=True):
    """One address and asset as known: a line of `balances --jsonl`. Amounts are base units as decimal strings.

    `answers` are all that there are where the reading is disputed, otherwise None.
    """

    chain: str
    index: int
    path: str | None
    address: str
    asset: str
    amount: str | None
    unconfirmed: str | None
    decimals: int
    height: int | None
    observed_at: str | None
    source: str | None
    state: BalanceState
    error: str | None
    answers: tuple[Answer, ...] | None = None


class AssetTotal(msgspec.Struct, frozen=True):
    """An asset summed over a chain: `amount` adds `read` rows only; stale ones stand apart; unread and disputed ones are
    only counted.

    Where nothing was read, `amount` and `funded` are None: no zero was read either.
    """

    chain: str
    asset: str
    decimals: int
    amount: str | None
    unconfirmed: str | None
    stale_amount: str
    read: int
    stale: int
    unread: int
    funded: int | None
    disputed: int = 0


class Gap(msgspec.Struct, frozen=True):
    """A reading that the last scan could not make: a line of `gaps --jsonl`."""

    chain: str
    index: int
    address: str
    asset: str
    code: str
    error: str
    attempts: int
    providers: Mapping[str, str]


class ProviderState(StrEnum):
    """Whether a provider can be asked."""

    READY = "ready"
    PAUSED = "paused"
    OPEN = "open"
    HALF_OPEN = "half_open"
    STALE = "stale"
    QUARANTINED = "quarantined"
    DISABLED = "disabled"
    UNUSED = "unused"


class ProviderStatus(msgspec.Struct, frozen=True):
    """A provider as last seen: a line of `providers --jsonl`.

    `rate` is the calls per second it is asked at now, `paused_until` RFC 3339 in UTC or None, `breaker` the state per method;
    the counts are calls since the scan began.
    """

    name: str
    chain: str
    protocol: str
    state: ProviderState
    breaker: Mapping[str, str]
    rate: float
    paused_until: str | None
    calls: int
    ok: int
    failed: int
    throttled: int
    last_error: str | None
