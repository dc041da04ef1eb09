"""One connection to an Electrum host, shared by concurrent calls: each line is routed to the call that waits for it.

open ──a call gives up without its reply──► leaving ──no call waits──► closed
  └──closed by the host, or a line that cannot be routed: all waiting calls fail──► closed
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

from hdscan.model.errors import CallError, ReadCode
from hdscan.wire import electrum, jsonrpc

MOST_BYTES = 8 * 2**20  # of a reply: a line, or a body after decompression

Waiting = asyncio.Future[bytes]


class Connection(asyncio.Protocol):
    """An open connection; `tip` is the height announced last, None before the first request for it.

    No call reads by itself, so that a cancelled one leaves no half-read reply behind. `fingerprint` is the SHA-256 of the
    host's certificate in hexadecimal, None without TLS.
    """

    def __init__(self) -> None:
        self.tip: int | None = None
        self.fingerprint: str | None = None
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[int, Waiting] = {}  # by the ids that a call asks with
        self._next_id = 1
        self._buffer = bytearray()
        self._leaving = False
        self._overused = False

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing() and not self._leaving

    async def ask(self, calls: Sequence[jsonrpc.Call], sent: Callable[[], None] | None = None) -> tuple[jsonrpc.Batch, bytes]:
        """Send calls as one message and return it with the line that answers it; CallError where the connection ends."""
        if not self.usable:
            raise CallError(ReadCode.UNREACHABLE, "the host closed the connection")
        assert self._transport is not None
        batch = jsonrpc.encode(calls, self._next_id)
        self._next_id += batch.count
        ids = range(batch.first, batch.first + batch.count)
        reply: Waiting = asyncio.get_running_loop().create_future()
        self._waiting |= dict.fromkeys(ids, reply)
        self._transport.write(batch.body + b"\n")
        if sent is not None:
            sent()
        try:
            return batch, await reply
        finally:
            for ident in ids:
                self._waiting.pop(ident, None)
            self._leaving = self._leaving or not reply.done() or reply.cancelled()
            if self._leaving and not self._waiting:
                self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # -- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own does not inherit from it

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if b"\n" in data:
            *lines, self._buffer = self._buffer.split(b"\n")
            for line in lines:
                if self._transport is None or self._transport.is_closing():
                    return
                self._hear(bytes(line))
        if len(self._buffer) > MOST_BYTES:
            alone = len(self._replies()) == 1  # otherwise nobody knows whose reply it is
            text = f"response too large: more than {MOST_BYTES // 2**20} MiB"
            self._end(ReadCode.TOO_LARGE if alone else ReadCode.MALFORMED, text)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._overused:
            self._end(ReadCode.THROTTLED, f"{electrum.OVERUSED.decode()}: the host hung up")
        elif self._buffer:
            self._end(ReadCode.UNREACHABLE, "the reply broke off")
        else:
            self._end(ReadCode.UNREACHABLE, "the host closed the connection without a reply", wordless=True)

    # -- routing

    def _hear(self, line: bytes) -> None:
        self._overused = self._overused or electrum.OVERUSED in line
        try:
            heard = electrum.hear(line)
        except CallError as error:
            self._end(error.fault, error.message)
            return
        if heard.unasked:
            self.tip = self.tip if heard.tip is None else heard.tip
            return
        callers = {self._waiting.get(ident) for ident in heard.ids}
        caller = callers.pop() if len(callers) == 1 else None
        if not heard.ids:  # an error about a message that the host could not parse: any call's
            for reply in self._replies():
                reply.set_result(line)
            self.close()
        elif caller is not None and not caller.done():
            caller.set_result(line)
        elif not self._leaving and not (caller is not None and caller.cancelled()):  # otherwise its call has given up
            self._end(ReadCode.MALFORMED, "an id that was not asked, or one twice: no answer is surely in its place")

    def _end(self, fault: ReadCode, message: str, *, wordless: bool = False) -> None:
        for reply in self._replies():
            reply.set_exception(CallError(fault, message, wordless=wordless))
        self._buffer.clear()
        self.close()

    def _replies(self) -> list[Waiting]:
        return [reply for reply in dict.fromkeys(self._waiting.values()) if not reply.done()]
