"""A host as configured: URL, protocols, rates."""

from enum import StrEnum

import msgspec

from hdscan.model.url import Headers, check_url, endpoint_identity, host, secrets


class Cost(StrEnum):
    """What a provider counts against its rate."""

    CALL = "call"
    ITEM = "item"


class Proxy(msgspec.Struct, frozen=True):
    """What a host is asked through: socks5://host:port or http://host:port, which resolves the host's name itself."""

    url: str  # may hold user and password
    source: str  # where it is set: "its row", "hdscan.toml", or a variable

    @property
    def is_socks(self) -> bool:
        return self.url.startswith("socks5:")


class Endpoint(msgspec.Struct, frozen=True, cache_hash=True):
    """A host and key: owns rate, quota and pause, which all its protocols share; an unpublished limit is None."""

    name: str
    chain: str
    protocols: tuple[str, ...]
    url: str  # the full base, may hold a key; only its scheme and host are ever shown
    rate: float  # calls or items (see `cost`) per second
    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    per_month: int | None = None
    cost: Cost = Cost.CALL
    batch: int | None = None  # the most items per call
    operator: str | None = None
    trusted: bool = False  # the user's own: its word alone is enough
    disabled: str | None = None  # why it is off, e.g. a missing key
    lacks: tuple[str, ...] = ()  # environment variables that would switch it on
    headers: Headers = ()  # sent with every request; their values are keys
    plain: str | None = None  # "private": without TLS, if the address that it leads to is a private one
    ca: str | None = None  # a file of the authorities that are trusted for it, in place of the system's
    proxy: Proxy | None = None
    cookie: str | None = None  # a bitcoind's file of user and password, another one after each of its starts
    tls: str = "system"  # an Electrum host's certificate: one that the system trusts, the first seen ("pin") or "sha256:…"
    off: str | None = None  # why its row leaves it out
    burst: int = 1  # calls or items that may go at once after a rest

    @property
    def operated_by(self) -> str:
        """The operator; a host without one is its own."""
        return (self.operator or host(self.url)).casefold()

    @property
    def identity(self) -> str:
        """Endpoints with the same one share rate, quota and pause."""
        return endpoint_identity(self.url, self.headers)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Its keys, in every form in which a host may repeat them."""
        return secrets(self.url, self.headers)

    def check(self, *, lines: bool = False) -> None:
        """Check that its url may be asked (see `check_url`); ConfigError."""
        socks = self.proxy is not None and self.proxy.is_socks
        check_url(self.url, lines=lines, plain=self.plain, socks=socks)

    def provider_name(self, protocol: str) -> str:
        """The endpoint's name, followed by the protocol if it has several."""
        return self.name if len(self.protocols) == 1 else f"{self.name}/{protocol}"
