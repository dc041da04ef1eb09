"""Scan for as long as it takes under wild faults, and see that nothing grows: `make soak ARGS="--addresses 20000"`.

Writes docs/soak.svg and docs/soak.csv, unless --out names another directory; 1 where memory, open files or threads grew, or
where what was read is not the truth.
"""

import argparse
import asyncio
import csv
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from hdscan.app.demo import Demo, DemoReport, DemoRequest
from hdscan.model.endpoint import Cost
from hdscan.model.events import ScanProgress
from hdscan.sim.city import DEMO
from hdscan.sim.host import HostSpec, Throttle
from tests.soak.plot import Sample, slope, svg

WARM = 0.3  # of the time: caches fill
SHARE = 0.05  # by which memory may grow from the end of that to the end of all, as the fitted line has it
SOME = 12.0  # MiB by which it may anyway
FEW = 3.0  # files or threads by which their lines may
PAGE = os.sysconf("SC_PAGE_SIZE")

# beside the demo's hosts, so that no chain takes much longer than the others, and Electrum's connections are soaked too
HOSTS = (
    *DEMO,
    *(HostSpec(name=f"sim-esplora-{n}", chain="btc", protocols=("esplora",), rate=100) for n in (2, 3)),
    HostSpec(name="sim-electrum", chain="btc", protocols=("electrum",), rate=100, cost=Cost.ITEM, published_batch=20),
    HostSpec(name="sim-bsc-node-2", chain="bsc", protocols=("evm-multicall",), rate=5, latency=0.05, throttle=Throttle.DATE),
)

Counts = dict[str, int]  # readings ended, by chain


def measure(began: float, ended: Counts) -> Sample:
    """This process as it is now."""
    resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE / 2**20
    files, threads = (sum(1 for _ in Path("/proc/self", name).iterdir()) for name in ("fd", "task"))
    return Sample(round(time.monotonic() - began, 1), round(resident, 1), files, threads, sum(ended.values()))


async def watch(samples: list[Sample], ended: Counts, every: float, readings: int) -> None:
    """Measure for ever, and say how it goes."""
    began = said = time.monotonic()
    while True:
        samples.append(measure(began, ended))
        if time.monotonic() - said > 30:
            said, last = time.monotonic(), samples[-1]
            print(
                f"{last.seconds:,.0f} s: {last.readings:,} of {readings:,} readings,"
                f" {last.memory:.0f} MiB, {last.descriptors} files, {last.threads} threads",
                flush=True,
            )
        await asyncio.sleep(every)


async def soak(request: DemoRequest, every: float) -> tuple[list[Sample], DemoReport]:
    """Scan every chain once; what was measured meanwhile, and how it compares with the truth."""
    samples: list[Sample] = []
    ended: Counts = {}
    async with Demo(request, HOSTS) as demo:
        print(f"importing {request.addresses:,} addresses per chain", flush=True)
        await demo.add_wallets()
        watching = asyncio.create_task(watch(samples, ended, every, request.addresses * 7))
        async for event in demo.wallet.scan():
            if isinstance(event, ScanProgress):
                ended[event.chain] = event.read + event.unread
        watching.cancel()
        print("comparing with the truth", flush=True)
        return samples, await demo.reconcile()


def grown(samples: Sequence[Sample]) -> list[str]:
    """What grew after the beginning, a sentence each."""
    later = [sample for sample in samples if sample.seconds >= WARM * samples[-1].seconds]
    hours = (later[-1].seconds - later[0].seconds) / 3600
    allowed = {"memory": max(SOME, SHARE * later[0].memory), "descriptors": FEW, "threads": FEW}
    growth = {name: slope(later, name) * hours for name in allowed}
    return [f"{name} grew by {growth[name]:.1f}, from {later[0]}" for name, most in allowed.items() if growth[name] > most]


def main() -> int:
    """Soak, draw, judge."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--addresses", type=int, default=500_000, help="per chain")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", choices=("none", "mild", "wild"), default="wild")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between samples")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent.parent / "docs")
    given = parser.parse_args()
    request = DemoRequest(given.addresses, given.seed, given.faults)
    samples, report = uvloop.run(soak(request, given.every))
    title = f"hdscan, {given.addresses:,} addresses on each of three chains, {given.faults} faults, seed {given.seed}"
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "soak.svg").write_text(svg(samples, title), encoding="utf-8")
    with (given.out / "soak.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(Sample.__struct_fields__)
        rows.writerows([getattr(sample, name) for name in Sample.__struct_fields__] for sample in samples)
    for name, chain in report.chains.items():
        print(
            f"{name}: {chain.status}, {chain.readings:,} readings: {chain.exact:,} exact, {chain.wrong} wrong,"
            f" {chain.false_zero} false zeros, {chain.unread} unread; {chain.requests:,} requests,"
            f" {chain.rate_violations} rate and {chain.pause_violations} pause violations, {chain.seconds:,.0f} s"
        )
    grew = grown(samples)
    print(
        "\n".join(grew) or f"flat: {samples[-1].memory:.0f} MiB, {samples[-1].descriptors} files, {samples[-1].threads} threads"
    )
    return int(bool(grew) or not report.flawless)


if __name__ == "__main__":
    sys.exit(main())
