"""Puts a scan together: the network, the providers and the engine."""

import os
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hdscan.app.clock import steady_clock
from hdscan.app.fleet import make_fleet, policy
from hdscan.provider.transport import AioTransport
from hdscan.scan.engine import Engine, EngineSettings
from hdscan.settings import Settings
from hdscan.store import Store


@asynccontextmanager
async def engine(settings: Settings, store: Store) -> AsyncIterator[Engine]:
    """An engine for one scan, with open connections until it is left."""
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
            ),
            clock=clock,
            jitter=random.random,
        )
