"""Chains, and the addresses and assets on them."""

from enum import StrEnum

import msgspec


class Family(StrEnum):
    """The kinds of chain whose addresses and protocols differ."""

    BITCOIN = "bitcoin"
    EVM = "evm"
    SOLANA = "solana"
    TRON = "tron"


class Network(StrEnum):
    """Mainnet or testnet, for all chains."""

    MAINNET = "mainnet"
    TESTNET = "testnet"


class Finality(msgspec.Struct, frozen=True):
    """What may happen to a block at which balances were read."""

    reorganises: bool = True  # it may be orphaned
    rereads_mempool: bool = False  # after a reorganisation a host misses the orphaned coins until it has re-read its mempool


class ChainParams(msgspec.Struct, frozen=True):
    """What distinguishes a coin from the others of its family; of several prefixes all are read, the first is written."""

    coin_type: int  # SLIP-0044
    hrps: tuple[str, ...] = ()  # segwit prefixes
    p2pkh: tuple[int, ...] = ()  # base58 version bytes
    p2sh: tuple[int, ...] = ()
    supply: int | None = None  # in base units: the upper limit of any balance


class Chain(msgspec.Struct, frozen=True):
    """One chain as configured."""

    id: str
    family: Family
    network: Network
    symbol: str
    decimals: int
    identity: str  # what a provider must prove: genesis hash (Bitcoin hex, Solana base58) or chain id in decimal (EVM, Tron)
    head_tolerance: int  # how far a head may lag its peers', in blocks or slots
    canaries: tuple[str, ...] = ()  # addresses known to hold the native coin: a provider that reads one as zero is wrong
    params: ChainParams | None = None  # None where the family's defaults apply
    read_at: str | None = None  # block tag (EVM) or commitment (Solana) that amounts are read at; None for the default
    l1_blocks: bool = False  # its contracts are told a block of the chain below it (Arbitrum), so that they date no amount


class Address(msgspec.Struct, frozen=True):
    """An address as stored: `index` is its position on its chain in order of arrival, `path` its derivation path, if any."""

    chain: str
    index: int
    text: str
    path: str | None = None


class BadLine(msgspec.Struct, frozen=True):
    """A line of a file without a usable address: its number, from 1, and the reason, which never repeats the line."""

    number: int
    reason: str


class Asset(msgspec.Struct, frozen=True, cache_hash=True):
    """A native coin (`contract` is None) or a token; amounts of it are integers of 10**-decimals.

    `onchain_symbol` is what its contract calls it, where that is another name; "*" where that doesn't matter.
    """

    chain: str
    symbol: str
    decimals: int
    contract: str | None = None
    onchain_symbol: str | None = None

    @property
    def is_native(self) -> bool:
        return self.contract is None
