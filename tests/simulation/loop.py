"""An event loop whose time moves only when nothing can run, and whose order within an instant is drawn by a seed."""

import asyncio
import heapq
from collections.abc import Callable
from random import Random

MOST_STEPS = 20_000  # callbacks in one instant of time: more is a loop that spins


class Stuck(Exception):
    """Nothing can ever happen any more, or no end of things happens in one instant."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Callbacks of an instant run in an order drawn by `dice` (None: as they came); `lateness` is by how much timers are late.

    `before_step` is called before every callback with their number so far; what it raises comes out of `run_until_complete`.
    """

    def __init__(self, dice: Random | None, lateness: Callable[[], float] = lambda: 0.0) -> None:
        super().__init__()
        self.steps = 0
        self.before_step: Callable[[int], None] = lambda steps: None
        self._dice = dice
        self._lateness = lateness
        self._now = 0.0
        self._instant = 0

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def _run_once(self) -> None:
        timers = self._scheduled
        while timers and timers[0]._cancelled:
            heapq.heappop(timers)._scheduled = False
        if not self._ready:
            if not timers:
                raise Stuck("everybody waits, and nothing can ever happen")
            if timers[0]._when > self._now:
                self._now = timers[0]._when + self._lateness()
                self._instant = 0
        while timers and timers[0]._when <= self._now:
            timer = heapq.heappop(timers)
            timer._scheduled = False
            if not timer._cancelled:
                self._ready.append(timer)
        batch = list(self._ready)
        self._ready.clear()
        if self._dice is not None and len(batch) > 1:
            self._dice.shuffle(batch)
        try:
            while batch:
                self.steps += 1
                self._instant += 1
                if self._instant > MOST_STEPS:
                    raise Stuck(f"{MOST_STEPS} callbacks ran at {self._now:.3f} s, and time did not move")
                self.before_step(self.steps)
                handle = batch.pop(0)
                if not handle._cancelled:
                    handle._run()
        finally:
            self._ready.extendleft(reversed(batch))

    def _process_events(self, event_list: object) -> None:
        pass

    def _write_to_self(self) -> None:
        pass
