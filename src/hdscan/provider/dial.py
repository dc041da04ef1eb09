"""Make a TCP or TLS connection to a host and check its certificate."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from errno import EACCES, EADDRNOTAVAIL
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import urlsplit

from hdscan.model.endpoint import Endpoint
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.url import is_private

SYSTEM, PIN, EXACT = "system", "pin", "sha256:"

P = TypeVar("P", bound=asyncio.Protocol)


async def dial(endpoint: Endpoint, known: str | None, make: Callable[[], P]) -> tuple[P, str | None]:
    """Connect to ssl://host:port or tcp://host:port; return the made protocol and the certificate's SHA-256 in hex.

    `known` is the fingerprint seen first, None before that. Raises CallError UNREACHABLE.
    Nothing is sent to a host whose certificate is refused.
    """
    endpoint.check(lines=True)
    parts, tls = urlsplit(endpoint.url), endpoint.tls
    host, port = parts.hostname, parts.port
    assert host is not None
    assert port is not None
    loop = asyncio.get_running_loop()
    try:
        through = None if endpoint.proxy is None else await _tunnel(endpoint.proxy.url, host, port)
        if parts.scheme == "tcp":
            _, protocol = await loop.create_connection(make, sock=through or await _nearby(host, port))
            return protocol, None
        context = _context(endpoint)
        if through is not None:
            transport, protocol = await loop.create_connection(make, sock=through, ssl=context, server_hostname=host)
        else:
            transport, protocol = await loop.create_connection(make, host, port, ssl=context, server_hostname=host)
    except (OSError, ValueError) as error:
        raise CallError(ReadCode.UNREACHABLE, _reason(error), wordless=isinstance(error, ConnectionError)) from None
    fingerprint = sha256(transport.get_extra_info("ssl_object").getpeercert(binary_form=True)).hexdigest()
    expected = tls.removeprefix(EXACT) if tls.startswith(EXACT) else known if tls == PIN else None
    if expected is not None and fingerprint != expected:
        transport.abort()
        changed = f"its certificate is not the one that is pinned (sha256 {expected}), so nothing was sent"
        remedy = f'if its operator confirms the new one, write tls = "{EXACT}{fingerprint}" into its row'
        raise CallError(ReadCode.UNREACHABLE, f"{changed}: {remedy}")
    return protocol, fingerprint


async def _tunnel(proxy: str, host: str, port: int) -> socket.socket:
    from hdscan.provider.tunnel import tunnel

    return await tunnel(proxy, host, port)


async def _nearby(host: str, port: int) -> socket.socket:
    """A connection without TLS, to a private address."""
    loop = asyncio.get_running_loop()
    failure = OSError(EADDRNOTAVAIL, "it has no address")
    for address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            connection = private_socket(address)
            connection.setblocking(False)
            try:
                await loop.sock_connect(connection, address[4])
            except BaseException:
                connection.close()
                raise
            return connection
        except OSError as error:
            failure = error
    raise failure


def private_socket(address: tuple[Any, ...]) -> socket.socket:
    """A socket for an address as getaddrinfo gives it; OSError where that is not a private one."""
    family, kind, protocol, _, place = address
    if not is_private(place[0]):
        raise OSError(EACCES, "its address is not a private one, so nothing was sent to it without TLS")
    return socket.socket(family, kind, protocol)


def trusting(ca: str | None) -> ssl.SSLContext:
    """The context of a client that trusts the authorities of a file, or those of the system; CallError UNREACHABLE."""
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError:
        raise CallError(ReadCode.UNREACHABLE, f"no TLS connection: the certificates of {ca} cannot be used") from None


def _context(endpoint: Endpoint) -> ssl.SSLContext:
    if endpoint.tls == SYSTEM:
        return trusting(endpoint.ca)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # such hosts have self-signed certificates: the fingerprint decides
    context.verify_mode = ssl.CERT_NONE
    return context


def _reason(error: Exception) -> str:
    """The reason for a failure, without an address."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = f"the host's certificate is refused ({error.verify_message})"
        return f'no TLS connection: {why}; if the host signs its own, set tls = "pin" in its row, or ca'
    if isinstance(error, ssl.SSLError):
        return "no TLS connection: the host's protocol is refused"
    if isinstance(error, socket.gaierror):
        return "the host's name cannot be resolved"
    detail = error.strerror if isinstance(error, OSError) else None
    return "no connection" + (f": {detail}" if detail and "/" not in detail and "(" not in detail else "")
