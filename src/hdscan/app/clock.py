"""The time that a scan goes by."""

import time
from collections.abc import Callable
from functools import partial


def steady_clock() -> Callable[[], float]:
    """Unix seconds that never jump while this process lives, whatever is done to the machine's clock.

    Time that the machine sleeps through passes too, where the system can tell (Linux).
    """
    boottime: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    ticks = time.monotonic if boottime is None else partial(time.clock_gettime, boottime)
    offset = time.time() - ticks()
    return lambda: ticks() + offset
