import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DEADLINE = 300.0  # seconds; on two cores of its own it takes 30


def test_fifty_rounds_of_dying_end_as_if_nothing_had_happened() -> None:
    command = [sys.executable, "-m", "tests.crash", "--rounds", "50", "--seed", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
