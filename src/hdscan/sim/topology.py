"""The demo's hosts: three Esplora servers, three kinds of BSC hosts, two Solana nodes."""

from hdscan.model.endpoint import Cost, Protocol
from hdscan.sim.host import HostSpec, Throttle

DEMO = (
    HostSpec(name="sim-blockstream", chain="btc", protocols=(Protocol.ESPLORA,), rate=140, throttle=Throttle.BARE),
    HostSpec(name="sim-mempool", chain="btc", protocols=(Protocol.ESPLORA,), rate=120, latency=0.03),
    HostSpec(name="sim-esplora", chain="btc", protocols=(Protocol.ESPLORA,), rate=100, throttle=Throttle.DATE),
    HostSpec(
        name="sim-bsc-node",
        chain="bsc",
        protocols=(Protocol.EVM_MULTICALL, Protocol.EVM_RPC),
        rate=5,
        latency=0.05,
        gas_cap=1_500,
    ),
    HostSpec(
        name="sim-bsc-public",
        chain="bsc",
        protocols=(Protocol.EVM_RPC,),
        rate=30,
        cost=Cost.ITEM,
        batch=3,
        published_batch=3,
        throttle=Throttle.DATE,
    ),
    HostSpec(name="sim-bscscan", chain="bsc", protocols=(Protocol.ETHERSCAN,), rate=5, latency=0.06, throttle=Throttle.TEXT),
    HostSpec(name="sim-solana", chain="sol", protocols=(Protocol.SOLANA_RPC,), rate=8, latency=0.05),
    HostSpec(name="sim-helius", chain="sol", protocols=(Protocol.SOLANA_RPC,), rate=12, latency=0.04, throttle=Throttle.BARE),
)
