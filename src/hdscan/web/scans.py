"""Runs scans, one at a time, whatever clients do, and publishes their events."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from hdscan.app import ScanRequest, Wallet
from hdscan.model.errors import ChainCode, HdscanError, ScanRefused
from hdscan.model.events import ScanComplete, ScanError, ScanState
from hdscan.model.recast import recast
from hdscan.model.scan import Status
from hdscan.web.hub import Hub
from hdscan.web.problem import Problem

_log = structlog.get_logger()


class Scans:
    """The running scan, if any; `now` gives the time as RFC 3339."""

    def __init__(self, wallet: Wallet, hub: Hub, now: Callable[[], str]) -> None:
        self._wallet = wallet
        self._hub = hub
        self._now = now
        self._task: asyncio.Task[None] | None = None
        self._beginning = asyncio.Lock()
        self._scan_id: int | None = None
        self._closing = False

    @property
    def scan_id(self) -> int | None:
        return self._scan_id if self._wallet.scanning else None

    async def start(self, request: ScanRequest) -> int:
        """Begin a scan; its id. Problem (409) while one is running, ScanRefused or StoreError where it cannot begin."""
        async with self._beginning:
            if self._closing:
                raise ScanRefused("the server is ending; begin the scan when it runs again")
            if self.scan_id is not None:
                raise Problem(409, f"scan {self.scan_id} is running", code="running", detail={"scan_id": self.scan_id})
            if self._task is not None:
                await self._task  # its chains have ended; the task is about to
            self._scan_id = None
            began: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._run(request, began))
            return await asyncio.shield(began)

    def stop(self, chains: Sequence[str]) -> int:
        """End the running scan, or these chains of it; its id. Problem (409) where none of them is being scanned."""
        scan_id = self.scan_id
        if scan_id is None or not (self._wallet.scanning & set(chains or self._wallet.scanning)):
            raise Problem(409, "none of these chains is being scanned", code="not_running")
        self._wallet.stop(chains)
        return scan_id

    async def close(self) -> None:
        """Stop the running scan and wait until what it has read is committed."""
        self._closing = True
        self._wallet.stop()
        async with self._beginning:
            if self._task is not None:
                self._wallet.stop()
                await self._task

    async def _run(self, request: ScanRequest, began: asyncio.Future[int]) -> None:
        try:
            async for event in self._wallet.scan(request):
                if isinstance(event, ScanState):
                    assert event.scan_id is not None
                    self._scan_id = event.scan_id
                    for each in self._hub.state.beginning(event):
                        self._hub.publish(each)
                    began.set_result(event.scan_id)
                    if self._closing:
                        self._wallet.stop()  # `close` came before there was anything to stop
                else:
                    self._hub.publish(event)
        except Exception as error:
            expected = isinstance(error, HdscanError)
            if not expected:
                _log.error("scan_ended", defect=type(error).__name__)
            if began.done():
                self._publish_failure(str(error if expected else Problem.of(error)))
            else:
                began.set_exception(error)

    def _publish_failure(self, text: str) -> None:
        for each in self._hub.state.chains.values():
            if each.status is Status.RUNNING:
                self._hub.publish(recast(each, ScanComplete, status=Status.FAILED, error=text, rate=0.0, eta=None))
                self._hub.publish(ScanError(each.chain, ChainCode.FAILED, text, self._now()))
