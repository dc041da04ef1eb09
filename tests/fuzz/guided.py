"""Guided by coverage where atheris is installed, and by what inputs lead to elsewhere; one target in one process.

Tells on stdout, a line of JSON each, how many inputs were tried and which failed.
"""

import argparse
import importlib.util
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from tests.fuzz.loop import Found, attempt, fuzz, keep, smaller
from tests.fuzz.mutate import mutate
from tests.fuzz.target import Target

MODULES = ("replies", "inputs", "keys", "exports", "server", "database")


class Tried(msgspec.Struct, frozen=True, tag="tried"):
    """Inputs tried so far."""

    count: int


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """A failure, made small, and the file that holds it."""

    why: str
    path: str


def targets() -> list[Target]:
    """Every target there is."""
    return [target for name in MODULES for target in importlib.import_module(f"tests.fuzz.{name}").TARGETS]


def has_coverage() -> bool:
    """Whether atheris is there."""
    return importlib.util.find_spec("atheris") is not None


def say(message: Tried | Failed) -> None:
    """Write a line for whoever began this process."""
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


class Teller:
    """Says once a second how many inputs were tried, and of every failure what and where it is; one of a kind."""

    def __init__(self, target: Target, failures: Path) -> None:
        self._target, self._failures = target, failures
        self._kinds: set[str] = set()
        self._count, self._said = 0, time.monotonic()

    def tried(self, last: bool = False) -> None:
        """Count an input."""
        self._count += not last
        if last or time.monotonic() - self._said > 1:
            self._said = time.monotonic()
            say(Tried(self._count))

    def failed(self, found: Found) -> None:
        """Keep an input on which the target failed."""
        kind = found.why.strip().splitlines()[-1][:60]
        if kind not in self._kinds:
            self._kinds.add(kind)
            least = smaller(found, self._target)
            place = self._failures / self._target.name
            place.mkdir(parents=True, exist_ok=True)
            say(Failed(least.why, str(keep(place, least.data))))


def by_outcome(target: Target, seed: int, seconds: float, kept: Path, teller: Teller) -> None:
    """Without atheris."""
    until = time.monotonic() + seconds

    def go_on(_: int) -> bool:
        teller.tried()
        return time.monotonic() < until

    for found in fuzz(target, seed, kept, go_on):
        teller.failed(found)
    teller.tried(last=True)


def by_coverage(find: Callable[[], Target], seed: int, seconds: float, kept: Path, failures: Path) -> None:
    """With atheris, which ends the process; hdscan has to be imported under its eyes."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["hdscan"]):
        target = find()
    teller = Teller(target, failures)

    def one(data: bytes) -> None:
        outcome = attempt(target, data)
        teller.tried()
        if isinstance(outcome, Found):
            teller.failed(outcome)

    def change(data: bytes, most: int, number: int) -> bytes:
        return mutate(data, random.Random(number), target.corpus, min(most, target.most))

    with TemporaryDirectory() as given:
        for data in target.corpus:
            keep(Path(given), data)
        options = [
            f"-max_total_time={max(1, int(seconds))}",
            f"-seed={seed}",
            f"-max_len={target.most}",
            "-timeout=60",
            "-verbosity=0",
        ]
        atheris.Setup([sys.argv[0], *options, "-rss_limit_mb=2048", str(kept), given], one, custom_mutator=change)
        atheris.Fuzz()


def main() -> None:
    """Fuzz one target for some seconds."""
    parser = argparse.ArgumentParser()
    for name, kind in (("target", str), ("seed", int), ("seconds", float), ("corpus", Path), ("failures", Path)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    given = parser.parse_args()
    kept = given.corpus / given.target
    kept.mkdir(parents=True, exist_ok=True)

    def find() -> Target:
        return next(target for target in targets() if target.name == given.target)

    if has_coverage():
        by_coverage(find, given.seed, given.seconds, kept, given.failures)
    else:
        target = find()
        by_outcome(target, given.seed, given.seconds, kept, Teller(target, given.failures))


if __name__ == "__main__":
    main()
