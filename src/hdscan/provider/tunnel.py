"""Connections through a SOCKS5 proxy or one that takes HTTP's CONNECT; the proxy resolves the names of hosts."""

import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import aiohttp_socks
import python_socks
from python_socks.async_.asyncio import Proxy

from hdscan.model.errors import CallError, ReadCode

UNREACHED = (aiohttp_socks.ProxyConnectionError, python_socks.ProxyConnectionError)
REFUSED = (aiohttp_socks.ProxyError, python_socks.ProxyError)


class Tunnels(aiohttp_socks.ProxyConnector):
    """Connections for HTTP through one proxy; raises CallError UNREACHABLE where the proxy is at fault."""

    async def connect(self, *args: Any) -> aiohttp.connector.Connection:
        with _in_words():
            return await super().connect(*args)


def tunnels(url: str, most: int) -> Tunnels:
    """Connections through the proxy of this URL, at most so many to a host at once."""
    kind, host, port, user, password = python_socks.parse_proxy_url(url)
    return Tunnels(host, port, kind, user, password, limit=0, limit_per_host=most)


async def tunnel(url: str, host: str, port: int) -> socket.socket:
    """A connection to a host through the proxy of this URL; CallError UNREACHABLE."""
    with _in_words():
        return await Proxy.from_url(url).connect(host, port)


@contextmanager
def _in_words() -> Iterator[None]:
    """Turn what goes wrong on the way to a host into a CallError that names the proxy, and shows nothing that it said."""
    try:
        yield
    except UNREACHED as error:
        raise _failed(f"cannot be reached{_why(error)}") from None
    except REFUSED as error:
        raise _failed(_refusal(error.error_code, str(error))) from None
    except (ssl.SSLError, TimeoutError):
        raise  # the host's own certificate; or the end of the time for the whole call
    except (OSError, EOFError, ValueError):
        raise _failed("broke the connection off") from None


def _failed(what: str) -> CallError:
    return CallError(ReadCode.UNREACHABLE, f"the proxy {what}")


def _why(error: BaseException) -> str:
    """What the system said about the connection to the proxy."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, socket.gaierror):
        return ": its name cannot be resolved"
    return f": {os.strerror(error.errno)}" if isinstance(error, OSError) and error.errno else ""


def _refusal(code: int | None, text: str) -> str:
    if code is None:
        return "wants another user or password" if "uthentication" in text else "gave no answer that can be understood"
    if code == 407:
        return "wants another user or password (HTTP 407)"
    if code >= 100:
        return f"did not connect to the host (HTTP {code})"
    return f"did not connect to the host: {text}"  # one of the fixed texts for the codes of RFC 1928
