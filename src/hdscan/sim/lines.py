"""A line server on raw sockets, TCP or TLS, as Electrum hosts run it; an HTTP status becomes a JSON-RPC error."""

import asyncio
from collections.abc import Callable

import msgspec

from hdscan.sim.chains import EPOCH
from hdscan.sim.http import Headers, Peer, Request, Serve
from hdscan.sim.jsonrpc import Envelope, RpcError, close_envelope, failure, open_envelope, refuse_all
from hdscan.sim.view import View

HELLO, NOTICE = "server.version", "blockchain.headers.subscribe"
UNGREETED = RpcError(1, f"use {HELLO} to identify client")
OVERUSED = RpcError(-101, "excessive resource usage")
ERRORS = {  # by HTTP status; the host hangs up after the first three
    402: OVERUSED,
    429: OVERUSED,
    503: OVERUSED,
    413: RpcError(-32600, "batch too large"),
}
BROKEN = RpcError(-32603, "internal error: daemon is not responding")


class LineConnection(Peer):
    """One client: hands every line to `serve`, any number at a time; greets it, and announces blocks once it has subscribed."""

    def __init__(self, serve: Serve, news: Callable[[], View], peers: set[Peer]) -> None:
        super().__init__(peers)
        self._serve, self._news = serve, news
        self._buffer = b""
        self._greeted = False
        self._next_block: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._next_block is not None:
            self._next_block.cancel()

    def data_received(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._hear(line)

    def _hear(self, line: bytes) -> None:
        envelope = open_envelope(line)
        methods = {request.method for request in envelope.requests}
        if HELLO in methods:
            self._greeted = True
            self.write_line(close_envelope(envelope, [["hdscan simulator", "1.6"]] * len(envelope.requests)))
        elif not self._greeted:
            self.write_line(_refusal(envelope, UNGREETED))
            self.close()
        else:
            if NOTICE in methods and self._next_block is None:
                self._wait_for_block()
            self._serve(Request("LINE", "", {}, line), Line(self, line))

    def _wait_for_block(self) -> None:
        view = self._news()
        interval = view.world.played.interval
        self._next_block = asyncio.get_running_loop().call_later(interval - (view.time - EPOCH) % interval, self.tell)

    def tell(self) -> None:
        """Announce the head, as a node does for every block."""
        block = {"height": self._news().head, "hex": "00" * 80}
        self.write_line(msgspec.json.encode({"jsonrpc": "2.0", "method": NOTICE, "params": [block]}))
        self._wait_for_block()

    def write_line(self, line: bytes) -> None:
        self.write(line + b"\n")


class Line:
    """A request in hand; fits sim.http.Exchange."""

    def __init__(self, connection: LineConnection, line: bytes) -> None:
        self._connection, self._line = connection, line
        self.reset, self.reply_in_part, self.flood = connection.reset, connection.reply_in_part, connection.flood

    def reply(self, status: int, body: bytes, headers: Headers = ()) -> None:
        """Answer with a line; for a status other than 200, with an error for every request of the line."""
        if status == 200:
            self._connection.write_line(body)
            return
        error = ERRORS.get(status, BROKEN)
        self._connection.write_line(_refusal(open_envelope(self._line), error))
        if error is OVERUSED:
            self._connection.close()


def _refusal(envelope: Envelope, error: RpcError) -> bytes:
    return refuse_all(envelope, error) if envelope.requests else failure(envelope.error or error)
