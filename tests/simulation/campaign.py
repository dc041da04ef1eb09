"""Plays many seeds on every core, says how it goes, and gathers what failed."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from multiprocessing import get_context

import msgspec

from tests.simulation.chance import scenario
from tests.simulation.play import Outcome, play

BATCH = 10


class Tally(msgspec.Struct):
    """What a campaign has played so far."""

    seeds: int = 0
    readings: int = 0
    faulted: int = 0
    calls: int = 0
    runs: int = 0
    virtual: float = 0.0
    began: float = msgspec.field(default_factory=time.monotonic)
    failures: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        """Count one."""
        self.seeds += 1
        self.readings += outcome.readings
        self.faulted += outcome.faulted
        self.calls += outcome.calls
        self.runs += outcome.runs
        self.virtual += outcome.seconds
        if outcome.rule is not None:
            self.failures.append(outcome)

    def line(self, of: int) -> str:
        """How it goes, in one line."""
        spent = time.monotonic() - self.began
        pace = f"{self.seeds / spent:.1f} seeds/s, {self.faulted / spent:,.0f} faulted readings/s"
        played = f"{self.faulted:,} faulted readings in {self.runs:,} runs and {self.virtual / 86_400:.1f} virtual days"
        return f"{self.seeds}/{of} seeds ({pace}), {played}, {len(self.failures)} failed"


def outcomes(seeds: Sequence[int], jobs: int) -> Iterator[Outcome]:
    """The outcome of every seed, as they come."""
    if jobs == 1:
        yield from map(_one, seeds)
        return
    with get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(_one, seeds, chunksize=min(BATCH, max(1, len(seeds) // (4 * jobs))))


def _one(seed: int) -> Outcome:
    return play(scenario(seed))


def run(first: int, count: int, jobs: int | None, most_failures: int) -> Tally:
    """Play `count` seeds from `first`, until so many failed; the progress goes to standard error."""
    tally, said, shown = Tally(), 0.0, sys.stderr.isatty()
    start, end = ("\r", "") if shown else ("", "\n")
    for outcome in outcomes(range(first, first + count), jobs or os.cpu_count() or 1):
        tally.add(outcome)
        if outcome.rule is not None:
            sys.stderr.write(f"{start}seed {outcome.seed} ({outcome.digest}): {outcome.why}\n")
        if len(tally.failures) >= most_failures:
            break
        if time.monotonic() - said > (0.5 if shown else 10.0):
            said = time.monotonic()
            sys.stderr.write(f"{start}{tally.line(count)}{end}")
    sys.stderr.write(f"{start}{tally.line(count)}\n")
    return tally
