"""Play many rounds on every core: `make crash`, or `make crash ARGS="--rounds 1 --seed 4711"` for one again."""

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path

import msgspec

from tests.crash.rounds import Arena, Broken, Played, play

EVERY = 5.0  # seconds between lines of progress

_arenas: list[Arena] = []  # this process's one


class Failed(msgspec.Struct, frozen=True):
    """A round in which a promise was not kept, and where its files are."""

    seed: int
    why: str
    kept: str


def _begin(scratch: str) -> None:
    _arenas.append(Arena(Path(tempfile.mkdtemp(dir=scratch))))


def _play(seed: int) -> Played | Failed:
    (arena,) = _arenas
    try:
        return play(arena, seed)
    except Broken as broken:
        kept = tempfile.mkdtemp(prefix=f"hdscan-crash-{seed}-")
        shutil.copytree(arena.home.parent, kept, dirs_exist_ok=True)
        return Failed(seed, str(broken), kept)


def _follow(rounds: Iterable[Future[Played | Failed]], count: int) -> tuple[Counter[str], list[Failed]]:
    """Print how it goes; how the processes died, and the rounds that failed."""
    deaths: Counter[str] = Counter()
    failures: list[Failed] = []
    began = said = time.monotonic()
    for number, each in enumerate(rounds, 1):
        match each.result():
            case Failed() as failed:
                failures.append(failed)
                print(f"FAILED: seed {failed.seed}: {failed.why}\n  its files: {failed.kept}", flush=True)
            case Played() as played:
                deaths += played.deaths
        now = time.monotonic()
        if now - said > EVERY or number == count:
            said = now
            ends = ", ".join(f"{how} {times:,}" for how, times in sorted(deaths.items()))
            print(f"{number:,} of {count:,} rounds in {now - began:.0f} s, {len(failures)} failed; {ends}", flush=True)
    return deaths, failures


def main() -> int:
    """Play; 1 where a round failed or no process was killed."""
    parser = argparse.ArgumentParser(prog="make crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 8))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hdscan-crash-") as scratch:
        forked = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(min(given.jobs, given.rounds), forked, _begin, (scratch,)) as pool:
            if not pool.submit(_has_disk).result():
                print(
                    "no small disk can be mounted here (it takes root): a full disk is played by RLIMIT_FSIZE alone", flush=True
                )
            seeds = range(given.seed, given.seed + given.rounds)
            deaths, failures = _follow(as_completed([pool.submit(_play, seed) for seed in seeds]), given.rounds)
    for failed in failures:
        print(f'once more: make crash ARGS="--rounds 1 --seed {failed.seed}"')
    return int(bool(failures) or not deaths["killed"] + deaths["killed in a write"])


def _has_disk() -> bool:
    return _arenas[0].has_disk


if __name__ == "__main__":
    sys.exit(main())
