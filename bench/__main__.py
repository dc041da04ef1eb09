"""`make bench`: run the measurements named as arguments, or all, and print one table."""

import sys

from bench import ceiling, committing, decoding, memory, paging, reading, streaming
from bench.table import heading

MODULES = (decoding, reading, committing, paging, streaming, ceiling, memory)
MEASUREMENTS = {module.__name__.split(".")[1]: module.run for module in MODULES}


def main() -> None:
    """Run them in order."""
    names = sys.argv[1:] or list(MEASUREMENTS)
    if unknown := [name for name in names if name not in MEASUREMENTS]:
        sys.exit(f"no such measurement: {', '.join(unknown)}; there are {', '.join(MEASUREMENTS)}")
    heading()
    for name in names:
        MEASUREMENTS[name]()


main()
