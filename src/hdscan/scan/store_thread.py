"""The thread of a running scan's store calls: one after the other, retried where that may help."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

import structlog

from hdscan.model.errors import StoreError

TRIES = 4
FIRST_WAIT = 0.5  # seconds, doubled

T = TypeVar("T")
_log = structlog.get_logger()


class StoreThread:
    """Runs store calls in order, off the event loop; `executor` replaces the thread."""

    def __init__(self, executor: Executor | None = None) -> None:
        self._thread = executor or ThreadPoolExecutor(1, "hdscan-store")

    async def __call__(self, call: Callable[[], T]) -> T:
        """The call's result; a StoreError that may pass (disk full, locked) is raised only after a few tries."""
        loop = asyncio.get_running_loop()
        for attempt in range(TRIES):
            try:
                return await loop.run_in_executor(self._thread, call)
            except StoreError as error:
                if not error.may_pass or attempt == TRIES - 1:
                    raise
                _log.warning("write_failed", error=str(error), attempt=attempt + 1)
                await asyncio.sleep(FIRST_WAIT * 2**attempt)
        raise AssertionError("unreachable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._thread.shutdown(wait=True)
