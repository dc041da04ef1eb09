"""Runs a scan to its end: events go to the display, signals to the wallet."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from hdscan.app import ScanRequest, Wallet
from hdscan.cli.call import INTERRUPTED, SIGNALS
from hdscan.cli.display import Display
from hdscan.model.events import Event, ScanState
from hdscan.model.scan import ScanResult

try:
    from uvloop import run
except ImportError:  # it has no wheel for Windows
    from asyncio import run  # type: ignore[assignment]  # called alike, but for options that nothing here gives

__all__ = ["Interrupt", "follow", "run"]


class Interrupt:
    """Takes SIGINT and SIGTERM while it is entered: the first ends the scan in order, the second ends the process at once."""

    def __init__(self, wallet: Wallet, display: Display) -> None:
        self._wallet = wallet
        self._display = display
        self.heard = asyncio.Event()
        self.scanning = False

    @property
    def asked(self) -> bool:
        return self.heard.is_set()

    async def __aenter__(self) -> Self:
        for number in SIGNALS:
            try:
                asyncio.get_running_loop().add_signal_handler(number, self._heard)
            except NotImplementedError:  # Windows: Ctrl-C arrives in the main thread
                signal.signal(number, lambda *_: self._heard())
        return self

    async def __aexit__(self, *_: object) -> None:
        for number in SIGNALS:
            try:
                asyncio.get_running_loop().remove_signal_handler(number)
            except NotImplementedError:  # Windows, as above
                signal.signal(number, signal.SIG_DFL)

    def _heard(self) -> None:
        if self.asked:
            self._display.__exit__(None, None, None)  # gives the terminal its cursor back
            os._exit(INTERRUPTED)
        self.heard.set()
        if self.scanning:
            self._display.note("stopping: what has been read is being committed (once more to end at once)")
        self._wallet.stop()

    async def wait(self, seconds: float) -> None:
        """Wait, but not longer than until a signal comes."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.heard.wait(), seconds)


async def follow(
    wallet: Wallet,
    request: ScanRequest | None,
    display: Display,
    interrupt: Interrupt,
    on_event: Callable[[Event], None] | None = None,
) -> ScanResult:
    """Scan to the end and give the result; every event goes to the display, and to `on_event`.

    Where `on_event` raises, the scan is stopped in order before the error goes on.
    """
    ticker = asyncio.create_task(_tick(display))
    failure: Exception | None = None
    interrupt.scanning = True
    try:
        async for event in wallet.scan(request):
            display.take(event)
            if isinstance(event, ScanState) and interrupt.asked:
                wallet.stop()  # the signal came before there was anything to stop
            if on_event is not None and failure is None:
                try:
                    on_event(event)
                except Exception as error:
                    failure = error
                    wallet.stop()
    finally:
        interrupt.scanning = False
        ticker.cancel()
        await asyncio.gather(ticker, return_exceptions=True)
    if failure is not None:
        raise failure
    assert wallet.result is not None
    return wallet.result


async def _tick(display: Display) -> None:
    while True:
        await asyncio.sleep(display.every)
        display.tick()
