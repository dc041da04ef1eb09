"""What a command costs before it does anything: CPU seconds of its process, beside those of `import typer`."""

import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.table import row

RUNS, TINY_RUNS = 7, 1
ADDRESS = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"
# times `import typer`; the second is 0.4 of what a reading command took when every module was imported at the start
BOUNDS = {"--help": 3.0, "balances": 4.8, "status": 4.8}


def run(*, tiny: bool) -> None:
    """One row per command: the least of some runs, since other work only ever adds."""
    runs = TINY_RUNS if tiny else RUNS
    with TemporaryDirectory() as temporary:
        home = Path(temporary)
        (home / "list.txt").write_text(ADDRESS)
        hdscan = (sys.executable, "-m", "hdscan")
        _seconds(home, *hdscan, "add", "--chain", "btc", "list.txt")
        typer = min(_seconds(home, sys.executable, "-c", "import typer") for _ in range(runs))
        for command, bound in BOUNDS.items():
            took = min(_seconds(home, *hdscan, command) for _ in range(runs))
            row(f"hdscan {command}: CPU", f"{took:.3f} s", f"{took / typer:.2f}", f"import typer; at most {bound:g}")


def _seconds(home: Path, *command: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environ = {"HOME": str(home), "HDSCAN_DB": f"sqlite:///{home}/bench.db"}
    subprocess.run(command, cwd=home, env=environ, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
