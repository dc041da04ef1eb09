"""Single questions to providers beside scans: each in its limiter's turn, and what is learned of the limits is kept."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from hdscan.model.errors import CallError, ReadCode
from hdscan.pool.retry_after import retry_after
from hdscan.pool.upstream import Upstream
from hdscan.scan.fleet import Fleet
from hdscan.settings import Settings
from hdscan.store import Store

PATIENCE = 10.0  # seconds: for a limiter's turn, and for a reply

T = TypeVar("T")
Clock = Callable[[], float]


async def ask(upstream: Upstream, cost: int, clock: Clock, question: Callable[[], Awaitable[T]]) -> T:
    """Put one question of this cost; CallError, with UNAVAILABLE where the limiter's turn is further away than PATIENCE."""
    began = clock()
    wait = upstream.limiter.ready_at(cost, began) - began
    if wait > PATIENCE:
        raise CallError(ReadCode.UNAVAILABLE, f"its limits allow no call for {wait:.0f} s")
    await asyncio.sleep(max(0.0, wait))
    upstream.limiter.take(cost, clock())
    try:
        return await question()
    except CallError as error:
        if error.fault in (ReadCode.THROTTLED, ReadCode.QUOTA):
            pause = retry_after(error.retry_after, error.date, clock())
            upstream.limiter.throttled(clock(), pause, quota=error.fault is ReadCode.QUOTA)
        raise


def database_file(url: str) -> Path | None:
    """The file of a SQLite URL, else None."""
    return Path(url.removeprefix("sqlite:///")).expanduser() if url.startswith("sqlite:///") else None


@contextmanager
def alone(settings: Settings, fleet: Fleet, command: str, clock: Clock) -> Iterator[None]:
    """Go on with the limits that scans have learned, and keep what is learned here; LockedError while one is running."""
    path = database_file(settings.db)
    if path is not None and not path.exists():
        yield
        return
    store = Store.open(settings.db, settings.network, create=False)
    try:
        with store.writer_lock(command):
            fleet.restore(store.runtime.load(), clock())
            try:
                yield
            finally:
                store.runtime.save(fleet.memory())
    finally:
        store.close()
