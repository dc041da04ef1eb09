"""`make bench`: run the measurements named as arguments, or all, and print one table; with --tiny only to see that they run."""

import argparse
import gc
import logging

import structlog

from bench import (
    ceiling,
    committing,
    corroborating,
    decoding,
    discovery,
    forecasting,
    headline,
    memory,
    paging,
    passing,
    reading,
    starting,
    streaming,
    table,
)

MODULES = (
    *(headline, decoding, reading, passing, committing, paging, streaming),
    *(ceiling, corroborating, discovery, forecasting, memory, starting),
)
MEASUREMENTS = {module.__name__.split(".")[1]: module.run for module in MODULES}


def main() -> None:
    """Run them in order; each has to print a row."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *MEASUREMENTS], metavar="NAME", help=", ".join(MEASUREMENTS))
    parser.add_argument("--tiny", action="store_true", help="sizes so small that the figures mean nothing")
    given = parser.parse_args()
    gc.freeze()  # what is imported is no garbage to look through: neither for hdscan nor for its peers
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))  # faults are warned of
    table.heading()
    for name in given.names or MEASUREMENTS:
        before = table.printed()
        MEASUREMENTS[name](tiny=given.tiny)
        assert table.printed() > before, f"{name} measured nothing"


main()
