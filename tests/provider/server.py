"""A tiny HTTP server over a raw socket: each test says what bytes come back, and reads what was asked."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from hdscan.model.chain import Chain, Family, Network
from hdscan.model.endpoint import Cost, Endpoint
from hdscan.provider.build import build
from hdscan.provider.remote import Remote
from hdscan.provider.transport import AioTransport

BTC_GENESIS = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
SOL_GENESIS = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"
BTC = Chain("btc", Family.BITCOIN, Network.MAINNET, "BTC", 8, BTC_GENESIS, 1)
BSC = Chain("bsc", Family.EVM, Network.MAINNET, "BNB", 18, "56", 20)
TRON = Chain("tron", Family.TRON, Network.MAINNET, "TRX", 6, "728126428", 20)
SOLANA = Chain("sol", Family.SOLANA, Network.MAINNET, "SOL", 9, SOL_GENESIS, 150)
CHAINS = {
    "esplora": BTC,
    "blockchair": BTC,
    "blockchain-info": BTC,
    "bitcoind": BTC,
    "electrum": BTC,
    "etherscan": BSC,
    "evm-rpc": BSC,
    "evm-multicall": BSC,
    "solana-rpc": SOLANA,
    "solana-tokens": SOLANA,
    "tron-rpc": TRON,
}
NOW = 1_763_900_000.0
HANG = b"hang"
RESET = b"reset"


class Asked(msgspec.Struct, frozen=True):
    """A request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """Answers with what `handler` makes of a request: a whole reply, none to hang up, HANG or RESET; keeps what was asked."""

    def __init__(self, handler: Callable[[Asked], bytes]) -> None:
        self.handler = handler
        self.asked: list[Asked] = []
        self.url = ""
        self.talks: set[asyncio.Task[None] | None] = set()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.talks.add(asyncio.current_task())
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                method, target, _ = head[0].split(" ")
                self.asked.append(Asked(method, target, headers, body))
                reply = self.handler(self.asked[-1])
                if reply == HANG:
                    await reader.read()
                    break
                if reply == RESET:
                    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    break
                writer.write(reply)
                await writer.drain()
                if not reply or b"connection: close" in reply[:500].lower():
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(
    handler: Callable[[Asked], bytes], tls: ssl.SSLContext | None = None, address: str = "127.0.0.1"
) -> AsyncIterator[Server]:
    """A server on a free port of this machine, at one of its addresses."""
    server = Server(handler)
    listener = await asyncio.start_server(server.talk, address, 0, ssl=tls)
    host = f"[{address}]" if ":" in address else address
    server.url = f"{'https' if tls else 'http'}://{host}:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        await asyncio.gather(*(task for task in server.talks if task), return_exceptions=True)
        await listener.wait_closed()


def http(body: object, status: int = 200, **headers: str) -> bytes:
    """A whole reply with a text, bytes, or a value as JSON; header names with _ for -."""
    if not isinstance(body, bytes):
        body = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    lines = {"Content-Length": str(len(body))} | {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Any\r\n{head}\r\n".encode() + body


def endpoint(protocol: str, url: str, rate: float = 10.0, batch: int | None = None, cost: Cost = Cost.CALL) -> Endpoint:
    """A row called `host`."""
    return Endpoint("host", CHAINS[protocol].id, (protocol,), url, rate, batch=batch, cost=cost)


def provider(row: Endpoint, transport: AioTransport, chain: Chain | None = None) -> Remote:
    """The only provider of a row; its clock stands still."""
    (made,) = build(row, chain or CHAINS[row.protocols[0]], transport, lambda: NOW)
    return made


def conversation(
    protocol: str,
    handler: Callable[[Asked], bytes],
    talk: Callable[[Remote], Any],
    suffix: str = "",
    chain: Chain | None = None,
    **row: Any,
) -> tuple[Any, list[Asked]]:
    """Let a provider talk to a server: what `talk` of it returns (or raises), and what was asked."""

    async def run() -> tuple[Any, list[Asked]]:
        async with serving(handler) as server, AioTransport(2.0) as transport:
            answer = await talk(provider(endpoint(protocol, server.url + suffix, **row), transport, chain))
            return answer, server.asked

    return asyncio.run(run())
