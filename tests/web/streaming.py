"""Clients of the event stream over plain sockets, and a server whose hub and deadlines are at hand."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from hdscan.app.demo import simulated_settings
from hdscan.app.wallet import Wallet
from hdscan.model.errors import ChainCode
from hdscan.model.events import ScanError, ScanProgress
from hdscan.model.scan import Status
from hdscan.sim.world import World
from hdscan.web.access import Access
from hdscan.web.api import make_app
from hdscan.web.guard import Guard, Timeouts
from hdscan.web.hub import Hub
from hdscan.web.scans import Scans
from hdscan.web.server import Binding, Server, bind, listening
from hdscan.web.state import CurrentState

TOKEN = "0123456789abcdef-token"
EPOCH = "0123456789abcdef"
NOW = "2026-11-23T10:00:00.000Z"
DEADLINE = 20.0  # seconds; what is waited for comes long before


class Frame(NamedTuple):
    """An event as it came; `data` is decoded."""

    event: str
    data: Any
    id: str | None = None
    retry: str | None = None


def parsed(text: str) -> Frame:
    """A frame's text, without the empty line that ends it, as the WHATWG's HTML standard reads it (section 9.2.6)."""
    fields = dict(line.split(": ", 1) for line in text.split("\n"))
    assert set(fields) <= {"id", "event", "data", "retry"}, fields
    return Frame(fields["event"], json.loads(fields["data"]), fields.get("id"), fields.get("retry"))


def frames(data: bytes) -> list[Frame]:
    """Whole frames."""
    assert data.endswith(b"\n\n") or not data
    return [parsed(text) for text in data.decode().split("\n\n")[:-1]]


class Stream:
    """One client's connection: the head of the answer, and frame after frame."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self._writer = reader, writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self._text = ""

    async def begin(self) -> None:
        """Read the head."""
        first, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        self.status = int(first.split(" ")[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}

    async def next(self) -> Frame | None:
        """The next frame; None at the end."""
        while "\n\n" not in self._text:
            size = int((await self.reader.readline()).strip() or b"0", 16)
            chunk = (await self.reader.readexactly(size + 2))[:size]
            if not chunk:
                return None
            self._text += chunk.decode()
        text, self._text = self._text.split("\n\n", 1)
        return parsed(text)

    async def until(self, *events: str) -> list[Frame]:
        """Every frame up to the first of these events."""
        found = []
        while frame := await self.next():
            found.append(frame)
            if frame.event in events:
                return found
        raise AssertionError(f"it ended without {events}: {found}")

    def close(self) -> None:
        """Go."""
        self._writer.transport.abort()


def request(port: int, *headers: str, query: str = "") -> bytes:
    lines = [f"GET /api/v1/events{query} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {TOKEN}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def follow(port: int, *headers: str, query: str = "") -> Stream:
    """Connect, with further header lines."""
    stream = Stream(*await asyncio.open_connection("127.0.0.1", port))
    stream._writer.write(request(port, *headers, query=query))
    await stream.begin()
    return stream


def stalled(port: int) -> socket.socket:
    """A client that asks for the events and reads nothing, with as little room as the system grants."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    client.sendall(request(port))
    return client


async def met(condition: Callable[[], object]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 many things are waited for, few of which would set an event
            await asyncio.sleep(0.005)


class Served(NamedTuple):
    """A server under way."""

    wallet: Wallet
    hub: Hub
    scans: Scans
    server: Server
    port: int

    async def follow(self, *headers: str, query: str = "") -> Stream:
        return await follow(self.port, *headers, query=query)

    def end(self) -> None:
        """What `serve` does first when it ends."""
        self.hub.close()
        self.server.should_exit = True

    @property
    def idle(self) -> bool:
        """Whether nothing is held for any client."""
        return not (self.hub.subscriptions or self.server.server_state.connections or self.server.server_state.tasks)


@asynccontextmanager
async def served(wallet: Wallet, ping_after: float = 15.0, send_seconds: float = 10.0) -> AsyncIterator[Served]:
    """A wallet's server, with deadlines in seconds."""
    with bind(Binding("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        chains, errors = wallet.state()
        hub = Hub(CurrentState(chains, errors, wallet.providers()), EPOCH)
        scans = Scans(wallet, hub, lambda: NOW)
        app = make_app(wallet, hub, scans, ping_after)
        guard = Guard(app, Access(b"secret", TOKEN, port), port, timeouts=Timeouts(answer=send_seconds))
        async with listening(guard, listener) as server:
            yield Served(wallet, hub, scans, server, port)
            hub.close()
            await scans.close()


@asynccontextmanager
async def empty(path: Path, **deadlines: float) -> AsyncIterator[Served]:
    """The server of a wallet without anything in it."""
    settings = simulated_settings(World(seed=1, addresses=1), (), path / "wallet.db")
    with Wallet(settings) as wallet:
        async with served(wallet, **deadlines) as server:
            yield server


def said(number: int = 0, size: int = 0) -> ScanError:
    """An event that is never coalesced."""
    return ScanError("btc", ChainCode.UNAVAILABLE, f"{number} " + "x" * size, NOW)


def progress(chain: str = "btc", read: int = 0, scan_id: int = 1, status: Status = Status.RUNNING) -> ScanProgress:
    return ScanProgress(
        chain=chain,
        scan_id=scan_id,
        status=status,
        addresses=100,
        readings=100,
        read=read,
        unread=0,
        funded=0,
        rate=1.5,
        eta=None,
        seconds=1.0,
        requests=read,
    )
