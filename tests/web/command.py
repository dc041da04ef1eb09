"""hdscan as a user runs it, in a directory of its own, on simulated hosts of this process."""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from hdscan.sim.city import City
from hdscan.sim.world import World

DEADLINE = 60.0
WORLD = World(seed=5, addresses=40, funded=0.5)
SETTINGS = """
[scan]
chunk = 8
request_timeout = 1.0
"""
ROW = """
[[endpoint]]
name = "{0.name}"
chain = "{0.chain}"
protocol = {1}
url = "{0.url}"
rate = {0.rate}
"""


class Command:
    """hdscan as a user runs it, in a directory of its own, on a city's hosts."""

    def __init__(self, home: Path, city: City) -> None:
        self.home, self.city = home, city
        rows = [ROW.format(endpoint, [str(protocol) for protocol in endpoint.protocols]) for endpoint in city.endpoints]
        (home / "hdscan.toml").write_text(SETTINGS + "".join(rows), encoding="utf-8")
        self.environment = {"HOME": str(home), "PATH": os.environ["PATH"], "HDSCAN_DB": f"sqlite:///{home}/wallet.db"}

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        command = (sys.executable, "-m", "hdscan", *words)
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(*command, cwd=self.home, env=self.environment, stdout=pipe, stderr=pipe)

    async def run(self, *words: str) -> list[dict[str, Any]]:
        """The JSON lines of a command that ends well."""
        process = await self.start(*words)
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        return [json.loads(line) for line in out.splitlines() if line.startswith(b"{")]

    async def add_addresses(self) -> None:
        for name, chain in self.city.world.chains.items():
            (self.home / name).write_text("\n".join(chain.addresses()), encoding="utf-8")
            await self.run("add", "--chain", name, name)
        shutil.copy(self.home / "wallet.db", self.home / "added.db")


def known(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """What has to be the same in every run."""
    return [(row["chain"], row["address"], row["asset"], row["amount"], row["state"]) for row in rows]


def truth() -> list[tuple[str, ...]]:
    return sorted(
        (name, true.address, symbol, str(amount), "read")
        for name, chain in WORLD.chains.items()
        for true in chain.truth()
        for symbol, amount in true.amounts.items()
    )
