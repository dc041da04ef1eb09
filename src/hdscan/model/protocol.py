"""The built-in protocols: one row each, for the settings, the providers and the simulator.

A row names its classes as "module:name", so that nothing is imported before it is used.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from hdscan.model.chain import Family


class Protocol(msgspec.Struct, frozen=True):
    """A protocol, the family whose chains speak it, its provider, and what plays it in the simulator.

    `lines` says that it is spoken in lines over a connection to ssl://host:port, in place of requests to https://…: such a
    protocol needs an endpoint of its own. `tags` says that it reads at the block tag that an EVM chain's `read_at` names; the
    others read at the latest block.
    """

    name: str
    family: Family
    provider: str | Callable[..., Any]
    speaker: str = ""
    lines: bool = False
    tags: bool = False


PROTOCOLS: Mapping[str, Protocol] = {
    row.name: row
    for row in (
        Protocol("esplora", Family.BITCOIN, "hdscan.provider.esplora:Esplora", "hdscan.sim.esplora:Esplora"),
        Protocol("blockchair", Family.BITCOIN, "hdscan.provider.blockchair:Blockchair", "hdscan.sim.blockchair:Blockchair"),
        Protocol("electrum", Family.BITCOIN, "hdscan.provider.electrum:Electrum", "hdscan.sim.electrum:Electrum", lines=True),
        Protocol("etherscan", Family.EVM, "hdscan.provider.etherscan:Etherscan", "hdscan.sim.etherscan:Etherscan"),
        Protocol("evm-rpc", Family.EVM, "hdscan.provider.evm_rpc:EvmRpc", "hdscan.sim.evm:EvmNode", tags=True),
        Protocol("evm-multicall", Family.EVM, "hdscan.provider.multicall:Multicall", "hdscan.sim.evm:EvmNode", tags=True),
        Protocol("solana-rpc", Family.SOLANA, "hdscan.provider.solana_rpc:SolanaRpc", "hdscan.sim.solana:SolanaNode"),
    )
}
