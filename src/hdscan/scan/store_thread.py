"""The thread of a running scan's store calls: one after the other, retried where that may help."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import ParamSpec, TypeVar

import structlog

from hdscan.model.errors import StoreError

TRIES = 4
FIRST_WAIT = 0.5  # seconds, doubled

P = ParamSpec("P")
T = TypeVar("T")
_log = structlog.get_logger()


class StoreThread:
    """Makes store calls off the event loop, in order if the executor has one thread."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def __call__(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The call's result; a StoreError that may pass (disk full, locked) is raised only after a few tries."""
        loop, bound = asyncio.get_running_loop(), partial(call, *args, **kwargs)
        for attempt in range(1, TRIES):
            try:
                return await loop.run_in_executor(self._executor, bound)
            except StoreError as error:
                if not error.may_pass:
                    raise
                _log.warning("write_failed", error=str(error), attempt=attempt)
            await asyncio.sleep(FIRST_WAIT * 2 ** (attempt - 1))
        return await loop.run_in_executor(self._executor, bound)
