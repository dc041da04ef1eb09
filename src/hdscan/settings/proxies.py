"""Which proxy a host is asked through: its row's, that of hdscan.toml, or the environment's, which other programs take too."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hdscan.model.endpoint import Proxy
from hdscan.model.errors import ConfigError
from hdscan.model.url import is_loopback, is_onion
from hdscan.settings.variables import Expander

SOCKS = ("socks5://", "socks5h://", "socks://")  # the proxy resolves the names, whichever of these it is called
PORTS = {"socks5": 1080, "http": 80}
VARIABLES = {"https": ("HTTPS_PROXY", "ALL_PROXY"), "http": ("HTTP_PROXY", "ALL_PROXY")}  # of other schemes ALL_PROXY
TOP = "proxy (at the top of hdscan.toml, or in HDSCAN_PROXY)"
LONGEST = 255  # bytes of a user or password (RFC 1929)


class Proxies:
    """Chooses the proxy of a host; `top` is the key of hdscan.toml, in place of the environment's. Raises ConfigError."""

    def __init__(self, top: str | None, environ: Mapping[str, str], cwd: Path) -> None:
        self._environ = environ
        self._stated = top is not None
        self._top: Proxy | None = None
        if top is not None:
            keys = Expander(environ, cwd)
            url = keys.url(top, "proxy")
            if keys.missing:
                raise ConfigError(f"{TOP} is {keys.missing}")
            self._top = read_proxy(url, TOP)

    def of(self, url: str, own: str | None) -> Proxy | None:
        """The proxy for a host; `own` is the key of its row.

        Hosts of this machine, and those that may do without TLS as they are near, are asked directly.
        """
        try:
            parts = urlsplit(url)
            name, port = parts.hostname or "", parts.port
        except ValueError:
            return None  # `check_url` refuses it
        near = is_loopback(name) or (parts.scheme in ("http", "tcp") and not is_onion(name))
        if own is not None:
            chosen = read_proxy(own, "proxy", "its row")
            if chosen is not None and near:
                raise ConfigError("proxy is not for hosts of this machine, or without TLS")
            return chosen
        if near or self._stated:
            return None if near else self._top
        left_out = self._variable("NO_PROXY")
        if _is_left_out(name, port, [each.strip().lower() for each in left_out.split(",")]):
            return None
        for variable in VARIABLES.get(parts.scheme, ("ALL_PROXY",)):
            text = self._variable(variable)
            if text and (parts.scheme == "https" or text.startswith(SOCKS)):
                return read_proxy(text if "://" in text else f"http://{text}", variable, variable)
        return None

    def _variable(self, name: str) -> str:
        return self._environ.get(name.lower()) or self._environ.get(name) or ""


def read_proxy(url: str, what: str, source: str = "hdscan.toml") -> Proxy | None:
    """A proxy by its URL, None for "none"; ConfigError, which begins with `what` and shows no part of the URL."""
    if url == "none":
        return None
    scheme = "socks5" if url.startswith(SOCKS) else "http"
    try:
        parts = urlsplit(url)
        port, name = parts.port or PORTS[scheme], parts.hostname
    except ValueError:
        name = None
    if not name or not (url.startswith((*SOCKS, "http://")) and url.isascii() and url.isprintable()) or parts.path.strip("/"):
        raise ConfigError(f"{what} has to be socks5://host:port or http://host:port, or none")
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    if bool(user) != bool(password) or not all(_is_sendable(unquote(each)) for each in (user, password)):
        raise ConfigError(f"{what} has to hold both user and password, in at most {LONGEST} ASCII letters each, or neither")
    place = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    return Proxy(f"{scheme}://{user}:{password}@{place}" if user else f"{scheme}://{place}", source)


def _is_sendable(text: str) -> bool:
    return text.isascii() and len(text) <= LONGEST


def _is_left_out(name: str, port: int | None, entries: Sequence[str]) -> bool:
    """Whether NO_PROXY names a host: itself, a domain that it is in, a network of its address, or * for all."""
    for entry in entries:
        domain, _, at = entry.rpartition(":") if entry.count(":") == 1 else (entry, "", "")
        domain = domain.removeprefix("*").removeprefix(".")
        if entry == "*" or (domain and (name == domain or name.endswith(f".{domain}")) and at in ("", str(port))):
            return True
        try:
            if ip_address(name) in ip_network(entry.strip("[]"), strict=False):
                return True
        except ValueError:
            continue
    return False
