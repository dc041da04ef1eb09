"""Events to 50 followers, beside bare writes of the same frames to as many sockets; and what ten followers cost a scan."""

import asyncio
import itertools
import secrets
import selectors
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

import msgspec
import uvloop

from bench.table import row
from hdscan.app import ScanRequest, Wallet
from hdscan.app.demo import simulated_settings
from hdscan.model.errors import ChainCode
from hdscan.model.events import ScanError
from hdscan.sim.host import HostSpec
from hdscan.sim.process import Config, Simulation
from hdscan.sim.world import World
from hdscan.web.access import Access
from hdscan.web.api import make_app
from hdscan.web.guard import Guard
from hdscan.web.hub import Hub, frame
from hdscan.web.scans import Scans
from hdscan.web.server import Binding, bind, listening
from hdscan.web.state import CurrentState


class Size(msgspec.Struct, frozen=True):
    """How many events go to how many clients; how many addresses are scanned, in how many pairs, with how many dashboards."""

    clients: int
    events: int
    addresses: int
    pairs: int
    dashboards: int


WHOLE, TINY = Size(50, 1_000, 20_000, 5, 10), Size(5, 20, 200, 1, 2)
TOKEN = secrets.token_urlsafe(32)
EVENT = ScanError(
    "btc", ChainCode.UNAVAILABLE, "every provider of btc fails; the last one said: HTTP 503", "2026-11-23T10:00:00.000Z"
)


@asynccontextmanager
async def _followers(port: int, count: int, come: Callable[[], bool]) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that follows with so many sockets, from when all have come to when the server closes them."""
    command = (sys.executable, "-m", "bench.streaming", str(port), str(count), TOKEN)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    while not come():  # noqa: ASYNC110 nothing tells of it
        await asyncio.sleep(0.05)
    try:
        yield process
    finally:
        await process.wait()


async def _spent(
    events: int, publish: Callable[[], None], process: asyncio.subprocess.Process, end: Callable[[], None]
) -> float:
    """CPU seconds of one event after the other; every follower has to get all of them."""
    begin = process_time()
    for _ in range(events):
        publish()
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    spent = process_time() - begin
    end()
    out, _ = await process.communicate()
    assert int(out) == events, f"a follower got {int(out)}"
    return spent


@asynccontextmanager
async def _served(wallet: Wallet) -> AsyncIterator[tuple[int, Hub, Scans]]:
    with bind(Binding("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        hub = Hub(CurrentState([], [], wallet.providers()), secrets.token_hex(8))
        scans = Scans(wallet, hub, str)
        guard = Guard(make_app(wallet, hub, scans), Access(b"", TOKEN, port), port)
        async with listening(guard, listener):
            yield port, hub, scans
            hub.close()


async def _through_the_server(folder: Path, size: Size) -> float:
    settings = simulated_settings(World(seed=1, addresses=1), (), folder / "bench.db")
    with Wallet(settings) as wallet:
        async with (
            _served(wallet) as (port, hub, _),
            _followers(port, size.clients, lambda: len(hub.subscriptions) == size.clients) as it,
        ):
            return await _spent(size.events, lambda: hub.publish(EVENT), it, hub.close)


class _Bare(asyncio.Protocol):
    def __init__(self, asked: set[asyncio.Transport]) -> None:
        self._asked = asked

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._asked.add(self._transport)


async def _bare(_folder: Path, size: Size) -> float:
    asked = set[asyncio.Transport]()
    server = await asyncio.get_running_loop().create_server(lambda: _Bare(asked), "127.0.0.1", 0)
    seq = itertools.count(1)

    def publish() -> None:
        data = frame(EVENT, b"0123456789abcdef-%d" % next(seq))
        for transport in asked:
            transport.write(data)

    def end() -> None:
        for transport in asked:
            transport.close()

    port = server.sockets[0].getsockname()[1]
    async with server, _followers(port, size.clients, lambda: len(asked) == size.clients) as process:
        return await _spent(size.events, publish, process, end)


async def _scan(wallet: Wallet, followers: int) -> float:
    """CPU seconds of a scan with so many followers."""
    async with _served(wallet) as (port, hub, scans):
        async with _followers(port, followers, lambda: len(hub.subscriptions) == followers):
            begin = process_time()
            await scans.start(ScanRequest(restart=True))
            while hub.state.snapshot().running:  # noqa: ASYNC110 nothing tells of it
                await asyncio.sleep(0.05)
            spent = process_time() - begin
            hub.close()
        await scans.close()
    return spent


async def _scans(folder: Path, size: Size) -> list[tuple[float, float]]:
    """Without and with followers, in turn."""
    host = HostSpec(name="node", chain="bsc", protocols=("evm-multicall",), rate=1e5, burst=1e5, latency=0.0)
    async with Simulation(Config(addresses={"bsc": size.addresses}, hosts=(host,), keep_asks=False)) as sim:
        with Wallet(simulated_settings(sim.world, sim.endpoints, folder / "bench.db")) as wallet:
            await wallet.add(sim.world["bsc"].addresses(), chains=["bsc"])
            await _scan(wallet, 0)  # the first one fills what later ones replace
            return [(await _scan(wallet, 0), await _scan(wallet, size.dashboards)) for _ in range(size.pairs)]


def run(*, tiny: bool) -> None:
    """A row for the events and one for the scan; CPU of the server alone, for the followers are another process."""
    size = TINY if tiny else WHOLE
    with TemporaryDirectory() as name:
        bare, served = (
            min(uvloop.run(way(Path(name), size)) for _ in range(1 if tiny else 3)) for way in (_bare, _through_the_server)
        )
    row(
        f"{size.events:,} events to {size.clients} followers each",
        f"{size.events / served:,.0f} /s per core",
        f"{served / bare:.1f} times its CPU",
        f"bare writes; {1e6 * served / size.events / size.clients:.0f} µs an event and follower",
    )
    with TemporaryDirectory() as name:
        pairs = uvloop.run(_scans(Path(name), size))
    slower = [followed / alone - 1 for alone, followed in pairs]
    row(
        f"scan of {3 * size.addresses:,} readings, {size.dashboards} followers",
        f"{median(followed for _, followed in pairs):.2f} s of CPU",
        f"{median(slower):+.1%}",
        f"no follower; {size.pairs} pairs, {min(slower):+.1%} to {max(slower):+.1%}",
    )


def _follow(port: int, count: int, token: str) -> None:
    """Read all sockets to their end; print how many events the one got that got the fewest."""
    waiting = selectors.DefaultSelector()
    seen: dict[socket.socket, bytes] = {}
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port))
        ask = f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n"
        connection.sendall(ask.encode())
        waiting.register(connection, selectors.EVENT_READ)
        seen[connection] = b""
    while waiting.get_map():
        for key, _ in waiting.select():
            assert isinstance(key.fileobj, socket.socket)
            if data := key.fileobj.recv(1 << 16):
                seen[key.fileobj] += data
            else:
                waiting.unregister(key.fileobj)
    print(min((data.count(b"event: scan_error\n") for data in seen.values()), default=0))


if __name__ == "__main__":
    _follow(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
