"""A small HTTP/1.1 server on raw sockets.

Faults have to reset, truncate or flood a connection at any byte; and it takes a tenth of a framework's CPU, which it shares
with the client under test.
"""

import asyncio
import re
import socket
import ssl
import struct
import time
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache, partial
from http import HTTPStatus
from typing import Protocol, cast
from urllib.parse import unquote_plus

import msgspec

LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
FLOOD = b" " * 1_000_000


class Request(msgspec.Struct, frozen=True, gc=False):
    """A request: `path` without the query, `query` decoded, the last of repeated names winning."""

    verb: str
    path: str
    query: dict[str, str]
    body: bytes


Headers = tuple[tuple[str, str], ...]


class Exchange(Protocol):
    """A request in hand: it can be answered, or its connection broken."""

    def reply(self, status: int, body: bytes, headers: Headers = ()) -> None:
        """Answer the request."""

    def reset(self) -> None:
        """Break the connection."""

    def reply_in_part(self, status: int, body: bytes, *, reset: bool) -> None:
        """Announce the whole body, send half of it, then reset or close the connection."""

    def flood(self, status: int, body: bytes, megabytes: int) -> None:
        """Answer with `megabytes` MB of white space behind the body, as fast as the client reads."""


Serve = Callable[[Request, Exchange], None]


class Peer(asyncio.Protocol):
    """A client's connection, in the set `peers` while it lives; can be flooded and reset."""

    def __init__(self, peers: "set[Peer]") -> None:
        self._peers = peers
        self._transport: asyncio.Transport | None = None
        self._flood = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own does not inherit from it
        self._peers.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._peers.discard(self)

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Close the connection once everything is sent."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Break the connection with a TCP reset."""
        if self._transport is not None:
            linger = struct.pack("ii", 1, 0)
            if (ours := self._transport.get_extra_info("socket")) is not None:  # as it is where TLS is closing already
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._transport.abort()

    def head(self, status: int, length: int) -> bytes:
        """What goes before a body of `length` bytes."""
        return b""

    def reply_in_part(self, status: int, body: bytes, *, reset: bool) -> None:
        self.write(self.head(status, len(body) + 1) + body[: len(body) // 2])
        if reset:
            asyncio.get_running_loop().call_later(0.005, self.reset)
        else:
            self.close()

    def flood(self, status: int, body: bytes, megabytes: int) -> None:
        self.write(self.head(status, len(body) + megabytes * len(FLOOD)) + body)
        self._flood = megabytes
        self.resume_writing()

    def resume_writing(self) -> None:
        while self._flood > 0 and self._transport is not None and self._transport.get_write_buffer_size() < len(FLOOD):
            self._flood -= 1
            self._transport.write(FLOOD)


class Connection(Peer):
    """One HTTP client: hands requests to `serve` one at a time, and sends what `serve` decides on."""

    def __init__(self, serve: Serve, peers: set[Peer]) -> None:
        super().__init__(peers)
        self._serve = serve
        self._buffer = b""
        self._busy = False

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._busy:
            self._next()

    def _next(self) -> None:
        top, blank, rest = self._buffer.partition(b"\r\n\r\n")
        stated = LENGTH.search(top)
        length = int(stated[1]) if stated else 0
        if not blank or len(rest) < length:
            return
        verb, target, _ = top.decode("latin-1").split(" ", 2)
        path, _, query = target.partition("?")
        self._buffer, self._busy = rest[length:], True
        self._serve(Request(verb, path, parse_query(query), rest[:length]), self)

    def head(self, status: int, length: int, headers: Headers = ()) -> bytes:
        """The status line, and headers to which Date and Content-Type (JSON) are added where they are not given."""
        stated = {"Content-Type": "application/json", "Date": http_date(int(time.time()))} | dict(headers)
        lines = "".join(f"{name}: {value}\r\n" for name, value in stated.items())
        return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{lines}Content-Length: {length}\r\n\r\n".encode("latin-1")

    def reply(self, status: int, body: bytes, headers: Headers = ()) -> None:
        self.write(self.head(status, len(body), headers) + body)
        self._busy = False
        if self._buffer:
            self._next()

    def flood(self, status: int, body: bytes, megabytes: int) -> None:
        super().flood(status, body, megabytes)
        self._busy = False


class Listener:
    """A server socket on a free loopback port; `make` makes a Peer of the given set for each connection."""

    def __init__(self, make: Callable[[set[Peer]], Peer], scheme: str = "http", tls: ssl.SSLContext | None = None) -> None:
        self._make, self._scheme, self._tls = make, scheme, tls
        self._peers: set[Peer] = set()
        self.url = ""

    async def open(self) -> str:
        """Listen; return the base URL without a trailing slash."""
        loop = asyncio.get_running_loop()
        make = partial(self._make, self._peers)
        self._server = await loop.create_server(make, "127.0.0.1", 0, backlog=1024, ssl=self._tls)
        self.url = f"{self._scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self.url

    async def close(self) -> None:
        """Stop listening and reset all connections."""
        self._server.close()
        for peer in tuple(self._peers):
            peer.reset()
        await self._server.wait_closed()


def parse_query(query: str) -> dict[str, str]:
    """Decode a query string; the last of repeated names wins."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return {unquote_plus(name): unquote_plus(value) for name, _, value in pairs}


@lru_cache(16)
def http_date(seconds: int) -> str:
    """Write unix seconds as an IMF-fixdate (RFC 9110 section 5.6.7)."""
    return formatdate(seconds, usegmt=True)
