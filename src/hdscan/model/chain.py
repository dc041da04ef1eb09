"""Chains and the assets on them."""

from enum import StrEnum

import msgspec


class Family(StrEnum):
    """The kinds of chain whose addresses and protocols differ."""

    BITCOIN = "bitcoin"
    EVM = "evm"
    SOLANA = "solana"


class Network(StrEnum):
    """Mainnet or testnet, for all chains."""

    MAINNET = "mainnet"
    TESTNET = "testnet"


class Finality(msgspec.Struct, frozen=True):
    """What may happen to a block at which balances were read."""

    reorganises: bool = True  # it may be orphaned
    rereads_mempool: bool = False  # after a reorganisation a host misses the orphaned coins until it has re-read its mempool


class ChainParams(msgspec.Struct, frozen=True):
    """What distinguishes a coin from the others of its family.

    `coin_type` is SLIP-0044's. For the Bitcoin family: segwit prefixes and base58 version bytes (all are read, the first is
    written), and the `supply` in base units, the upper limit of any balance.
    """

    coin_type: int
    hrps: tuple[str, ...] = ()
    p2pkh: tuple[int, ...] = ()
    p2sh: tuple[int, ...] = ()
    supply: int | None = None


class Chain(msgspec.Struct, frozen=True):
    """One chain as configured.

    `identity` is what a provider must prove: the genesis hash (Bitcoin hex, Solana base58) or the EIP-155 chain id in decimal
    (EVM); `head_tolerance`, in blocks or slots, is how far a head may lag its peers'. `canaries` are addresses known to hold
    the native coin: a provider that reads one as zero is wrong. `params` is None where the family's defaults apply.
    `read_at` is the block tag (EVM) or commitment (Solana) that amounts are read at, None for the default.
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
    read_at: str | None = None


class Asset(msgspec.Struct, frozen=True):
    """A native coin (`contract` is None) or a token; amounts of it are integers of 10**-decimals."""

    chain: str
    symbol: str
    decimals: int
    contract: str | None = None

    @property
    def is_native(self) -> bool:
        return self.contract is None
