"""One HTTP/1.1 exchange on aiohttp's kept connections and with its parser.

aiohttp's session is left out: it repeats a GET whose connection broke, unseen by the limiter, does not say when a request goes
out, and costs twice what the exchange itself does.
"""

import zlib
from collections.abc import Callable
from typing import Self
from urllib.parse import urlencode, urlsplit

import aiohttp
import msgspec
from aiohttp.http import RawResponseMessage

from hdscan.model.errors import CallError, ReadCode
from hdscan.provider.connection import MOST_BYTES
from hdscan.wire.http import Request, Response
from hdscan.wire.strict import malformed

LASTING_BYTES = 64 * 2**20  # of a reply to a lasting request: about 150,000 unspent outputs


class Below(msgspec.Struct, frozen=True):
    """Where requests below a base URL go: path and query of the base."""

    path: str
    query: tuple[str, ...]

    @classmethod
    def of(cls, url: str) -> Self:
        parts = urlsplit(url)
        return cls(parts.path.rstrip("/"), tuple(part for part in parts.query.split("&") if part))

    def target(self, request: Request) -> str:
        """Append a request's path and query to the base's own; query members of the same name are replaced."""
        path = self.path + request.path or "/"
        if not self.query and not request.query:
            return path
        kept = [part for part in self.query if part.partition("=")[0] not in request.query]
        return f"{path}?{'&'.join([*kept, *([urlencode(request.query, safe=',')] if request.query else [])])}"


class Base(msgspec.Struct, frozen=True):
    """What all requests below a base URL have in common.

    `origin` is a request to it, of which only the connection's key and the headers are used.
    """

    connector: aiohttp.BaseConnector
    origin: aiohttp.ClientRequest
    below: Below


async def exchange(base: Base, request: Request, sent: Callable[[], None] | None = None) -> Response:
    """Send a request and read its reply; a redirect is returned as it is.

    `sent` is called when the request goes out. Raises aiohttp's errors, OSError, and CallError for a body that is refused.
    """
    target = base.below.target(request)
    connection = await _connection(base)
    try:
        protocol, transport = connection.protocol, connection.transport
        if protocol is None or transport is None:
            raise aiohttp.ServerDisconnectedError
        protocol.set_response_params(read_until_eof=True, auto_decompress=False)
        transport.write(_message(base, target, request))
        if sent is not None:
            sent()
        head, content = await protocol.read()
        while head.code < 200 and head.code != 101:  # the reply is still to come (RFC 9110, section 15.2)
            head, content = await protocol.read()
        body = await _body(head, content, LASTING_BYTES if request.lasting else MOST_BYTES)
    except BaseException:
        connection.close()
        raise
    connection.release()
    return Response(head.code, head.headers, body)


async def _connection(base: Base) -> aiohttp.connector.Connection:
    """A kept connection, or a new one; not one on which something came in since that nobody asked for.

    It would be taken for the reply: a 408 that ends an idle connection, or what a proxy sent to the wrong client.
    """
    while True:
        connection = await base.connector.connect(base.origin, [], aiohttp.ClientTimeout())
        if connection.protocol is None or not connection.protocol.should_close:
            return connection
        connection.close()


def _message(base: Base, target: str, request: Request) -> bytes:
    headers = [f"{name}: {value}" for name, value in base.origin.headers.items()]
    if request.body is not None:
        headers += (f"Content-Type: {request.content}", f"Content-Length: {len(request.body)}")
    lines = (f"{request.method} {target} HTTP/1.1", *headers)
    if not all(map(str.isprintable, lines)) or " " in target:
        raise ValueError  # a line of a request must not end within it
    return "\r\n".join((*lines, "", "")).encode() + (request.body or b"")


async def _body(head: RawResponseMessage, content: aiohttp.StreamReader, most: int) -> bytes:
    """Read a body, decompressing piecewise so that never more than `most` bytes are held."""
    encoding = head.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip", ""):
        raise malformed("the reply is compressed in a way that was not offered")
    inflater = zlib.decompressobj(wbits=31) if encoding not in ("identity", "") else None
    pieces, size = [], 0
    while not content.at_eof():
        piece = await content.readany()
        try:
            pieces.append(inflater.decompress(piece, most + 1 - size) if inflater else piece)
        except zlib.error:
            raise malformed("the reply's compression is broken") from None
        if inflater and inflater.unused_data:  # which would pile up, without a limit
            raise malformed("something follows the compressed reply")
        size += len(pieces[-1])
        if size > most:
            fault = ReadCode.MALFORMED if most == MOST_BYTES else ReadCode.TOO_LARGE
            raise CallError(fault, f"the reply is larger than {most // 2**20} MiB")
    if inflater and not inflater.eof and size:
        raise CallError(ReadCode.UNREACHABLE, "the reply broke off")
    return b"".join(pieces)
