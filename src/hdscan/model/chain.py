"""Chains and the assets on them."""

from enum import StrEnum

import msgspec


class Family(StrEnum):
    """The kinds of chain whose addresses and protocols differ."""

    BITCOIN = "bitcoin"
    EVM = "evm"
    SOLANA = "solana"


class Network(StrEnum):
    """Which instance of every chain is meant."""

    MAINNET = "mainnet"
    TESTNET = "testnet"


class Finality(msgspec.Struct, frozen=True):
    """What may happen to a block after balances were read at it."""

    reorganises: bool = True  # it may be undone
    rereads_mempool: bool = False  # a host that undid it misses its coins until it has read its mempool anew


class ChainParams(msgspec.Struct, frozen=True):
    """What sets a coin apart from the others of its family.

    `coin_type` is SLIP-0044's. The Bitcoin family has segwit prefixes and base58 version bytes, of which all are read and the
    first is written, and a `supply` in base units, which no balance exceeds.
    """

    coin_type: int
    hrps: tuple[str, ...] = ()
    p2pkh: tuple[int, ...] = ()
    p2sh: tuple[int, ...] = ()
    supply: int | None = None


class Chain(msgspec.Struct, frozen=True):
    """One chain as configured.

    `identity` is what a provider must prove: the genesis hash (Bitcoin hex, Solana base58) or the EIP-155 chain id in decimal
    (EVM); `head_tolerance`, in blocks or slots, is how far a head may lie behind its peers'. `canaries` are addresses that
    are known to hold its own coin: who calls one zero lies. `params` is None where the family's own hold.
    """

    id: str
    family: Family
    network: Network
    symbol: str
    decimals: int
    identity: str
    head_tolerance: int
    canaries: tuple[str, ...] = ()
    params: ChainParams | None = None


class Asset(msgspec.Struct, frozen=True):
    """A native coin (`contract` is None) or a token; amounts of it are integers of 10**-decimals."""

    chain: str
    symbol: str
    decimals: int
    contract: str | None = None

    @property
    def is_native(self) -> bool:
        """Whether this is the chain's own coin."""
        return self.contract is None
