"""One row per measurement, printed as it comes."""

import platform
import sys
from pathlib import Path

WIDTHS = (48, 22, 20, 26)
_printed: list[str] = []


def heading() -> None:
    """The machine, then the columns."""
    model = next((line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine())
    print(
        f"{model}, {len([1 for line in _cpuinfo() if line.startswith('processor')])} cores, Python {sys.version.split()[0]}\n"
    )
    row("what", "figure", "ratio", "against")
    row(*("-" * width for width in WIDTHS))


def row(what: str, figure: str, ratio: str, against: str) -> None:
    """Print one line of the table."""
    _printed.append(what)
    print("  ".join(cell.ljust(width) for cell, width in zip((what, figure, ratio, against), WIDTHS, strict=True)), flush=True)


def printed() -> int:
    """How many lines there are so far."""
    return len(_printed)


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []
