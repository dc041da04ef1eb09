"""Checks everything that a scan needs, and says how to fix each problem."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

from hdscan.app.asking import database_file
from hdscan.app.doctor.clock import clock_offline
from hdscan.app.doctor.files import database_state, permissions
from hdscan.app.doctor.finding import Checkup, Finding, Level, checkup
from hdscan.app.doctor.network import network
from hdscan.app.doctor.providers import Providers
from hdscan.app.scanning import steady_clock
from hdscan.model.errors import StoreError
from hdscan.settings import Settings
from hdscan.store import Store

__all__ = ["Checkup", "Finding", "Level", "checkup", "examine"]

RESTORE = "restore the file from a copy, or name another database with --db and import again"


async def examine(settings: Settings, *, offline: bool = False) -> AsyncIterator[Finding]:
    """Yield findings from all checks, within bounded time; `offline` makes no network call."""
    clock = steady_clock()
    path = database_file(settings.db)
    store = None
    try:
        if path is None or path.exists():
            store = Store.open(settings.db, settings.network, create=False)
        for finding in database_state(store, path):
            yield finding
    except StoreError as error:
        yield Finding("database", Level.FAIL, str(error), RESTORE)
    try:
        for finding in permissions(path, [Path(file) for file in settings.files]):
            yield finding
        for finding in network(settings.endpoints, os.environ):
            yield finding
        if offline:
            yield clock_offline(path.stat().st_mtime if path is not None and path.exists() else 0.0, clock())
        async for finding in Providers(settings, store, clock).examine(offline=offline):
            yield finding
    finally:
        if store is not None:
            store.close()
