"""Scans, balances, gaps and providers, as stored and as printed."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

from hdscan.model.audit import AuditPlan
from hdscan.model.tally import Tally


class Status(StrEnum):
    """The status of a chain's scan."""

    RUNNING = "running"
    COMPLETED = "completed"
    COMPLETED_WITH_GAPS = "completed_with_gaps"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def resumable(self) -> bool:
        """Whether the next `scan` resumes it; one found RUNNING without a writer was killed."""
        return self in (Status.RUNNING, Status.STOPPED, Status.FAILED)


_WORST = (Status.FAILED, Status.STOPPED, Status.RUNNING, Status.COMPLETED_WITH_GAPS, Status.COMPLETED)


def worst(statuses: Iterable[Status]) -> Status:
    """The worst of some statuses."""
    return min(statuses, key=_WORST.index, default=Status.COMPLETED)


class ChainPlan(msgspec.Struct, frozen=True):
    """What a new scan reads of one chain: asset symbols, ranges of indexes, addresses per chunk, the audit, and whose it is.

    The ranges (first, stop) are in order and do not overlap; no `wallets` are all.
    """

    chain: str
    assets: tuple[str, ...]
    ranges: tuple[tuple[int, int], ...]
    chunk: int
    audit: AuditPlan = AuditPlan(None, 0)
    wallets: tuple[str, ...] = ()

    @property
    def addresses(self) -> int:
        return sum(stop - first for first, stop in self.ranges)


class Chunk(msgspec.Struct, frozen=True):
    """The durable unit of a scan: the addresses with `first` <= index < `stop`."""

    seq: int
    first: int
    stop: int


class ChainScan(Tally, frozen=True):
    """One chain within one scan: `error` is why it failed, `audit` the least percentage of zeros to audit, if there is one.

    `open_ends` are the branches whose end it could not find.
    """

    scan_id: int
    chain: str
    status: Status
    assets: tuple[str, ...]
    error: str | None = None
    audit: float | None = None
    open_ends: int = 0


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
    """How current a balance is."""

    READ = "read"  # by the last scan that asked
    STALE = "stale"  # an earlier amount; the last scan could not read it
    UNREAD = "unread"  # never read: no amount
    DISPUTED = "disputed"  # operators disagree: no amount, but all answers


class Answer(msgspec.Struct, frozen=True):
    """One provider's answer to a reading: base units as decimal strings, block or slot, RFC 3339 in UTC."""

    source: str
    amount: str
    unconfirmed: str | None
    height: int | None
    observed_at: str


def disagreement(answers: Sequence[Answer]) -> str:
    """All answers in a sentence; amounts are base units."""
    said = (f"{a.source} says {a.amount}" + (f" at {a.height}" if a.height is not None else "") for a in answers)
    return f"operators disagree: {', '.join(said)}"


class BalanceRow(msgspec.Struct, frozen=True):
    """One address and asset: a line of `balances --jsonl`. Amounts are base units as decimal strings.

    `used` is whether the address ever had a transaction, as far as the last reading of it told; None where that is not known.
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
    answers: tuple[Answer, ...] | None = None  # all answers to a disputed reading
    operators: int = 0  # that said this amount in the scan that read it
    said_by: tuple[str, ...] = ()  # their providers
    wallets: tuple[str, ...] = ()  # that have the address
    label: str | None = None
    used: bool | None = None


class UnlistedRow(msgspec.Struct, frozen=True):
    """What an address holds of a token that is not listed: a line of `balances --unlisted --jsonl`, one provider's word."""

    chain: str
    index: int
    path: str | None
    address: str
    contract: str  # on Solana the mint
    amount: str  # base units as a decimal string; nobody was asked how many are one token
    height: int | None
    observed_at: str
    source: str
    scan_id: int  # that read it
    left_out: int  # further tokens of the address


class UnlistedCount(msgspec.Struct, frozen=True):
    """How many tokens that are not listed are held, on how many addresses, and how many more of them were left out."""

    tokens: int
    addresses: int
    left_out: int


class AssetTotal(msgspec.Struct, frozen=True):
    """An asset summed over a chain, and its rows counted by state."""

    chain: str
    asset: str
    decimals: int
    amount: str | None  # of read rows only; None, like `funded`, where nothing was read: there is no zero either
    unconfirmed: str | None
    stale_amount: str
    read: int
    stale: int
    unread: int
    funded: int | None
    disputed: int = 0
    confirmed_funded: int = 0  # of the funded, those that two operators said
    confirmed_zeros: int = 0  # of the other read rows, those that two operators said

    @property
    def addresses(self) -> int:
        return self.read + self.stale + self.unread + self.disputed

    @property
    def partial(self) -> bool:
        """Whether `amount` leaves something out, so that at least as much is held."""
        return self.addresses > self.read


class Gap(msgspec.Struct, frozen=True):
    """A reading that failed in the last scan that asked, or a branch whose end it could not find: a line of `gaps --jsonl`.

    Of a branch ("style/account/role") it names the first address whose use is not known, or else the last address.
    """

    chain: str
    index: int
    address: str
    asset: str
    code: str
    error: str
    attempts: int
    providers: Mapping[str, str]
    wallet: str | None = None  # of a branch, like the next
    branch: str | None = None


class ProviderState(StrEnum):
    """Whether a provider can be called."""

    READY = "ready"
    PAUSED = "paused"
    OPEN = "open"
    HALF_OPEN = "half_open"
    STALE = "stale"
    QUARANTINED = "quarantined"
    DISABLED = "disabled"
    UNUSED = "unused"


class ProviderStatus(msgspec.Struct, frozen=True):
    """A provider as last seen: a line of `providers --jsonl`."""

    name: str
    chain: str
    protocol: str
    state: ProviderState
    breaker: Mapping[str, str]  # the state per method
    rate: float  # its current limit in calls per second
    paused_until: str | None  # RFC 3339 in UTC
    calls: int  # all counts are since the scan began
    ok: int  # checks that were answered, and calls that gave at least one amount
    failed: int
    throttled: int
    amounts: int = 0  # that its calls gave; 0 where an older version kept the rest
    last_error: str | None = None


class ScanRequest(msgspec.Struct, frozen=True):
    """What the user asked for."""

    chains: tuple[str, ...] = ()  # none: every chain with addresses
    assets: tuple[str, ...] = ()  # none: all of each chain
    restart: bool = False
    retry: bool = False
    audit: float | None = None  # percentage of zeros, besides everything held; None: as configured
    wallets: tuple[str, ...] = ()  # by name; none: all
