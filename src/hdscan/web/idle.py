"""Watches for silence with one timer: one for each send would cost an event stream more than the sending."""

import asyncio
from collections.abc import Callable


class IdleTimer:
    """Calls `wake` after so many seconds without `restart`, and again after as many more."""

    def __init__(self, seconds: float, wake: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._wake = wake
        self.restart()
        self._timer = self._loop.call_later(seconds, self._look)

    @property
    def expired(self) -> bool:
        return self._loop.time() - self._since >= self._seconds

    def restart(self) -> None:
        self._since = self._loop.time()

    def cancel(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        if self.expired:
            self._wake()
        left = self._since + self._seconds - self._loop.time()
        self._timer = self._loop.call_later(left if left > 0 else self._seconds, self._look)
