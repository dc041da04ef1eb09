"""The time that a scan says to have left, from its first tenth on, against the time that it took: 20 simulated worlds."""

import asyncio
import importlib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory

import msgspec

from bench.table import row
from hdscan.app import Wallet
from hdscan.app.demo import simulated_settings
from hdscan.model.events import ChainProgress, ScanState
from hdscan.settings import ScanSettings
from hdscan.sim.city import City
from hdscan.sim.host import HostSpec
from hdscan.sim.world import World

WORLDS = 20
ADDRESSES = {"btc": 400, "bsc": 1500, "sol": 1500}
RATES = {"btc": (1.0, 8.0), "bsc": (2.0, 8.0), "sol": (0.5, 3.0)}  # calls per second
SPOKEN: dict[str, list[tuple[str, ...]]] = {
    "btc": [("esplora",)],
    "bsc": [("evm-rpc",), ("evm-multicall", "evm-rpc")],
    "sol": [("solana-rpc",)],
}
ALLOWED = {"none": 0.2, "mild": 0.35}
LEAST = 10.0  # seconds left, below which nothing is compared


class Said(msgspec.Struct):
    """What a scan of a world said: at which second, how many it had left, and when everything was read."""

    planned: float | None
    etas: list[tuple[float, str, float]] = []
    ends: dict[str, float] = {}

    def errors(self) -> Iterator[float]:
        """Of every prediction, as a share of what was left."""
        for at, chain, eta in self.etas:
            left = self.ends[chain] - at
            if left >= LEAST:
                yield abs(eta - left) / left


def _hosts(dice: Random, chain: str) -> list[HostSpec]:
    hosts = []
    for number in range(dice.choice((1, 2, 3, 4))):
        low, high = RATES[chain]
        rate = round(low * (high / low) ** dice.random(), 2)
        spoken = dice.choice(SPOKEN[chain])
        latency = dice.choice((0.02, 0.15, 0.4))
        hosts.append(HostSpec(name=f"{chain}-{number}", chain=chain, protocols=spoken, rate=rate, latency=latency))
    return hosts


async def _play(seed: int, faults: str, addresses: dict[str, int], said: list[Said]) -> None:
    dice = Random(seed)
    chains = dice.choice((["btc"], ["bsc"], ["sol"], ["btc", "sol"], ["bsc", "btc"]))
    hosts = [host for chain in chains for host in _hosts(dice, chain)]
    world = World(seed, {chain: addresses[chain] for chain in chains}, funded=dice.choice((0.05, 0.2)))
    clock = asyncio.get_running_loop().time
    with TemporaryDirectory() as directory:
        async with City(world, hosts, faults=faults, keep_asks=False) as city:
            settings = simulated_settings(world, city.endpoints, Path(directory) / "wallet.db", ScanSettings())
            async with Wallet(settings) as wallet:
                for chain in chains:
                    await wallet.add(world[chain].addresses(), chains=[chain])
                heard = Said(wallet.plan().seconds)
                said.append(heard)
                began = clock()
                async for event in wallet.scan():
                    told = event.chains.values() if isinstance(event, ScanState) else [event]
                    for each in told:
                        if isinstance(each, ChainProgress):
                            _hear(heard, each, clock() - began)


def _hear(heard: Said, progress: ChainProgress, at: float) -> None:
    if progress.read + progress.unread + progress.disputed == progress.readings:
        heard.ends.setdefault(progress.chain, at)
    elif progress.answered >= progress.readings / 10 and progress.eta is not None:
        heard.etas.append((at, progress.chain, progress.eta))


def run(*, tiny: bool) -> None:
    """Worlds in which nothing fails, and worlds in which a few calls do."""
    addresses = {"btc": 60, "bsc": 200, "sol": 200} if tiny else ADDRESSES
    run_in_virtual_time = importlib.import_module("tests.virtual_time").run  # untyped for whoever is outside of the tests
    for faults in ("none", "mild"):
        said: list[Said] = []
        for seed in range(2 if tiny else WORLDS):
            run_in_virtual_time(_play(seed, faults, addresses, said))
        errors = [error for each in said for error in each.errors()] or [0.0]
        plans = [abs(each.planned - max(each.ends.values())) / max(each.ends.values()) for each in said if each.planned]
        within = sum(error <= ALLOWED[faults] for error in errors) / len(errors)
        row(
            f"time left, faults {faults}: off by",
            f"{median(errors):.0%}, at most {max(errors):.0%}",
            f"{within:.0%} within {ALLOWED[faults]:.0%}",
            f"the plan is off by {median(plans):.0%}",
        )
