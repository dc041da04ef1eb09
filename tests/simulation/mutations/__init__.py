"""Defects put into the product on purpose, one a patch whose first line says which: the simulation has to find them all."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

ROOT = Path(__file__).parent.parent.parent.parent
PATCHES = tuple(sorted(Path(__file__).parent.glob("*.patch")))
MOST_SEEDS = 2000


class Caught(msgspec.Struct, frozen=True):
    """What became of a mutation: the number of seeds played until it was found (None: it was not), and as what."""

    name: str
    seeds: int | None
    why: str
    seconds: float


def applied(patch: Path, directory: Path) -> Path:
    """A copy of the source with the patch in it."""
    source = directory / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(["git", "apply", "--unsafe-paths", f"--directory={directory}", str(patch)], cwd=directory, check=True)
    return source


def hunt(patch: Path, seeds: int = MOST_SEEDS, jobs: int = 1) -> Caught:
    """Play seeds with the mutated product until one finds it."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hdscan-mutation-") as directory:
        source = applied(patch, Path(directory))
        program = [sys.executable, "-m", "tests.simulation", "--seeds", str(seeds), "--failures", "1", "--no-shrink"]
        played = subprocess.run(
            [*program, "--jobs", str(jobs)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": f"{source}{os.pathsep}{ROOT}"},
            capture_output=True,
            text=True,
            check=False,
        )
    spent = time.monotonic() - began
    found = [line for line in played.stdout.splitlines() if line.startswith("seed ")]
    if not found:
        why = "" if played.returncode == 0 else played.stderr.strip().splitlines()[-1]
        return Caught(patch.stem, None, why, spent)
    number = int(played.stdout.partition(": ")[2].partition("/")[0])
    return Caught(patch.stem, number, found[0].split(" ", 4)[4], spent)
