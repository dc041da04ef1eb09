"""The disk: an executor that runs the writer's calls one after the other in virtual time, and fails them as planned."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from random import Random
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from hdscan.model.errors import StoreError
from hdscan.store import Store
from tests.simulation.scenario import DiskPlan

COMMIT = -1


class Disk(Executor):
    """Outlives processes; `after` is called after every call that was made."""

    def __init__(self, loop: asyncio.AbstractEventLoop, plan: DiskPlan, dice: Random, after: Callable[[str], None]) -> None:
        self.dead = False  # the process that writes is
        self.failed = 0
        self.busy = 0.0  # seconds that calls took
        self.mended = False
        self._loop = loop
        self._plan = plan
        self._dice = dice
        self._after = after
        self._number = 0
        self._queue: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._working = False
        self._engine: Engine | None = None
        self._fails_at: int | None = None
        self._statements = 0

    def serve(self, store: Store) -> None:
        """Make a store's statements fail when they are to."""
        self._engine = store._database.engine
        event.listen(self._engine, "before_cursor_execute", self._statement)
        event.listen(self._engine, "commit", self._commit)

    def leave(self) -> None:
        """Look at no more statements."""
        if self._engine is not None:
            event.remove(self._engine, "before_cursor_execute", self._statement)
            event.remove(self._engine, "commit", self._commit)

    def begin(self) -> None:
        """A new process writes."""
        self.dead = False
        self._queue.clear()
        self._working = False
        self.failed = 0

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Queue a call."""
        future: Future[Any] = Future()
        self._queue.append((call, future))
        if not self._working:
            self._next()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Nothing is to be given back."""

    def _next(self) -> None:
        if not self._queue:
            self._working = False
            return
        self._working = True
        call, future = self._queue.popleft()
        slow = 0.0 if self.dead else self._plan.slow
        if slow and self._dice.random() < 0.3:
            self._loop.call_later(slow * self._dice.random(), self._run, call, future, slow * self._dice.random())
        else:
            self._run(call, future, 0.0)

    def _run(self, call: Callable[[], Any], future: Future[Any], rest: float) -> None:
        if not future.set_running_or_notify_cancel():
            self._next()
            return
        if self.dead:
            future.set_exception(StoreError("the process is gone"))
            self._next()
            return
        self._number += 1
        planned = (at for first, stop, at in self._plan.fails if first <= self._number < stop and not self.mended)
        self._fails_at, self._statements = next(planned, None), 0
        try:
            end = (future.set_result, call())
            told = "done"
        except BaseException as error:
            end = (future.set_exception, error)
            told = f"failed: {type(error).__name__}"
        self._fails_at = None
        self._after(f"disk {self._number} {told}")
        if rest:
            self._loop.call_later(rest, self._tell, *end)
        else:
            self._tell(*end)

    def _tell(self, tell: Callable[[Any], None], what: Any) -> None:
        tell(what)
        self._next()

    def _statement(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if self._fails_at is not None and self._fails_at != COMMIT:
            self._statements += 1
            if self._statements > self._fails_at:
                self._fail(statement)

    def _commit(self, _connection: Any) -> None:
        if self._fails_at == COMMIT:
            self._fail("COMMIT")

    def _fail(self, statement: str) -> None:
        self._fails_at = None
        self.failed += 1
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorname = "SQLITE_FULL"
        raise OperationalError(statement, None, error)
