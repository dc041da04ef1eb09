"""Readings through pool and provider against the simulator, beside the same requests sent bare by the HTTP client."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time

import aiohttp
import uvloop
from yarl import URL

from bench.table import row
from hdscan.app.demo import simulated_settings
from hdscan.app.fleet import make_fleet
from hdscan.app.scanning import steady_clock
from hdscan.chains import family_of
from hdscan.model.chain import Asset, Chain
from hdscan.model.endpoint import Endpoint
from hdscan.model.reading import Balance, Reading
from hdscan.pool.actions import Actions
from hdscan.pool.chain_pool import ChainPool
from hdscan.pool.driver import Driver
from hdscan.pool.policy import Policy
from hdscan.pool.upstream import Upstream
from hdscan.provider.transport import PER_HOST, AioTransport
from hdscan.sim.host import HostSpec
from hdscan.sim.process import Config, Simulation
from hdscan.wire.http import Request, Response

CASES = (  # addresses; every asset of the chain is read
    ("esplora", "btc", 3_000),
    ("etherscan", "bsc", 1_000),
    ("evm-rpc", "bsc", 5_000),
    ("evm-multicall", "bsc", 20_000),
    ("solana-rpc", "sol", 5_000),
)
FASTEST = 100_000.0  # a rate that never limits
IN_FLIGHT = 32
TINY = 50  # times fewer addresses


class Recorder(AioTransport):
    """The real transport, which keeps what was sent, so that it can be sent again bare."""

    def __init__(self) -> None:
        super().__init__(60.0)
        self.sent: list[tuple[Endpoint, Request]] = []

    async def send(self, endpoint: Endpoint, request: Request, sent: Callable[[], None] | None = None) -> Response:
        """As AioTransport."""
        self.sent.append((endpoint, request))
        return await super().send(endpoint, request, sent)


async def _pooled(chain: Chain, upstreams: Sequence[Upstream], work: list[Reading]) -> float:
    """CPU seconds of reading `work`."""
    ended = asyncio.Event()
    left = len(work)

    def deliver(step: Actions) -> None:
        nonlocal left
        assert all(isinstance(result.outcome, Balance) for _, result in step.ended)
        left -= len(step.ended)
        if left == 0:
            ended.set()

    pool = ChainPool(chain, family_of(chain).finality, upstreams, Policy(), jitter=lambda: 0.0)
    driver = Driver(pool, steady_clock(), deliver)
    task = asyncio.create_task(driver.run())
    cpu = process_time()
    driver.submit(0, work)
    await ended.wait()
    spent = process_time() - cpu
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return spent


async def _bare(requests: list[tuple[Endpoint, Request]]) -> float:
    """CPU seconds of sending the same requests by aiohttp's session and reading the replies' bytes."""
    todo = iter([(str(URL(row.url + each.path).update_query(each.query)), each) for row, each in requests])
    json = {"Content-Type": "application/json"}

    async def worker(session: aiohttp.ClientSession) -> None:
        for url, each in todo:
            async with session.request(each.method, url, data=each.body, headers=json if each.body else None) as reply:
                assert await reply.read()
                assert reply.status == 200

    connector = aiohttp.TCPConnector(limit=0, limit_per_host=PER_HOST)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        cpu = process_time()
        await asyncio.gather(*(worker(session) for _ in range(IN_FLIGHT)))
        return process_time() - cpu


async def _measure(protocol: str, chain: str, addresses: int) -> None:
    host = HostSpec(name="host", chain=chain, protocols=(protocol,), rate=FASTEST, burst=FASTEST, latency=0.0)
    async with Simulation(Config(addresses={chain: addresses}, hosts=(host,), keep_asks=False)) as sim, Recorder() as transport:
        settings = simulated_settings(sim.world, sim.endpoints, Path("unused.db"))
        assets: Sequence[Asset] = settings.assets[chain]
        texts = list(sim.world[chain].addresses())
        work = [Reading(index, text, asset) for index, text in enumerate(texts) for asset in assets]
        cpu = await _pooled(settings.chains[chain], make_fleet(settings, transport, steady_clock()).upstreams[chain], work)
        requests = transport.sent
        bare = await _bare(requests)
    row(
        f"{protocol}: {len(work):,} readings, {len(requests):,} calls",
        f"{len(work) / cpu:,.0f} /s per core",
        f"{cpu / bare:.2f} times its CPU",
        f"bare HTTP client; {1e6 * cpu / len(work):.0f} µs a reading",
    )


def run(*, tiny: bool) -> None:
    """A row per protocol: readings per second of the client's CPU, and what of it the bare HTTP client would need."""
    for protocol, chain, addresses in CASES:
        uvloop.run(_measure(protocol, chain, addresses // TINY if tiny else addresses))
