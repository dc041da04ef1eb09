"""Fifty rounds of dying end as if nothing had happened."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
DEADLINE = 300.0  # seconds
ROUNDS = 10


@pytest.mark.parametrize("first", range(1, 51, ROUNDS))
def test_rounds_of_dying_end_as_if_nothing_had_happened(first: int) -> None:
    command = [sys.executable, "-m", "tests.crash", "--rounds", str(ROUNDS), "--seed", str(first), "--jobs", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
