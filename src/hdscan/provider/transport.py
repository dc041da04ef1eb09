"""HTTP requests and TCP connections, bounded in time, size and number; errors become CallError here."""

import asyncio
import ssl
from collections.abc import Callable
from errno import ECONNREFUSED, ECONNRESET, EPIPE
from importlib.metadata import version
from typing import Self
from weakref import WeakSet

import aiohttp
from aiohttp.http import HttpProcessingError
from yarl import URL

from hdscan.model.endpoint import Endpoint, Proxy
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.url import without_user
from hdscan.provider.connection import Connection
from hdscan.provider.dial import dial, private_socket, trusting
from hdscan.provider.exchange import Base, Below, exchange
from hdscan.wire.http import Request, Response

PER_HOST = 64  # connections; a provider has at most 32 calls in flight, and a host may be two providers
HEADERS = {
    "User-Agent": f"hdscan/{version('hdscan')}",
    "Accept": "application/json, text/plain",
    "Accept-Encoding": "gzip",
}


class AioTransport:
    """The transport on aiohttp: `async with AioTransport(request_timeout)`, once per process.

    Redirects are returned as they are, never followed. Messages of errors hold no part of a URL.
    """

    def __init__(self, request_timeout: float) -> None:
        self.seconds = request_timeout
        self.pins: dict[str, str] = {}
        self._bases: dict[Endpoint, Base] = {}
        self._dialled: WeakSet[Connection] = WeakSet()
        self._connectors: dict[str, aiohttp.BaseConnector] = {}
        self._open = False

    async def __aenter__(self) -> Self:
        self._open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open = False
        for connector in self._connectors.values():
            await connector.close()
        self._connectors.clear()
        self._bases.clear()
        for connection in tuple(self._dialled):
            connection.close()
        await asyncio.sleep(0)  # closed transports are released in the loop's next iteration

    async def send(self, endpoint: Endpoint, request: Request, sent: Callable[[], None] | None = None) -> Response:
        base = self._bases.get(endpoint) or self._base(endpoint)
        try:
            async with asyncio.timeout(None if request.lasting else self.seconds):
                return await exchange(base, request, sent)
        except TimeoutError:
            raise CallError(ReadCode.TIMEOUT, f"no reply within {self.seconds:g} s") from None
        except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
            raise CallError(ReadCode.UNREACHABLE, _reason(error), wordless=_wordless(error)) from None

    async def dial(self, endpoint: Endpoint) -> Connection:
        connection, fingerprint = await dial(endpoint, self.pins.get(endpoint.identity), Connection)
        connection.fingerprint = fingerprint
        self._dialled.add(connection)
        return connection

    def _base(self, endpoint: Endpoint) -> Base:
        """Decide once how an endpoint is asked."""
        assert self._open, "the transport is not open"
        endpoint.check()
        url, authorization = without_user(endpoint.url)
        own = {name.lower() for name, _ in endpoint.headers}
        headers = {name: value for name, value in HEADERS.items() if name.lower() not in own} | dict(endpoint.headers)
        if authorization:
            headers["Authorization"] = authorization
        trust = True if endpoint.ca is None else trusting(endpoint.ca)
        loop = asyncio.get_running_loop()
        origin = aiohttp.ClientRequest("GET", URL(url, encoded=True), headers=headers, ssl=trust, loop=loop)
        base = self._bases[endpoint] = Base(self._connector(origin.url.scheme, endpoint.proxy), origin, Below.of(url))
        return base

    def _connector(self, scheme: str, proxy: Proxy | None) -> aiohttp.BaseConnector:
        """The connections through a proxy; of hosts with TLS; or of those without, whose addresses have to be private."""
        way = scheme if proxy is None else proxy.url
        if way not in self._connectors:
            self._connectors[way] = _directly(scheme) if proxy is None else _through(proxy)
        return self._connectors[way]


def _directly(scheme: str) -> aiohttp.BaseConnector:
    sockets = private_socket if scheme == "http" else None
    return aiohttp.TCPConnector(limit=0, limit_per_host=PER_HOST, socket_factory=sockets)


def _through(proxy: Proxy) -> aiohttp.BaseConnector:
    from hdscan.provider.tunnel import tunnels

    return tunnels(proxy.url, PER_HOST)


_REASONS: tuple[tuple[type[Exception], str], ...] = (  # the first that fits
    (aiohttp.ClientConnectorDNSError, "the host's name cannot be resolved"),
    (ssl.SSLError, "no TLS connection: the host's certificate or protocol is refused"),
    (aiohttp.ClientSSLError, "no TLS connection: the host's certificate or protocol is refused"),
    (aiohttp.ClientConnectorCertificateError, "no TLS connection: the host's certificate is refused"),
    (aiohttp.ClientConnectorError, "no connection"),
    (aiohttp.ServerDisconnectedError, "the host closed the connection without a reply"),
    (aiohttp.ClientPayloadError, "the reply broke off"),
    (HttpProcessingError, "the reply is not HTTP"),
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
