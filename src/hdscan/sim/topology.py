"""The demo's hosts: three Esplora servers, three kinds of BSC hosts, two Solana nodes."""

from hdscan.model.endpoint import Cost
from hdscan.sim.host import HostSpec, Throttle

DEMO = (
    HostSpec(name="sim-blockstream", chain="btc", protocols=("esplora",), rate=140, throttle=Throttle.BARE),
    HostSpec(name="sim-mempool", chain="btc", protocols=("esplora",), rate=120, latency=0.03),
    HostSpec(name="sim-esplora", chain="btc", protocols=("esplora",), rate=100, throttle=Throttle.DATE),
    HostSpec(
        name="sim-bsc-node",
        chain="bsc",
        protocols=("evm-multicall", "evm-rpc"),
        rate=5,
        latency=0.05,
        gas_cap=1_500,
    ),
    HostSpec(
        name="sim-bsc-public",
        chain="bsc",
        protocols=("evm-rpc",),
        rate=30,
        cost=Cost.ITEM,
        batch=3,
        published_batch=3,
        throttle=Throttle.DATE,
    ),
    HostSpec(name="sim-bscscan", chain="bsc", protocols=("etherscan",), rate=5, latency=0.06, throttle=Throttle.TEXT),
    HostSpec(name="sim-solana", chain="sol", protocols=("solana-rpc",), rate=8, latency=0.05),
    HostSpec(name="sim-helius", chain="sol", protocols=("solana-rpc",), rate=12, latency=0.04, throttle=Throttle.BARE),
)
