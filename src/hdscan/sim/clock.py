"""The clocks of simulated hosts; tests replace the machine's."""

import time


class Clock:
    """The machine's clocks."""

    def ticks(self) -> float:
        """Monotonic seconds, as the event loop's timers."""
        return time.monotonic()

    def wall(self) -> float:
        """Unix seconds."""
        return time.time()


MACHINE = Clock()
