"""Peak memory of a scan of 100,000 and of 1,000,000 readings."""

import asyncio
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.table import row
from hdscan.app import Wallet
from hdscan.app.demo import simulated_settings
from hdscan.sim.host import HostSpec
from hdscan.sim.process import Config, Simulation

SIZES, TINY_SIZES = (100_000, 1_000_000), (3_000, 6_000)  # readings


async def _scan(addresses: int, folder: Path) -> None:
    host = HostSpec(name="node", chain="bsc", protocols=("evm-multicall",), rate=1e5, burst=1e5, latency=0.0)
    async with Simulation(Config(addresses={"bsc": addresses}, hosts=(host,), keep_asks=False)) as sim:
        settings = simulated_settings(sim.world, sim.endpoints, folder / "bench.db")
        async with Wallet(settings) as wallet:
            with (folder / "list").open("w") as file:
                file.writelines(f"{text}\n" for text in sim.world["bsc"].addresses())
            with (folder / "list").open() as file:
                await wallet.add(file, chains=["bsc"])
            before = _peak()
            async for _ in wallet.scan():
                pass
            assert wallet.result is not None
            assert wallet.result.chains["bsc"].read == 3 * addresses
    print(before, _peak())


def _peak() -> int:
    """KiB; on Linux the maximum of getrusage begins with that of the process which started this one."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM:"))


def run(*, tiny: bool) -> None:
    """One row per size, each in a process of its own; the ratio is to the smaller one."""
    first = 0
    sizes = TINY_SIZES if tiny else SIZES
    for size in sizes:
        command = [sys.executable, "-m", "bench.memory", str(size)]
        imported, scanned = map(int, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
        first = first or scanned
        row(
            f"scan of {size:,} readings: peak memory",
            f"{scanned / 1024:.0f} MiB",
            f"{scanned / first:.2f}",
            f"{sizes[0]:,} readings; {imported / 1024:.0f} MiB after the import",
        )


if __name__ == "__main__":
    with TemporaryDirectory() as temporary:
        asyncio.run(_scan(int(sys.argv[1]) // 3 + 1, Path(temporary)))
