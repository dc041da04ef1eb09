"""kill -9 at ten points of a scan in a process of its own, then resume: as if nothing had happened."""

import asyncio
import json
import os
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hdscan.sim.city import City
from hdscan.sim.judge import named
from hdscan.sim.world import World
from tests.scan.stage import EVERYBODY

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
            await self.run("import", "--chain", name, name)
        shutil.copy(self.home / "wallet.db", self.home / "imported.db")

    async def scan_and_kill(self, at: int) -> dict[str, int]:
        """Kill a scan when its `at`-th chunk is committed; the readings per chain that it said to have committed by then."""
        process = await self.start("scan", "--jsonl")
        assert process.stdout is not None
        said: dict[str, int] = {}
        commits = 0
        while line := await process.stdout.readline():
            event = json.loads(line)
            if event["event"] != "scan_progress":
                continue
            ended = event["read"] + event["unread"]
            commits += ended > said.get(event["chain"], 0)
            said[event["chain"]] = ended
            if commits >= at:
                break
        process.kill()
        await process.communicate()
        assert commits == at, "the scan ended before it could be killed"
        return said

    def asked(self) -> dict[str, Counter[tuple[str, str]]]:
        """Per chain, how often each (address in lower case, asset) was asked and answered."""
        found: dict[str, Counter[tuple[str, str]]] = {}
        for host in self.city.hosts.values():
            world = self.city.world[host.spec.chain]
            symbols = {asset.symbol for asset in world.assets}
            for entry in host.log:
                asks = {(text.lower(), symbol) for text, symbol in named(entry.asks, world) if symbol in symbols}
                found.setdefault(host.spec.chain, Counter()).update(asks)
        return found


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


async def undisturbed(home: Path) -> list[tuple[str, ...]]:
    async with City(WORLD, EVERYBODY) as city:
        command = Command(home, city)
        await command.add_addresses()
        await command.run("scan", "--jsonl")
        return known(await command.run("balances", "--jsonl"))


async def killed(home: Path, imported: Path, at: int) -> list[tuple[str, ...]]:
    shutil.copy(imported, home / "wallet.db")
    async with City(WORLD, EVERYBODY) as city:
        command = Command(home, city)
        said = await command.scan_and_kill(at)
        city.reset()
        *_, result = await command.run("scan", "--jsonl")
        assert result["event"] == "scan_result"
        assert result["status"] == "completed"
        for name, asks in command.asked().items():
            everything = len(WORLD[name]) * len(WORLD[name].assets)
            assert len(asks) <= everything - said.get(name, 0), "what was committed is not asked again"
            assert result["chains"][name]["read"] == everything
        return known(await command.run("balances", "--jsonl"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("undisturbed")


@pytest.fixture(scope="module")
def without_kill(home: Path) -> list[tuple[str, ...]]:
    return asyncio.run(asyncio.wait_for(undisturbed(home), DEADLINE))


def test_the_undisturbed_scan_is_the_truth(without_kill: list[tuple[str, ...]]) -> None:
    assert sorted(without_kill) == truth()


@pytest.mark.parametrize("at", range(1, 11))
def test_a_killed_scan_is_resumed_as_if_nothing_had_happened(
    tmp_path: Path, home: Path, at: int, without_kill: list[tuple[str, ...]]
) -> None:
    assert asyncio.run(asyncio.wait_for(killed(tmp_path, home / "imported.db", at), DEADLINE)) == without_kill
