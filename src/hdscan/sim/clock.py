"""The clocks by which simulated hosts live; another may stand in for the machine's."""

import time


class Clock:
    """The machine's clocks."""

    def ticks(self) -> float:
        """Monotonic seconds, as of the running event loop's timers."""
        return time.monotonic()

    def wall(self) -> float:
        """Unix seconds."""
        return time.time()


MACHINE = Clock()
