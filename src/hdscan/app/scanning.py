"""Puts a scan together: the clock, the network, the providers and the engine."""

import os
import random
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from hdscan.app.fleet import check_canaries, make_fleet, policy
from hdscan.keys.derive import derive
from hdscan.provider.transport import AioTransport
from hdscan.scan.engine import Engine, EngineSettings
from hdscan.settings import Settings
from hdscan.store import Store


def steady_clock() -> Callable[[], float]:
    """Unix seconds that never jump while this process lives, whatever is done to the machine's clock.

    Time that the machine sleeps through passes too, where the system can tell (Linux).
    """
    boottime: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    ticks = time.monotonic if boottime is None else partial(time.clock_gettime, boottime)
    offset = time.time() - ticks()
    return lambda: ticks() + offset


@asynccontextmanager
async def engine(settings: Settings, store: Store) -> AsyncIterator[Engine]:
    """An engine for one scan, with open connections until it is left."""
    check_canaries(settings)
    clock = steady_clock()
    async with AioTransport(settings.scan.request_timeout) as transport:
        yield Engine(
            store,
            make_fleet(settings, transport, clock),
            settings.chains,
            settings.assets,
            EngineSettings(
                policy(settings),
                settings.scan.chunk,
                settings.scan.final_passes,
                worker=f"{socket.gethostname()}:{os.getpid()}",
                audit=settings.scan.audit,
            ),
            clock=clock,
            jitter=random.random,
            derive=lambda chain, source, start, count: derive(settings.chains[chain], source, start, count),
        )
