"""The built-in protocols: one row each, for the settings, the providers and the simulator.

A row names its classes as "module:name", so that nothing is imported before it is used.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from hdscan.model.chain import Family

SOLANA_RPC, SOLANA_TOKENS = "solana-rpc", "solana-tokens"


class Protocol(msgspec.Struct, frozen=True):
    """A protocol and its implementations."""

    name: str
    family: Family  # whose chains speak it
    provider: str | Callable[..., Any]
    speaker: str = ""  # plays it in the simulator
    lines: bool = False  # of lines over ssl://host:port, not requests to https://…; needs an endpoint of its own
    tags: bool = False  # reads at the chain's `read_at`, a block tag or Solana's commitment; others read at the latest block
    brought_by: str = ""  # the setting that adds it to endpoints; no row names it


PROTOCOLS: Mapping[str, Protocol] = {
    row.name: row
    for row in (
        Protocol("esplora", Family.BITCOIN, "hdscan.provider.esplora:Esplora", "hdscan.sim.esplora:Esplora"),
        Protocol("blockchair", Family.BITCOIN, "hdscan.provider.blockchair:Blockchair", "hdscan.sim.blockchair:Blockchair"),
        Protocol(
            "blockchain-info",
            Family.BITCOIN,
            "hdscan.provider.blockchain_info:BlockchainInfo",
            "hdscan.sim.blockchain_info:BlockchainInfo",
        ),
        Protocol("bitcoind", Family.BITCOIN, "hdscan.provider.bitcoind:Bitcoind", "hdscan.sim.bitcoind:Bitcoind"),
        Protocol("electrum", Family.BITCOIN, "hdscan.provider.electrum:Electrum", "hdscan.sim.electrum:Electrum", lines=True),
        Protocol("etherscan", Family.EVM, "hdscan.provider.etherscan:Etherscan", "hdscan.sim.etherscan:Etherscan"),
        Protocol("evm-rpc", Family.EVM, "hdscan.provider.evm_rpc:EvmRpc", "hdscan.sim.evm:EvmNode", tags=True),
        Protocol("evm-multicall", Family.EVM, "hdscan.provider.multicall:Multicall", "hdscan.sim.evm:EvmNode", tags=True),
        Protocol(SOLANA_RPC, Family.SOLANA, "hdscan.provider.solana_rpc:SolanaRpc", "hdscan.sim.solana:SolanaNode", tags=True),
        Protocol(
            SOLANA_TOKENS,
            Family.SOLANA,
            "hdscan.provider.solana_tokens:SolanaTokens",
            "hdscan.sim.solana:SolanaNode",
            tags=True,
            brought_by='[scan] tokens = "held"',
        ),
        Protocol("tron-rpc", Family.TRON, "hdscan.provider.tron_rpc:TronRpc", "hdscan.sim.tron:TronNode"),
    )
}
