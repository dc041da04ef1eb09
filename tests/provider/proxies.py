"""Proxies over raw sockets, SOCKS5 (RFC 1928, 1929) and HTTP CONNECT, which know some names and keep what was asked of them."""

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from ipaddress import ip_address

GRANTED, NOT_ALLOWED, HOST_UNREACHABLE, REFUSED, TTL_EXPIRED = 0, 2, 4, 5, 6


class ProxyServer:
    """Connects to the ports of this machine that `names` gives; `login` is the user and password that it wants."""

    def __init__(self, names: Mapping[str, int], login: tuple[str, str] | None) -> None:
        self.names = names
        self.login = login
        self.says: bytes | None = None  # in place of its protocol
        self.refuses = GRANTED  # a code of RFC 1928, or a status of HTTP
        self.asked: list[tuple[str, int]] = []
        self.port = 0
        self.talks: set[asyncio.Task[None] | None] = set()

    async def socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int] | None:
        version, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        assert version == 5
        method = 2 if self.login else 0
        writer.write(bytes([5, method if method in methods else 0xFF]))
        if method not in methods:
            return None
        if self.login:
            assert await reader.readexactly(1) == b"\x01"
            login = [(await reader.readexactly((await reader.readexactly(1))[0])).decode() for _ in range(2)]
            writer.write(bytes([1, tuple(login) != self.login]))
            if tuple(login) != self.login:
                return None
        assert await reader.readexactly(3) == b"\x05\x01\x00"
        (kind,) = await reader.readexactly(1)
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            host = str(ip_address(await reader.readexactly(4 if kind == 1 else 16)))
        port = int.from_bytes(await reader.readexactly(2), "big")
        code = self.refuses or (GRANTED if host in self.names else HOST_UNREACHABLE)
        writer.write(bytes([5, code, 0, 1, 0, 0, 0, 0, 0, 0]))
        self.asked.append((host, port))
        return None if code else (host, port)

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int] | None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, target, _ = head.split(" ", 2)
        assert method == "CONNECT"
        host, _, port = target.rpartition(":")
        wanted = base64.b64encode(":".join(self.login or ()).encode()).decode()
        status = 407 if self.login and f"Proxy-Authorization: Basic {wanted}\r\n" not in head else self.refuses
        status = status or (200 if host in self.names else 502)
        writer.write(f"HTTP/1.1 {status} said by {head[:60]!r}\r\n\r\n".encode())
        self.asked.append((host, int(port)))
        return (host, int(port)) if status == 200 else None

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, http: bool) -> None:
        self.talks.add(asyncio.current_task())
        try:
            if self.says is not None:
                await reader.read(1)
                writer.write(self.says)
                return
            asked = await (self.connect if http else self.socks)(reader, writer)
            if asked is not None:
                there = await asyncio.open_connection("127.0.0.1", self.names[asked[0]])
                await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    finally:
        target.close()


@asynccontextmanager
async def proxying(
    names: Mapping[str, int], login: tuple[str, str] | None = None, *, http: bool = False
) -> AsyncIterator[ProxyServer]:
    """A proxy on a free port of this machine."""
    server = ProxyServer(names, login)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.talk(reader, writer, http=http)

    listener = await asyncio.start_server(talk, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for talk_task in server.talks:
            if talk_task is not None:
                talk_task.cancel()
        await asyncio.gather(*(task for task in server.talks if task), return_exceptions=True)
        await listener.wait_closed()


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
