"""How much of the endpoints' rate ceiling a scan uses: three Esplora hosts at 5, 3 and 5 requests a second, 0.3 s away."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.table import row
from hdscan.app import Wallet
from hdscan.app.demo import simulated_settings
from hdscan.sim.host import HostSpec
from hdscan.sim.process import Config, Simulation

RATES = (5.0, 3.0, 5.0)
ADDRESSES, TINY = 400, 40


async def _scan(addresses: int) -> None:
    hosts = tuple(
        HostSpec(name=f"esplora-{i}", chain="btc", protocols=("esplora",), rate=rate, latency=0.3)
        for i, rate in enumerate(RATES)
    )
    with TemporaryDirectory() as folder:
        async with Simulation(Config(addresses={"btc": addresses}, hosts=hosts)) as sim:
            settings = simulated_settings(sim.world, sim.endpoints, Path(folder) / "bench.db")
            async with Wallet(settings) as wallet:
                await wallet.add(sim.world["btc"].addresses(), chains=["btc"])
                async for _ in wallet.scan():
                    pass
            arrivals = sorted([entry.at for host in hosts for entry in await sim.log(host.name)])
            violations = sum(judged.violations for judged in await sim.judge())
    steady = [at for at in arrivals if at >= arrivals[0] + 1.0]
    used = (len(steady) - 1) / (steady[-1] - steady[0])
    row(
        f"scan of {addresses} addresses at three hosts",
        f"{used:.2f} calls/s",
        f"{used / sum(RATES):.1%}",
        f"{sum(RATES):.0f}/s allowed; {violations} violations",
    )


def run(*, tiny: bool) -> None:
    """One row."""
    asyncio.run(_scan(TINY if tiny else ADDRESSES))
