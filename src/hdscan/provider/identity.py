"""Endpoint URLs: what may be shown of one, what of one is a key, and who is the same caller to the same host."""

import re
from base64 import b64encode
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from ipaddress import ip_address
from urllib.parse import SplitResult, parse_qsl, quote, quote_plus, unquote, urlsplit

from hdscan.model.errors import ConfigError

KEY_NAMES = re.compile("key|token|secret|auth|pass", re.IGNORECASE)  # dkey, x-api-key, access_token …
KEY_LENGTH = 16  # a path segment or query value of this length is a key
SHORTEST_KEY = 6  # what is shorter stands in many a reply by chance


def redact(url: str) -> str:
    """Show the scheme, host and port of a URL, and nothing else."""
    parts = _split(url)
    return f"{parts.scheme}://{_host(parts)}"


def host(url: str) -> str:
    """Name the host and port of a URL."""
    return _host(_split(url))


def secrets(url: str) -> tuple[str, ...]:
    """Find the keys that a URL holds: userinfo, query values named like a key or as long, path segments as long.

    Each decoded and in every way that it may be written; userinfo also as it goes out (RFC 7617).
    """
    parts = _split(url)
    found = [part for part in (parts.username, parts.password) if part]
    if found:
        user, password = (unquote(part or "") for part in (parts.username, parts.password))
        found.append(b64encode(f"{user}:{password}".encode()).decode())
    found += [value for name, value in parse_qsl(parts.query) if KEY_NAMES.search(name) or len(value) >= KEY_LENGTH]
    found += [segment for segment in parts.path.split("/") if len(segment) >= KEY_LENGTH]
    return tuple(dict.fromkeys(form for key in found if len(key) >= SHORTEST_KEY for form in _forms(key)))


def _forms(key: str) -> Iterator[str]:
    for text in (key, unquote(key)):
        yield from (text, quote(text, safe=""), quote(text), quote_plus(text))


def endpoint_identity(url: str) -> str:
    """Name who asks whom: host and port, and a digest of the key; rows that share it share rate, quota and pause."""
    keys = secrets(url)
    digest = sha256(chr(0).join(keys).encode()).hexdigest()[:12]
    return f"{host(url)}#{digest}" if keys else host(url)


@lru_cache(maxsize=256)
def check_url(url: str, *, lines: bool = False) -> None:
    """Refuse a URL without TLS, unless its host is this machine: https, or ssl://host:port for lines; raises ConfigError."""
    parts = _split(url)
    secure, plain, form = ("ssl", "tcp", "ssl://host:port") if lines else ("https", "http", "https://")
    bare = parts.port is not None and parts.netloc.lower() == _host(parts) and parts.path in ("", "/") and not parts.query
    if (bare or not lines) and (parts.scheme == secure or (parts.scheme == plain and _is_loopback(parts.hostname or ""))):
        return
    what = "be" if lines else "begin with"
    raise ConfigError(f"{redact(url)}: a provider's `url` must {what} {form} ({plain}:// is for this machine only)")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if not parts.hostname or parts.port == 0:
            raise ValueError
    except ValueError:
        raise ConfigError("a provider's `url` is not a URL with a host") from None
    return parts


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return host if parts.port is None else f"{host}:{parts.port}"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
