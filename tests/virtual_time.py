"""An event loop over real sockets and threads whose time stands still while anything happens, and skips ahead where all wait.

Clients and servers have to be in this process. The machine's clocks go along for as long as the loop runs.
"""

import asyncio
import fcntl
import selectors
import struct
import termios
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any
from unittest import mock

SETTLE = 0.001  # real seconds for the kernel to deliver what was sent
SOON = 0.01  # virtual seconds without I/O after which it is given them first, and again whenever they have doubled
LONG = 0.5  # virtual seconds without I/O after which what was sent and has not arrived is waited for once
PROBE = 0.3  # real seconds in which the kernel asks a receiver that was full for its window again (RFC 9293, 3.8.6.1)


class _SkippingSelector(selectors.DefaultSelector):
    """Returns what is ready; where nothing is, and no thread works for the loop, time moves by the timeout instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = time.monotonic()
        self.working = 0
        self._heard = self.now
        self._settle_at = SOON

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if timeout == 0:
            return ready
        if not ready and (self.working or timeout is None):
            ready = super().select(None)
        while not ready and timeout is not None and self.now + timeout - self._heard > self._settle_at:
            owed = self._settle_at >= LONG > self._settle_at / 2 and any(map(_unsent, self.get_map()))
            ready = super().select(PROBE if owed else SETTLE)
            self._settle_at *= 2
        if ready:
            self._heard, self._settle_at = self.now, SOON
        elif timeout is not None:
            self.now += timeout
        return ready


def _unsent(file: int) -> bool:
    """Whether the kernel still holds bytes of this socket that its peer has not taken."""
    try:
        return struct.unpack("i", fcntl.ioctl(file, termios.TIOCOUTQ, bytes(4)))[0] > 0
    except OSError:  # no socket
        return False


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop whose time is virtual."""

    def __init__(self) -> None:
        self._skipping = _SkippingSelector()
        super().__init__(self._skipping)

    def time(self) -> float:
        """Virtual seconds since the machine began."""
        return self._skipping.now

    def run_in_executor(self, executor: Executor | None, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """As any loop; time does not skip until it is done."""
        future = super().run_in_executor(executor, func, *args)
        self._skipping.working += 1
        future.add_done_callback(self._done)
        return future

    def _done(self, _future: asyncio.Future[Any]) -> None:
        self._skipping.working -= 1


@contextmanager
def _clocks_of(loop: VirtualTimeLoop) -> Iterator[None]:
    """Let the machine's clocks go with the loop's."""
    offset = time.time() - loop.time()
    with mock.patch.multiple(
        time, monotonic=loop.time, clock_gettime=lambda _clock: loop.time(), time=lambda: loop.time() + offset
    ):
        yield


def run(main: Coroutine[Any, Any, None]) -> None:
    """As asyncio.run, in virtual time."""
    loop = VirtualTimeLoop()
    with _clocks_of(loop), asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main)
