"""`make bench-peers`: CPU of whole processes that read the same balances or derive the same addresses; --tiny to try it.

The peers are the programs in `programs`, on the libraries that `install.sh` puts into .peers. Balances come from the simulator,
which answers all of them alike, and every program's totals are held beside its truth. The least of some runs counts, since
other work only ever adds.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.table import heading, row
from hdscan.model.chain import Family
from hdscan.sim.host import HostSpec
from hdscan.sim.process import Config, Simulation
from hdscan.sim.world import ChainWorld

PEERS = Path(__file__).parent.parent.parent / ".peers"
PROGRAMS = Path(__file__).parent / "programs"
PYTHON = str(PEERS / "venv/bin/python")
HDSCAN = (sys.executable, "-m", "hdscan")
FASTEST = 100_000.0  # a rate that never limits
READINGS, DERIVED, RUNS = (1_000, 50_000), 20_000, 3
TINY_READINGS, TINY_DERIVED, TINY_RUNS = (30,), 20, 1
READERS = {  # by chain: hdscan's protocol, and the peers' programs
    "bsc": ("evm-multicall", {"viem": ("node", "evm_viem.mjs"), "web3.py": (PYTHON, "evm_web3.py")}),
    "sol": ("solana-rpc", {"solana-py": (PYTHON, "solana_py.py")}),
}
# one account, as the library wants it
XPUB = "xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V"
ZPUB = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
DERIVERS = {"bip-utils": ("derive_bip_utils.py", ZPUB), "bdkpython": ("derive_bdk.py", XPUB)}


def _ran(command: Sequence[str], folder: Path) -> tuple[float, str]:
    """Run a process to its end: its CPU in seconds, user and system, and what it printed."""
    with (folder / "out").open("w+b") as out, (folder / "errors").open("w+b") as errors:
        environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=out, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, (folder / "errors").read_text()
        out.seek(0)
        return usage.ru_utime + usage.ru_stime, out.read().decode()


def _hdscan(folder: Path, *arguments: str) -> tuple[float, str]:
    return _ran([*HDSCAN, *arguments], folder)


def _scan(folder: Path, chain: str, protocol: str, url: str, assets: Sequence[str]) -> tuple[float, list[str]]:
    """CPU of `hdscan scan` in a new wallet, and the totals of the assets."""
    (folder / "hdscan.toml").write_text(
        f'db = "sqlite:///{folder}/wallet.db"\ncatalogue = "off"\n[scan]\naudit = "off"\n[[endpoint]]\nname = "host"\n'
        f'chain = "{chain}"\nprotocol = "{protocol}"\nurl = "{url}"\nrate = {FASTEST}\ntrusted = true\n'
    )
    (folder / "wallet.db").unlink(missing_ok=True)
    _hdscan(folder, "add", "--chain", chain, "addresses")
    cpu, _ = _hdscan(folder, "scan", "--json", *(word for asset in assets for word in ("--asset", asset)))
    rows = [json.loads(line) for line in _hdscan(folder, "balances", "--jsonl")[1].splitlines()]
    return cpu, [str(sum(int(each["amount"]) for each in rows if each["asset"] == asset)) for asset in assets]


def _peer(folder: Path, program: Sequence[str], url: str, contracts: Iterable[str]) -> tuple[float, list[str]]:
    shutil.copy(PROGRAMS / program[1], PEERS)  # where Node finds its library
    cpu, out = _ran([program[0], str(PEERS / program[1]), url, ",".join(contracts), "addresses"], folder)
    return cpu, json.loads(out)


def _contract(world: ChainWorld, at: int) -> str:
    """A token as the peers want it: the contract; on Solana the mint and its program."""
    contract = str(world.assets[at].contract)
    return f"{contract}:{world.program(at)}" if world.chain.family is Family.SOLANA else contract


async def _read(chain: str, readings: int, runs: int) -> None:
    protocol, peers = READERS[chain]
    host = HostSpec(name="host", chain=chain, protocols=(protocol,), rate=FASTEST, burst=FASTEST, latency=0.0)
    config = Config(addresses={chain: readings // 3 + 1}, hosts=(host,), keep_asks=False)
    async with Simulation(config) as sim:
        world, url = sim.world[chain], sim.endpoints[0].url
        assets = [asset.symbol for asset in world.assets]
        contracts = [_contract(world, at) for at in range(1, len(world.assets))]
        truth = [str(sum(true.amounts[asset] for true in world.truth())) for asset in assets]
        with TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "addresses").write_text("\n".join(world.addresses()))

            def least(measure: Callable[..., tuple[float, list[str]]], *of: object) -> float:
                taken = [measure(folder, *of) for _ in range(runs)]
                assert all(totals == truth for _, totals in taken), (taken, truth)
                return min(cpu for cpu, _ in taken)

            ours = await asyncio.to_thread(least, _scan, chain, protocol, url, assets)
            for peer, program in peers.items():
                theirs = await asyncio.to_thread(least, _peer, program, url, contracts)
                what = f"{protocol}: {len(assets) * (readings // 3 + 1):,} readings"
                row(what, f"{ours:.2f} s of CPU", f"{ours / theirs:.2f} of its CPU", f"{peer}, {theirs:.2f} s")


def _derive(count: int, runs: int) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)

        def least(*command: str) -> tuple[float, str]:
            return min(_ran(command, folder) for _ in range(runs))

        half = count // 2  # of either branch
        given = (XPUB, "--script", "p2wpkh", "--count", str(half))
        ours, printed = least(*HDSCAN, "addresses", "--derive", *given)
        addresses = [line.split()[0] for line in printed.splitlines()]
        for peer, (program, key) in DERIVERS.items():
            theirs, said = least(PYTHON, str(PROGRAMS / program), key, str(count))
            assert said.split()[:half] == addresses[:half]
            ratio, their_rate = f"{theirs / ours:.1f} times as fast", f"{count / theirs:,.0f} /s"
            row(f"derive {count:,} addresses", f"{count / ours:,.0f} /s", ratio, f"{peer}, {their_rate}")
        stored = min(_stored(folder, ("add", *given)) for _ in range(runs))
        row(f"derive and store {count:,}", f"{count / stored:,.0f} /s", f"{ours / stored:.0%}", "derived and printed")


def _stored(folder: Path, given: Sequence[str]) -> float:
    with TemporaryDirectory(dir=folder) as home:
        return _hdscan(Path(home), *given)[0]


def main() -> None:
    """Print a row per peer and size."""
    parser = argparse.ArgumentParser(prog="make bench-peers", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="sizes so small that the figures mean nothing")
    tiny: bool = parser.parse_args().tiny
    heading()
    for chain in READERS:
        for readings in TINY_READINGS if tiny else READINGS:
            asyncio.run(_read(chain, readings, TINY_RUNS if tiny else RUNS))
    _derive(TINY_DERIVED if tiny else DERIVED, TINY_RUNS if tiny else RUNS)


main()
