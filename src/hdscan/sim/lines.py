"""A server of lines on raw sockets, TCP or TLS: what Electrum hosts speak, with HTTP's notions said in JSON-RPC's way."""

import asyncio
import os
from collections.abc import Callable
from typing import cast

import msgspec

from hdscan.sim.certificate import server_context
from hdscan.sim.chains import EPOCH
from hdscan.sim.http import FLOOD, Listener, Peer, Request, Serve, reset
from hdscan.sim.jsonrpc import Envelope, RpcError, close_envelope, failure, open_envelope
from hdscan.sim.view import View

HELLO, NOTICE = "server.version", "blockchain.headers.subscribe"
UNGREETED = RpcError(1, f"use {HELLO} to identify client")
OVERUSED = RpcError(-101, "excessive resource usage")
ERRORS = {  # what a host says where an HTTP server has a status; after the first three it hangs up
    402: OVERUSED,
    429: OVERUSED,
    503: OVERUSED,
    413: RpcError(-32600, "batch too large"),
}
BROKEN = RpcError(-32603, "internal error: daemon is not responding")

_encode = msgspec.json.Encoder().encode


class LineConnection(asyncio.Protocol):
    """One client: hands each line to `serve`, any number at a time; greets by itself, and tells blocks to who subscribed."""

    def __init__(self, serve: Serve, news: Callable[[], View], peers: set[Peer]) -> None:
        self._serve, self._news, self._peers = serve, news, peers
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._greeted = False
        self._flood = 0
        self._next_block: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a new connection."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own does not inherit from it
        self._peers.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection that its client closed or that was reset."""
        self._transport = None
        self._peers.discard(self)
        if self._next_block is not None:
            self._next_block.cancel()

    def data_received(self, data: bytes) -> None:
        """Take in every line that is whole."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._hear(line)

    def resume_writing(self) -> None:
        """Go on with a flood when the client has read what was sent."""
        while self._flood > 0 and self._transport is not None and self._transport.get_write_buffer_size() < len(FLOOD):
            self._flood -= 1
            self._transport.write(FLOOD)

    def _hear(self, line: bytes) -> None:
        envelope = open_envelope(line)
        methods = {request.method for request in envelope.requests}
        if HELLO in methods:
            self._greeted = True
            self.write(close_envelope(envelope, [["hdscan simulator", "1.6"]] * len(envelope.requests), None, set()))
        elif not self._greeted:
            self.write(_refusal(envelope, UNGREETED))
            self.close()
        else:
            if NOTICE in methods and self._next_block is None:
                self._wait_for_block()
            self._serve(Request("LINE", "", {}, line), Line(self, line))

    def _wait_for_block(self) -> None:
        view = self._news()
        played = view.world.played
        age = (view.time - EPOCH) % played.interval
        self._next_block = asyncio.get_running_loop().call_later(played.interval - age, self.tell)

    def tell(self) -> None:
        """Tell the head, as a node does when it has found a block."""
        params = [{"height": self._news().head, "hex": "00" * 80}]
        self.write(_encode({"jsonrpc": "2.0", "method": NOTICE, "params": params}))
        self._wait_for_block()

    def write(self, line: bytes) -> None:
        """Send a line."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(line + b"\n")

    def part(self, data: bytes) -> None:
        """Send what is no whole line."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Hang up when everything is sent."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Break the connection with a TCP reset."""
        if self._transport is not None:
            reset(self._transport)

    def flood(self, megabytes: int) -> None:
        """Send white space for so long."""
        self._flood = megabytes
        self.resume_writing()


class Line:
    """A request in hand; fits sim.http.Exchange."""

    def __init__(self, connection: LineConnection, line: bytes) -> None:
        self._connection, self._line = connection, line

    def reply(self, status: int, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Answer with a line, or where a status would tell it, with an error for every request of this one."""
        if status == 200:
            self._connection.write(body)
            return
        envelope = open_envelope(self._line)
        error = ERRORS.get(status, BROKEN)
        self._connection.write(_refusal(envelope, error))
        if error is OVERUSED:
            self._connection.close()

    def reset(self) -> None:
        """Break the connection."""
        self._connection.reset()

    def reply_in_part(self, status: int, body: bytes, *, reset: bool) -> None:
        """Send half of the line, then reset or close the connection."""
        self._connection.part(body[: len(body) // 2])
        if reset:
            asyncio.get_running_loop().call_later(0.005, self._connection.reset)
        else:
            self._connection.close()

    def flood(self, status: int, body: bytes, megabytes: int) -> None:
        """Send a line that does not end for `megabytes` MB."""
        self._connection.part(body)
        self._connection.flood(megabytes)


def _refusal(envelope: Envelope, error: RpcError) -> bytes:
    """Refuse every request of a message."""
    if not envelope.requests:
        return failure(envelope.error or error)
    return close_envelope(envelope, [error] * len(envelope.requests), None, set())


def line_listener(serve: Serve, news: Callable[[], View], *, tls: bool, seed: bytes | None = None) -> Listener:
    """Make a listener that speaks lines; `seed` makes its certificate, a new one without it."""
    context = server_context(seed or os.urandom(32)) if tls else None
    return Listener(lambda peers: LineConnection(serve, news, peers), "ssl" if tls else "tcp", context)
