"""Every measurement of `make bench` still runs: in a size at which its figures mean nothing."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAMES = sorted({path.stem for path in (ROOT / "bench").glob("*.py")} - {"__init__", "__main__", "table"})


@pytest.mark.parametrize("name", NAMES)
def test_it_runs(name: str) -> None:
    command = [sys.executable, "-m", "bench", "--tiny", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    _, _, rows = done.stdout.partition("----\n")
    assert rows.splitlines(), "a row of figures"
    assert all(re.search(r"\d", line) for line in rows.splitlines())


def test_all_of_them_are_run() -> None:
    command = [sys.executable, "-m", "bench", "--help"]
    known = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert all(name in known for name in NAMES)
