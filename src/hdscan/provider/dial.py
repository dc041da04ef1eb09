"""Make a TCP or TLS connection to a host and check its certificate."""

import asyncio
import ssl
from collections.abc import Callable
from hashlib import sha256
from socket import gaierror
from typing import TypeVar
from urllib.parse import urlsplit

from hdscan.model.endpoint import Endpoint
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.url import check_url

SYSTEM, PIN, EXACT = "system", "pin", "sha256:"

P = TypeVar("P", bound=asyncio.Protocol)


async def dial(endpoint: Endpoint, known: str | None, make: Callable[[], P]) -> tuple[P, str | None]:
    """Connect to ssl://host:port or tcp://host:port; return the made protocol and the certificate's SHA-256 in hex.

    `known` is the fingerprint seen first, None before that. Raises CallError UNREACHABLE.
    Nothing is sent to a host whose certificate is refused.
    """
    check_url(endpoint.url, lines=True)
    parts, tls = urlsplit(endpoint.url), endpoint.tls
    assert parts.hostname is not None
    assert parts.port is not None
    secure = parts.scheme == "ssl"
    loop = asyncio.get_running_loop()
    try:
        transport, protocol = await loop.create_connection(
            make,
            parts.hostname,
            parts.port,
            ssl=_context(tls) if secure else None,
            server_hostname=parts.hostname if secure else None,
        )
    except (OSError, ValueError) as error:
        raise CallError(ReadCode.UNREACHABLE, _reason(error), wordless=isinstance(error, ConnectionError)) from None
    if not secure:
        return protocol, None
    fingerprint = sha256(transport.get_extra_info("ssl_object").getpeercert(binary_form=True)).hexdigest()
    expected = tls.removeprefix(EXACT) if tls.startswith(EXACT) else known if tls == PIN else None
    if expected is not None and fingerprint != expected:
        transport.abort()
        changed = f"its certificate is not the one that is pinned (sha256 {expected}), so nothing was sent"
        remedy = f'if its operator confirms the new one, write tls = "{EXACT}{fingerprint}" into its row'
        raise CallError(ReadCode.UNREACHABLE, f"{changed}: {remedy}")
    return protocol, fingerprint


def _context(tls: str) -> ssl.SSLContext:
    if tls == SYSTEM:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # such hosts have self-signed certificates: the fingerprint decides
    context.verify_mode = ssl.CERT_NONE
    return context


def _reason(error: Exception) -> str:
    """The reason for a failure, without an address."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = f"the host's certificate is refused ({error.verify_message})"
        return f'no TLS connection: {why}; if the host signs its own, set tls = "pin" in its row'
    if isinstance(error, ssl.SSLError):
        return "no TLS connection: the host's protocol is refused"
    if isinstance(error, gaierror):
        return "the host's name cannot be resolved"
    detail = error.strerror if isinstance(error, OSError) else None
    return "no connection" + (f": {detail}" if detail and "/" not in detail and "(" not in detail else "")
