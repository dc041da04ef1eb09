"""The schema of hdscan.toml: every key with its type, bounds and default, and how violations are reported.

docs/configuration.md describes each of these fields; a test keeps the two equal.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar, get_args

import msgspec
from msgspec import Meta

from hdscan.model.chain import Family, Network
from hdscan.model.endpoint import Cost
from hdscan.model.errors import ConfigError
from hdscan.model.meant import did_you_mean

Positive = Annotated[float, Meta(gt=0, le=1e9)]  # not infinite either
Count = Annotated[int, Meta(ge=1)]
Decimals = Annotated[int, Meta(ge=0, le=255)]
ChainId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}\Z")]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")]
Prefix = Annotated[str, Meta(pattern=r"^[a-z]{1,20}\Z")]
Version = Annotated[int, Meta(ge=0, le=255)]
Symbol = Annotated[str, Meta(pattern=r"^[^\s\x00-\x1f\x7f-\x9f]{1,32}\Z")]
OnchainSymbol = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,64}\Z")]

Commitment = Literal["finalized", "confirmed"]  # of Solana
Tokens = Literal["listed", "held"]  # on Solana: their associated accounts, or all accounts of an owner
ReadAt = Literal["latest", "safe", "finalized"]  # block tags of EVM chains
LogLevel = Literal["debug", "info", "warning", "error"]
Catalogue = Literal[
    "replaced", "also", "off"
]  # what a file's endpoints do to the earlier ones of their chain, or to all built-in ones


class ScanSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The [scan] table; times are in seconds."""

    chunk: Count = 1000
    request_timeout: Positive = 15.0
    backoff_base: Positive = 1.0
    backoff_max: Positive = 30.0
    outage_limit: Positive = 600.0
    breaker_threshold: Count = 3
    breaker_cooldown: Positive = 30.0
    final_passes: Annotated[int, Meta(ge=0)] = 1
    electrum_servers: Count = 8
    audit: Literal["spare", "off"] | Annotated[float, Meta(ge=0, le=100)] = "spare"
    commitment: Commitment = "finalized"
    tokens: Tokens = "listed"


class TopLevel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys above all tables."""

    network: Network = Network.MAINNET
    db: str | None = None
    log_level: LogLevel = "info"
    log_json: bool = False
    catalogue: Catalogue = "replaced"
    proxy: str | None = None


class ChainRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A [[chain]] row; what of `chain_id`, `genesis` and the parameters it takes depends on its family, as its defaults do."""

    id: ChainId
    family: Family
    symbol: Symbol
    chain_id: Count | None = None
    genesis: str | None = None
    decimals: Decimals | None = None
    head_tolerance: Annotated[int, Meta(ge=0)] | None = None
    read_at: ReadAt | None = None
    l1_blocks: bool | None = None
    slip44: Annotated[int, Meta(ge=0, lt=2**31)] | None = None
    hrps: tuple[Prefix, ...] | None = None
    p2pkh: tuple[Version, ...] | None = None
    p2sh: tuple[Version, ...] | None = None
    supply: Count | None = None
    network: Network | None = None


class TokenRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A [[token]] row."""

    chain: str
    symbol: Symbol
    contract: str
    decimals: Decimals
    onchain_symbol: OnchainSymbol | None = None
    network: Network | None = None


class CanaryRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A [[canary]] row: an address that is known to hold a chain's own coin."""

    chain: str
    address: str
    network: Network | None = None


class EndpointRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An [[endpoint]] row: a host and key, what it speaks, and how fast it may be asked."""

    name: Name
    chain: str
    protocol: str | list[str]
    url: str
    rate: Positive
    burst: Count = 1
    per_minute: Count | None = None
    per_hour: Count | None = None
    per_day: Count | None = None
    per_month: Count | None = None
    cost: Cost = Cost.CALL
    batch: Count | None = None
    operator: str | None = None
    trusted: bool = False
    off: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    headers: dict[str, str] | None = None
    plain: Literal["private"] | None = None
    ca: str | None = None
    proxy: str | None = None
    cookie: str | None = None
    tls: Annotated[str, Meta(pattern=r"^(system|pin|sha256:[0-9a-f]{64})\Z")] = "system"
    network: Network | None = None


ROWS = {"chain": ChainRow, "token": TokenRow, "canary": CanaryRow, "endpoint": EndpointRow}

CHOICES: Mapping[str, tuple[str, ...]] = {
    "network": tuple(Network),
    "log_level": get_args(LogLevel),
    "catalogue": get_args(Catalogue),
    "commitment": get_args(Commitment),
    "tokens": get_args(Tokens),
    "read_at": get_args(ReadAt),
    "family": tuple(Family),
    "cost": tuple(Cost),
}

T = TypeVar("T", bound=msgspec.Struct)


def parse(kind: type[T], raw: object, where: str, *, strict: bool = True, known: tuple[str, ...] = ()) -> T:
    """`raw` as a `kind`; ConfigError says `where`, which key, and what is expected, without echoing a value.

    `strict=False` accepts numbers and booleans written as text (the environment); `known` are more keys to suggest.
    """
    if not isinstance(raw, Mapping):
        raise ConfigError(f"{where} has to be a table of keys and values")
    fields = kind.__struct_fields__
    for key in raw:
        if key not in fields:
            raise ConfigError(f"{where}: unknown key '{key}'{did_you_mean(str(key), (*fields, *known))}")
    try:
        return msgspec.convert(raw, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {_reason(str(error))}") from None
    except UnicodeEncodeError:
        raise ConfigError(f"{where}: is not UTF-8 text") from None


def _reason(message: str) -> str:
    """msgspec's message as "key: what is expected", as its own may echo the value."""
    text, _, path = message.replace("`", "").partition(" - at ")
    if not path:
        return re.sub(r"^Object missing required field (\w+)$", r"'\1' is missing", text)
    key = re.match(r"\$\.(\w+)", path)
    name = key.group(1) if key else path
    if name == "tls" and "regex" in text:
        return "tls: has to be system, pin, or sha256: and the 64 hexadecimal digits of a certificate's fingerprint"
    if name == "audit":
        return 'audit: has to be "spare", "off" or a number from 0 to 100'
    if "regex" in text:
        return f"{name}: holds characters that cannot stand there, or too many of them"
    if name in CHOICES:
        return f"{name}: has to be one of {', '.join(CHOICES[name])}"
    return f"{name}: {text[0].lower()}{text[1:]}"
