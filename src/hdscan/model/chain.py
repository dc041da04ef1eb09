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


class Chain(msgspec.Struct, frozen=True):
    """One chain as configured.

    `identity` is what a provider must prove: the genesis hash (Bitcoin hex, Solana base58) or the EIP-155 chain id in decimal
    (EVM); `head_tolerance`, in blocks or slots, is how far a head may lie behind its peers'. `canaries` are addresses that
    are known to hold its own coin: who calls one zero lies.
    """

    id: str
    family: Family
    network: Network
    symbol: str
    decimals: int
    identity: str
    head_tolerance: int
    canaries: tuple[str, ...] = ()


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
