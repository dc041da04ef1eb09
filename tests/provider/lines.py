"""A tiny server of lines over raw sockets, TCP or TLS: each test says what comes back, and reads what was asked."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from hdscan.model.endpoint import Cost, Endpoint
from hdscan.provider.canaries import Canaries
from hdscan.provider.electrum import Electrum
from hdscan.provider.remote import Link
from hdscan.provider.transport import AioTransport
from tests.provider.server import BTC, NOW

HANG_UP = b"hang up"

Answer = Callable[[Any], list[bytes]]


def line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


def results(asked: Any, result: object) -> bytes:
    """The same result for every request of a message, as a line."""
    if isinstance(asked, dict):
        return line({"jsonrpc": "2.0", "id": asked["id"], "result": result})
    return line([{"jsonrpc": "2.0", "id": each["id"], "result": result} for each in asked])


class LineServer:
    """Greets by itself, then sends what `answer` makes of a message: bytes as they are, HANG_UP; keeps what was asked."""

    def __init__(self, answer: Answer, version: object) -> None:
        self.answer = answer
        self.version = version
        self.url = ""
        self.asked: list[Any] = []
        self.clients: list[asyncio.StreamWriter] = []
        self.talks: set[asyncio.Task[None] | None] = set()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.talks.add(asyncio.current_task())
        self.clients.append(writer)
        try:
            while message := await reader.readline():
                asked = json.loads(message)
                if isinstance(asked, dict) and asked["method"] == "server.version":
                    answers = [results(asked, self.version)]
                else:
                    self.asked.append(asked)
                    answers = self.answer(asked)
                for each in answers:
                    if each == HANG_UP:
                        return
                    writer.write(each)
                await writer.drain()
        except (ConnectionError, ValueError):  # ValueError: what is no JSON, e.g. the beginning of TLS
            pass
        finally:
            writer.close()

    def tell(self, value: object, client: int = -1) -> None:
        """Send a line that nobody asked for, or later than asked."""
        self.clients[client].write(value if isinstance(value, bytes) else line(value))


@asynccontextmanager
async def serving_lines(
    answer: Answer, tls: ssl.SSLContext | None = None, version: object = ("any", "1.4"), address: str = "127.0.0.1"
) -> AsyncIterator[LineServer]:
    """A server on a free port of this machine, at one of its addresses."""
    server = LineServer(answer, version)
    listener = await asyncio.start_server(server.talk, address, 0, ssl=tls)
    host = f"[{address}]" if ":" in address else address
    server.url = f"{'ssl' if tls else 'tcp'}://{host}:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        for client in server.clients:
            client.close()
        await asyncio.gather(*(task for task in server.talks if task), return_exceptions=True)
        await listener.wait_closed()


def electrum(
    url: str,
    transport: AioTransport,
    tls: str = "system",
    *,
    rate: float = 10.0,
    cost: Cost = Cost.CALL,
    clock: Callable[[], float] = lambda: NOW,
    **more: Any,
) -> Electrum:
    """A provider whose clock stands still."""
    row = Endpoint("host", "btc", ("electrum",), url, rate, cost=cost, tls=tls, **more)
    return Electrum(Link("electrum", row, BTC, transport, clock, Canaries(BTC)))
