"""Fuzz every target, on every core: `make fuzz MINUTES=10`, or `make fuzz MINUTES=1 ARGS="--target multicall"`.

What was found worth keeping stays in .fuzz/corpus, failures in .fuzz/failures; 1 where there are any.
"""

import argparse
import asyncio
import os
import random
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from tests.fuzz.guided import Failed, Tried, has_coverage, targets

KEPT = Path(__file__).parent.parent.parent / ".fuzz"
EVERY = 10.0  # seconds between lines of progress
ENDING = 90.0  # seconds that a process may take beyond its time, to begin and to make a failure small


class Fuzzing:
    """The targets' processes, as many at a time as there are cores; what they have said."""

    def __init__(self, seconds: float, seed: int, scratch: str) -> None:
        self.seconds, self.seed = seconds, seed
        self.environ = os.environ | {"TMPDIR": scratch}  # where atheris ends a process nothing is cleaned up
        self.counts: dict[str, int] = {}
        self.failures: list[str] = []

    async def run(self, names: list[str], jobs: int) -> None:
        """Give every target its time, one after the other in `jobs` rows."""
        waiting = iter(names)

        async def row() -> None:
            for name in waiting:
                await self._one(name)

        telling = asyncio.create_task(self._tell(names))
        await asyncio.gather(*(row() for _ in range(jobs)))
        telling.cancel()

    async def _one(self, name: str) -> None:
        options = {
            "target": name,
            "seed": self.seed,
            "seconds": self.seconds,
            "corpus": KEPT / "corpus",
            "failures": KEPT / "failures",
        }
        words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
        pipe = asyncio.subprocess.PIPE
        command = (sys.executable, "-m", "tests.fuzz.guided", *words)
        process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, limit=2**24, env=self.environ)
        assert process.stdout is not None
        assert process.stderr is not None
        errors = asyncio.create_task(process.stderr.read())
        try:
            async with asyncio.timeout(self.seconds + ENDING):
                async for line in process.stdout:
                    self._hear(name, msgspec.json.decode(line, type=Tried | Failed))
                code = await process.wait()
        except TimeoutError:
            process.kill()
            code = await process.wait()
        if code:
            self._fail(f"{name}: its process ended with {code}:\n{(await errors).decode(errors='replace')[-2000:]}")

    def _hear(self, name: str, message: Tried | Failed) -> None:
        match message:
            case Tried(count):
                self.counts[name] = count
            case Failed(why, path):
                self._fail(f"{name}: {path}\n{why}")

    def _fail(self, what: str) -> None:
        self.failures.append(what)
        print(f"FAILED {what}", flush=True)

    async def _tell(self, names: list[str]) -> None:
        began, before = time.monotonic(), 0
        while True:
            await asyncio.sleep(EVERY)
            total = sum(self.counts.values())
            print(
                f"{time.monotonic() - began:,.0f} s: {total:,} inputs, {(total - before) / EVERY:,.0f}/s,"
                f" {len(self.counts)} of {len(names)} targets, {len(self.failures)} failures",
                flush=True,
            )
            before = total


def main() -> int:
    """Fuzz."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--target", action="append", help="only this one; more than once for some")
    parser.add_argument("--seed", type=int, default=random.randrange(1, 2**31))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    names = [target.name for target in targets() if not given.target or target.name in given.target]
    how = "guided by coverage" if has_coverage() else "guided by outcomes, for atheris is not installed for this Python"
    jobs = min(given.jobs, len(names))
    with TemporaryDirectory(prefix="hdscan-fuzz-") as scratch:
        fuzzing = Fuzzing(max(1.0, given.minutes * 60 * jobs / len(names)), given.seed, scratch)
        print(f"{len(names)} targets for {fuzzing.seconds:.0f} s each, {how}; seed {given.seed}", flush=True)
        asyncio.run(fuzzing.run(names, jobs))
    for name, count in fuzzing.counts.items():
        print(f"{count:>12,} {name}")
    print(f"{sum(fuzzing.counts.values()):,} inputs, {len(fuzzing.failures)} failures")
    return int(bool(fuzzing.failures))


if __name__ == "__main__":
    sys.exit(main())
