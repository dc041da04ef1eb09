"""What second words cost: scans of the demo's hosts as many operators, beside the same hosts as one, nobody else to ask."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from msgspec.structs import replace

from bench.table import row
from hdscan.app import Wallet
from hdscan.app.demo import QUICK, simulated_settings
from hdscan.model.scan import ScanRequest
from hdscan.settings import Settings
from hdscan.sim.process import Config, Simulation

ADDRESSES, TINY = 5_000, 60  # per chain
PAIRS, TINY_PAIRS = 3, 1
MOVED = 0.01  # of all balances, before every later scan

Cost = tuple[int, float]  # calls and seconds of a scan


async def _scan(settings: Settings) -> Cost:
    async with Wallet(settings) as wallet:
        begin = perf_counter()
        async for _ in wallet.scan(ScanRequest(restart=True)):
            pass
        seconds = perf_counter() - begin
        assert wallet.result is not None
        return sum(chain.requests for chain in wallet.result.chains.values()), seconds


async def _first(settings: Settings, sim: Simulation) -> Cost:
    async with Wallet(settings) as wallet:
        for name, chain in sim.world.chains.items():
            await wallet.add(chain.addresses(), chains=[name])
    return await _scan(settings)


def _row(what: str, pairs: Sequence[tuple[Cost, Cost]]) -> None:
    """A scan with many operators beside one with one, in pairs."""
    calls, seconds = (median(many[at] for _, many in pairs) for at in (0, 1))
    more = median(many[0] / one[0] - 1 for one, many in pairs)
    longer = sorted(many[1] / one[1] - 1 for one, many in pairs)
    among = f"; {len(pairs)} pairs, time {longer[0]:+.0%} to {longer[-1]:+.0%}" if len(pairs) > 1 else ""
    figure, ratio = f"{calls:,.0f} calls, {seconds:.1f} s", f"{more:+.1%}, time {median(longer):+.0%}"
    row(what, figure, ratio, f"one operator{among}")


async def _measure(addresses: int, pairs: int) -> None:
    with TemporaryDirectory() as folder:
        async with Simulation(Config(addresses=addresses, keep_asks=False)) as sim:
            many = simulated_settings(sim.world, sim.endpoints, Path(folder) / "many.db", replace(QUICK, audit="off"))
            one = replace(many, endpoints=tuple(replace(each, operator="one") for each in many.endpoints))
            alone = replace(one, db=f"{many.db}.one")
            first = await _first(alone, sim), await _first(many, sim)
            later = []
            for number in range(pairs):
                costs = []
                for at, settings in enumerate((one, many)):  # one database: both begin from what is true
                    await sim.move(MOVED, 2 * number + at)
                    costs.append(await _scan(settings))
                later.append((costs[0], costs[1]))
    readings = addresses * sum(len(chain.assets) for chain in sim.world.chains.values())
    _row(f"scan of {readings:,} readings, {MOVED:.0%} changed", later)
    _row("the first one, a tenth of it above zero", [first])


def run(*, tiny: bool) -> None:
    """Two rows, without spare audits."""
    asyncio.run(_measure(TINY if tiny else ADDRESSES, TINY_PAIRS if tiny else PAIRS))
