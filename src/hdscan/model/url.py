"""URLs of endpoints: what may be shown of one, which parts are keys, which caller it stands for, and that it has TLS."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from ipaddress import ip_address, ip_network
from urllib.parse import SplitResult, parse_qsl, quote, quote_plus, unquote, urlsplit, urlunsplit

from hdscan.model.errors import ConfigError

KEY_NAMES = re.compile("key|token|secret|auth|pass", re.IGNORECASE)  # dkey, x-api-key, access_token …
KEY_LENGTH = 16  # a path segment or query value this long is a key
SHORTEST_KEY = 6  # anything shorter occurs in replies by chance

PRIVATE = tuple(  # loopback; RFC 1918; link-local (RFC 3927, 4291); unique local (RFC 4193)
    ip_network(each)
    for each in (
        "127.0.0.0/8",
        "::1",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "fe80::/10",
        "fc00::/7",
    )
)
LOCAL = (".local", ".home.arpa", ".internal", ".lan")  # RFC 6762 and 8375; ICANN 2024; routers' own

Headers = tuple[tuple[str, str], ...]  # names and values


def origin(url: str) -> str:
    """Scheme, host and port: the only parts that may be shown."""
    parts = _split(url)
    return f"{parts.scheme}://{_host(parts)}" if parts else "(not set)"


def host(url: str) -> str:
    """Host and port; raises ConfigError."""
    parts = _split(url)
    if parts is None:
        raise ConfigError("url has to be a full address with a host")
    return _host(parts)


def secrets(url: str, headers: Headers = ()) -> tuple[str, ...]:
    """The keys in a URL: userinfo, query values with a telling name or of KEY_LENGTH, path segments of KEY_LENGTH.

    The values of all headers are keys too, with their scheme ("Bearer …") and without. Each is given decoded and in every
    encoding; userinfo also as it is sent (RFC 7617).
    """
    parts = urlsplit(url)
    found = [part for part in (parts.username, parts.password) if part]
    found += [credentials.removeprefix("Basic ") for credentials in (without_user(url)[1],) if credentials]
    found += [value for name, value in parse_qsl(parts.query) if KEY_NAMES.search(name) or len(value) >= KEY_LENGTH]
    found += [segment for segment in parts.path.split("/") if len(segment) >= KEY_LENGTH]
    found += [form for _, value in headers for form in (value, value.partition(" ")[2])]
    return tuple(dict.fromkeys(form for key in found if len(key) >= SHORTEST_KEY for form in _forms(key)))


def without_user(url: str) -> tuple[str, str | None]:
    """A URL without its user and password, and the Authorization header that stands for them (RFC 7617), if any."""
    parts = urlsplit(url)
    credentials, found, place = parts.netloc.rpartition("@")
    if not found:
        return url, None
    return urlunsplit(parts._replace(netloc=place)), basic(":".join(map(unquote, credentials.partition(":")[::2])))


def basic(credentials: str) -> str:
    """The Authorization header of "user:password" (RFC 7617)."""
    return "Basic " + b64encode(credentials.encode()).decode()


def endpoint_identity(url: str, headers: Headers = ()) -> str:
    """Host, port and a digest of the keys: rows with the same identity share rate, quota and pause."""
    keys = secrets(url, headers)
    digest = sha256(chr(0).join(keys).encode()).hexdigest()[:12]
    return f"{host(url)}#{digest}" if keys else host(url)


@lru_cache(maxsize=256)
def check_url(url: str, *, lines: bool = False, plain: str | None = None, socks: bool = False) -> None:
    """Check for a full URL with TLS: https, or ssl://host:port for `lines`; without TLS only on this machine.

    With `plain` "private", without TLS also at a private or link-local address, or a name that the public DNS does not have;
    where that leads is checked when it is connected to. With `socks`, through such a proxy, also for .onion names, which are
    asked in no other way. Raises ConfigError, whose sentence begins with "url" and holds no part of it.
    """
    secure, bare, form = (
        ("ssl", "tcp", "ssl://host:port") if lines else ("https", "http", "https://host/path, with keys as ${NAME}")
    )
    parts = _split(url)
    if parts is None or "${" in url or " " in url or not url.isprintable() or (lines and not _is_bare(parts)):
        raise ConfigError(f"url has to be a full address such as {form}")
    name = parts.hostname or ""
    if is_onion(name) and not socks:
        raise ConfigError('url has a .onion name, which needs a SOCKS proxy, such as proxy = "socks5://127.0.0.1:9050" for Tor')
    allowed = is_onion(name) or is_loopback(name) or (plain and _is_near(name))
    if parts.scheme != secure and not (parts.scheme == bare and allowed):
        where = 'on this machine and, with plain = "private", at private addresses'
        raise ConfigError(f"url has to begin with {secure}:// ({bare}:// is for hosts {where} only)")


def is_onion(name: str) -> bool:
    """Whether a host is an onion service, whose traffic Tor encrypts (RFC 7686)."""
    return name.rstrip(".").endswith(".onion")


def is_private(address: str) -> bool:
    """Whether an IP address is one of this machine or of a private network."""
    found = ip_address(address)
    return any(found.version == network.version and found in network for network in PRIVATE)


def _forms(key: str) -> Iterator[str]:
    for text in (key, unquote(key)):
        yield from (text, quote(text, safe=""), quote(text), quote_plus(text))
        inside = json.dumps(text)[1:-1]
        yield from (inside, inside.replace("/", "\\/"))  # some hosts escape the slash as well (RFC 8259, section 7)


def _split(url: str) -> SplitResult | None:
    """The parts of a URL with a host, else None."""
    try:
        parts = urlsplit(url)
        return parts if parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def _host(parts: SplitResult) -> str:
    name = parts.hostname or ""
    name = f"[{name}]" if ":" in name else name
    return name if parts.port is None else f"{name}:{parts.port}"


def _is_bare(parts: SplitResult) -> bool:
    """Whether there is nothing but scheme, host and port."""
    rest = parts.path not in ("", "/") or parts.query or parts.fragment
    return parts.port is not None and parts.netloc.lower() == _host(parts) and not rest


def _is_near(name: str) -> bool:
    """Whether a host may be one of a private network: by its address, or as the public DNS has no such name."""
    try:
        return is_private(name)
    except ValueError:
        return "." not in name or name.endswith(LOCAL)


def is_loopback(name: str) -> bool:
    """Whether a host is this machine."""
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
