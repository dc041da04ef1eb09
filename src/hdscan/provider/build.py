"""Make the providers of an endpoint: one per protocol that it speaks."""

from collections.abc import Callable
from functools import partial

from hdscan.model.chain import Chain
from hdscan.model.endpoint import Endpoint, Protocol
from hdscan.model.url import check_url
from hdscan.provider.blockchair import Blockchair
from hdscan.provider.electrum import Electrum
from hdscan.provider.esplora import Esplora
from hdscan.provider.etherscan import Etherscan
from hdscan.provider.evm_rpc import EvmRpc
from hdscan.provider.multicall import Multicall
from hdscan.provider.remote import Clock, Remote
from hdscan.provider.solana_rpc import SolanaRpc
from hdscan.provider.transport import Transport


def build(
    endpoint: Endpoint, chain: Chain, transport: Transport, clock: Clock, *, commitment: str = "finalized"
) -> list[Remote]:
    """Make one provider per protocol of an endpoint, in its order; each fits the pool's port `Provider`.

    `clock` gives unix seconds, `commitment` is Solana's. Raises ConfigError for a URL without TLS, unless its host is
    this machine.
    """
    makers: dict[Protocol, Callable[[Endpoint, Chain, Transport, Clock], Remote]] = {
        Protocol.ESPLORA: Esplora,
        Protocol.BLOCKCHAIR: Blockchair,
        Protocol.ELECTRUM: Electrum,
        Protocol.ETHERSCAN: Etherscan,
        Protocol.EVM_RPC: EvmRpc,
        Protocol.EVM_MULTICALL: Multicall,
        Protocol.SOLANA_RPC: partial(SolanaRpc, commitment=commitment),
    }
    check_url(endpoint.url, lines=Protocol.ELECTRUM in endpoint.protocols)
    return [makers[protocol](endpoint, chain, transport, clock) for protocol in endpoint.protocols]
