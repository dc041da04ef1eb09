"""Shows the progress of an import or derivation on stderr: a bar on a terminal, a line every 30 s elsewhere."""

import os
import signal
import sys
import time
from types import FrameType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hdscan.cli.call import INTERRUPTED, SIGNALS

LINE_EVERY = 30.0  # seconds between plain lines


class Meter:
    """Shows the progress of another thread; while it is entered, a signal ends the process at once.

    That is safe: the database commits whole transactions, and a repeated import adds nothing twice.
    """

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, transient=True) if console.is_terminal else None
        self._told = time.monotonic()
        self._what = ""
        self._before = {number: signal.getsignal(number) for number in SIGNALS}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            signal.signal(number, self._end)
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def say(self, what: str, done: int, total: int | None = None) -> None:
        """Report that `done` of `total` is done."""
        if self._bar is not None:
            if what != self._what:
                for task in self._bar.task_ids:
                    self._bar.remove_task(task)
                self._bar.add_task(what, total=total)
                self._what = what
            self._bar.update(self._bar.task_ids[0], completed=done, total=total)
        elif time.monotonic() - self._told >= LINE_EVERY:
            self._told = time.monotonic()
            print(f"{what}: {done:,}" + (f" of {total:,}" if total else ""), file=sys.stderr, flush=True)

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
        os.write(2, b"hdscan: interrupted; run the same command again, nothing is added twice\n")
        os._exit(INTERRUPTED)
