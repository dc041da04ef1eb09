"""What a scan will take: readings, calls, quotas and time per chain, as `hdscan plan` prints it."""

import msgspec


class QuotaForecast(msgspec.Struct, frozen=True):
    """A quota of `limit` units `per` hour, day or month, of which some are `used` already; `takes` are the scan's."""

    per: str
    limit: int
    used: int
    takes: int


class ProviderForecast(msgspec.Struct, frozen=True):
    """What a provider is asked for, in calls and readings; the quotas are those of its host and key, over all chains."""

    name: str
    calls: int
    readings: int
    quotas: tuple[QuotaForecast, ...] = ()


class KeyForecast(msgspec.Struct, frozen=True):
    """A host that lacks only a key: the variables to set, and the seconds that the chain's scan would take with it."""

    endpoint: str
    variables: tuple[str, ...]
    seconds: float


class ChainForecast(msgspec.Struct, frozen=True, kw_only=True):
    """What is left to read of a chain and how long that takes.

    `seconds` are None where it would take months, or where nobody can read it; `fits` is whether one scan is enough before
    every provider's quota is spent, else it reads `fitting` readings and goes on from `goes_on_at` (RFC 3339 in UTC).
    """

    chain: str
    addresses: int
    readings: int
    second_words: int  # readings that a second operator will be asked about, where that can be known
    calls: int
    providers: tuple[ProviderForecast, ...]
    seconds: float | None
    audit_seconds: float  # by spare capacity, once everything is read
    fits: bool
    fitting: int
    goes_on_at: str | None
    limit: str | None  # the quota that makes it slow
    key: KeyForecast | None  # that helps most
    verdict: str


class Forecast(msgspec.Struct, frozen=True):
    """What `plan --json` prints: the chains of the next scan, all scanned at once, and their sums."""

    chains: tuple[ChainForecast, ...]
    addresses: int
    readings: int
    calls: int
    seconds: float | None
    fits: bool
    verdict: str


class HostEntry(msgspec.Struct, frozen=True):
    """A host of a chain; `off` says why it is not asked, `variables` what has to be set in the environment to ask it.

    `drawn` is whether it is one of the public Electrum servers, of which some are drawn for a scan.
    """

    name: str
    operator: str
    off: str | None
    variables: tuple[str, ...]
    drawn: bool


class ChainEntry(msgspec.Struct, frozen=True):
    """A configured chain, and what a scan of 1,000 addresses takes with nothing else under way."""

    chain: str
    assets: tuple[str, ...]
    hosts: tuple[HostEntry, ...]
    calls: int
    seconds: float | None
    key: KeyForecast | None
    verdict: str
