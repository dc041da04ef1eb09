"""HTTP requests and TCP connections, bounded in time, size and number; errors become CallError here."""

import asyncio
import zlib
from collections.abc import Callable
from errno import ECONNREFUSED, ECONNRESET, EPIPE
from importlib.metadata import version
from types import SimpleNamespace
from typing import Self
from urllib.parse import urlencode, urlsplit, urlunsplit
from weakref import WeakSet

import aiohttp
import msgspec
from yarl import URL

from hdscan.model.endpoint import Endpoint
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.url import check_url, without_user
from hdscan.provider.connection import MOST_BYTES, Connection
from hdscan.provider.dial import dial
from hdscan.wire.http import Request, Response
from hdscan.wire.strict import malformed

PER_HOST = 64  # connections; a provider has at most 32 calls in flight, and a host may be two providers
PIECE = 65536


class AioTransport:
    """The transport on aiohttp: `async with AioTransport(request_timeout)`, once per process.

    Redirects are returned as they are, never followed. Messages of errors hold no part of a URL.
    """

    def __init__(self, request_timeout: float) -> None:
        self.seconds = request_timeout
        self.pins: dict[str, str] = {}
        self._ways: dict[Endpoint, _Way] = {}
        self._dialled: WeakSet[Connection] = WeakSet()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, limit_per_host=PER_HOST),
            timeout=aiohttp.ClientTimeout(total=self.seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trace_configs=[_tracing()],
            headers={
                "User-Agent": f"hdscan/{version('hdscan')}",
                "Accept": "application/json, text/plain",
                "Accept-Encoding": "gzip",
            },
        )
        # aiohttp would repeat a GET whose connection broke, unseen by the limiter; there is no public switch (3.14)
        self._session._retry_connection = False
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
        for connection in tuple(self._dialled):
            connection.close()
        await asyncio.sleep(0)  # closed transports are released in the loop's next iteration

    async def send(self, endpoint: Endpoint, request: Request, sent: Callable[[], None] | None = None) -> Response:
        assert self._session is not None, "the transport is not open"
        way = self._ways.get(endpoint) or self._way(endpoint)
        url = URL(join(way.base_url, request), encoded=True)
        headers = way.headers if request.body is None else way.headers | {"Content-Type": request.content}
        try:
            async with self._session.request(
                request.method, url, data=request.body, headers=headers, allow_redirects=False, trace_request_ctx=sent
            ) as reply:
                body = await _body(reply)
                return Response(reply.status, {name.lower(): value for name, value in reply.headers.items()}, body)
        except TimeoutError:
            raise CallError(ReadCode.TIMEOUT, f"no reply within {self.seconds:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise CallError(ReadCode.UNREACHABLE, _reason(error), wordless=_wordless(error)) from None

    async def dial(self, endpoint: Endpoint) -> Connection:
        connection, fingerprint = await dial(endpoint, self.pins.get(endpoint.identity), Connection)
        connection.fingerprint = fingerprint
        self._dialled.add(connection)
        return connection

    def _way(self, endpoint: Endpoint) -> "_Way":
        """Decide once how an endpoint is asked."""
        check_url(endpoint.url)
        base_url, authorization = without_user(endpoint.url)
        headers = dict(endpoint.headers) | ({"Authorization": authorization} if authorization else {})
        self._ways[endpoint] = way = _Way(base_url, headers)
        return way


class _Way(msgspec.Struct, frozen=True):
    """How an endpoint is asked: below which URL, and with which headers."""

    base_url: str
    headers: dict[str, str]


def _tracing() -> aiohttp.TraceConfig:
    async def sent(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
        if context.trace_request_ctx is not None:
            context.trace_request_ctx()

    config = aiohttp.TraceConfig()
    config.on_request_headers_sent.append(sent)
    return config


def join(base_url: str, request: Request) -> str:
    """Append a request's path and query to the base's own; query members of the same name are replaced."""
    base = urlsplit(base_url)
    kept = [part for part in base.query.split("&") if part and part.partition("=")[0] not in request.query]
    query = "&".join([*kept, *([urlencode(request.query, safe=",")] if request.query else [])])
    return urlunsplit((base.scheme, base.netloc, base.path.rstrip("/") + request.path, query, ""))


async def _body(reply: aiohttp.ClientResponse) -> bytes:
    """Read a body, decompressing piecewise so that never more than the limit is held."""
    encoding = reply.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip", ""):
        raise malformed("the reply is compressed in a way that was not offered")
    inflater = zlib.decompressobj(wbits=31) if encoding not in ("identity", "") else None
    body = bytearray()
    async for piece in reply.content.iter_chunked(PIECE):
        try:
            body += inflater.decompress(piece, MOST_BYTES + 1 - len(body)) if inflater else piece
        except zlib.error:
            raise malformed("the reply's compression is broken") from None
        if inflater and inflater.unused_data:  # which would pile up, without a limit
            raise malformed("something follows the compressed reply")
        if len(body) > MOST_BYTES:
            raise malformed(f"the reply is larger than {MOST_BYTES // 2**20} MiB")
    if inflater and not inflater.eof and body:
        raise CallError(ReadCode.UNREACHABLE, "the reply broke off")
    return bytes(body)


_REASONS: tuple[tuple[type[Exception], str], ...] = (  # the first that fits
    (aiohttp.ClientConnectorDNSError, "the host's name cannot be resolved"),
    (aiohttp.ClientSSLError, "no TLS connection: the host's certificate or protocol is refused"),
    (aiohttp.ClientConnectorCertificateError, "no TLS connection: the host's certificate is refused"),
    (aiohttp.ClientConnectorError, "no connection"),
    (aiohttp.ServerDisconnectedError, "the host closed the connection without a reply"),
    (aiohttp.ClientPayloadError, "the reply broke off"),
    (aiohttp.ClientResponseError, "the reply is not HTTP"),
    (OSError, "the connection broke"),
)


def _wordless(error: Exception) -> bool:
    """Whether the host refused the connection, or ended it without a reply."""
    number = error.errno if isinstance(error, OSError) else None
    return number in (ECONNREFUSED, ECONNRESET, EPIPE) or isinstance(error, aiohttp.ServerDisconnectedError)


def _reason(error: Exception) -> str:
    """The reason for a failure, without the URL, which the library's own messages contain."""
    reason = next((text for kind, text in _REASONS if isinstance(error, kind)), "the connection failed")
    detail = error.strerror if isinstance(error, OSError) else None
    return f"{reason}: {detail}" if detail and "/" not in detail else reason
