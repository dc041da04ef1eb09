"""The scan that users wait for: 5,000 addresses through hosts with the catalogue's own limits, 150 ms away, all defaults.

The time until all is read and confirmed, and the time until the spare audits that follow are done, too.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from bench.table import row
from hdscan.app import Wallet
from hdscan.app.demo import simulated_settings
from hdscan.model.endpoint import Endpoint
from hdscan.model.events import ScanProgress
from hdscan.settings import ScanSettings
from hdscan.settings.load import Places, load
from hdscan.sim.chains import BSC, BTC, EVM, SOL, SimChain
from hdscan.sim.host import HostSpec
from hdscan.sim.process import Config, Simulation

ADDRESSES, TINY = 5_000, 30  # per chain
FUNDED = 0.02
LATENCY = 0.15
BEYOND = 50  # what ElectrumX grants beyond the catalogue's burst, which leaves room for greetings
SECOND = HostSpec(name="second", chain="sol", protocols=("solana-rpc",), rate=10.0, latency=LATENCY)


def _built_in(chain: str) -> tuple[HostSpec, ...]:
    """The catalogue's hosts of a chain that are on without a key."""
    nowhere = Path("/nonexistent")
    settings = load(None, {}, {}, nowhere, Places(nowhere, nowhere))
    return tuple(_played(each) for each in settings.endpoints if each.chain == chain and each.disabled is None)


def _played(endpoint: Endpoint) -> HostSpec:
    return HostSpec(
        name=endpoint.name,
        chain=endpoint.chain,
        protocols=endpoint.protocols,
        rate=endpoint.rate,
        burst=endpoint.burst + BEYOND if endpoint.burst > 1 else 1.0,
        published_burst=endpoint.burst,
        cost=endpoint.cost,
        batch=endpoint.batch,
        published_batch=endpoint.batch,
        latency=LATENCY,
        operator=endpoint.operator,
        tls=endpoint.tls == "pin",
    )


async def _scan(what: str, chains: Sequence[SimChain], hosts: tuple[HostSpec, ...], addresses: int, seconds: float) -> None:
    counts = {each.chain.id: addresses for each in chains}
    with TemporaryDirectory() as folder:
        config = Config(addresses=counts, funded=FUNDED, chains=tuple(chains), hosts=hosts, keep_asks=False)
        async with Simulation(config) as sim:
            settings = simulated_settings(sim.world, sim.endpoints, Path(folder) / "bench.db", ScanSettings())
            async with Wallet(settings) as wallet:
                for name in counts:
                    await wallet.add(sim.world[name].addresses(), chains=[name])
                begin = perf_counter()
                left, read = set(counts), 0.0
                async for event in wallet.scan():
                    if isinstance(event, ScanProgress) and event.read == event.readings and event.chain in left:
                        left.remove(event.chain)
                        read = perf_counter() - begin
                took = perf_counter() - begin
                assert wallet.result is not None
                calls = sum(chain.requests for chain in wallet.result.chains.values())
                unread = sum(chain.unread for chain in wallet.result.chains.values())
            over = sum(judged.violations for judged in await sim.judge())
    readings = sum(addresses * len(each.assets) for each in chains)
    figure = f"{read:.1f} s, {took:.1f} audited"
    row(
        f"{what}: {readings:,} readings",
        figure,
        f"{read / seconds:.0%}",
        f"{seconds:.0f} s; {calls:,} calls, {over} over a limit, {unread} unread",
    )


def run(*, tiny: bool) -> None:
    """One row a chain or group of chains, each beside the time that it may take."""
    addresses = TINY if tiny else ADDRESSES

    async def measure() -> None:
        await _scan("bitcoin", [BTC], _built_in("btc"), addresses, 60)
        await _scan("bsc, two tokens", [BSC], _built_in("bsc"), addresses, 8)
        await _scan("solana, two tokens, one host", [SOL], _built_in("sol"), addresses, 42)
        await _scan("solana, two tokens, two hosts", [SOL], (*_built_in("sol"), SECOND), addresses, 13)
        hosts = tuple(spec for each in EVM for spec in _built_in(each.chain.id))
        await _scan("eight EVM chains, two tokens", EVM, hosts, addresses, 15)

    asyncio.run(measure())
