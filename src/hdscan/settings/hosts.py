"""How the host of a row is reached: its url, headers and certificate, with keys filled in from outside."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hdscan.model.errors import ConfigError
from hdscan.model.url import Headers, check_url, without_user
from hdscan.settings.proxies import Proxies
from hdscan.settings.schema import EndpointRow
from hdscan.settings.variables import Expander, content

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")  # a token of RFC 9110
VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
OURS = re.compile(  # they frame the message, or are for a proxy
    r"accept-encoding|connection|content-(encoding|length|type)|expect|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade",
    re.IGNORECASE,
)
MOST_CERTIFICATES = 2**20  # bytes of a `ca` file


def host_of(row: EndpointRow, environ: Mapping[str, str], cwd: Path, proxies: Proxies, *, lines: bool) -> dict[str, Any]:
    """The fields of an `Endpoint` that say how it is reached, or why it is off; ConfigError shows no key."""
    keys = Expander(environ, cwd)
    url, headers = keys.url(row.url), _headers(row.headers or {}, keys)
    own = None if row.proxy is None else keys.url(row.proxy, "proxy")
    off, proxy = keys.missing, None
    if off is not None:
        url = row.url
    else:
        proxy = proxies.of(url, own)
        check_url(url, lines=lines, plain=row.plain, socks=proxy is not None and proxy.is_socks)
    if headers and lines:
        raise ConfigError("headers are for hosts that speak HTTP only")
    authorized = [text for name, text in headers if name.lower() == "authorization"]
    if authorized and without_user(url)[1]:
        raise ConfigError("headers cannot set Authorization where the url has a user and password")
    if row.cookie is not None and row.protocol not in ("bitcoind", ["bitcoind"]):
        raise ConfigError("cookie is for bitcoind hosts only")
    if row.cookie is not None and (authorized or without_user(url)[1]):
        raise ConfigError("cookie names a file of user and password, so that none may stand in url or headers")
    if row.tls != "system" and not url.startswith("ssl://"):
        raise ConfigError("tls is for electrum hosts with a url of ssl:// only")
    if row.ca is not None and (row.tls != "system" or url.startswith(("http:", "tcp:"))):
        raise ConfigError('ca is for a url with TLS, and for tls = "system" only')
    ca = None if row.ca is None else _certificates(cwd / Path(row.ca).expanduser())
    off = off if row.off is None else f"off: {row.off}"
    cookie = None if row.cookie is None else str(cwd / Path(row.cookie).expanduser())
    return {"url": url, "headers": headers, "cookie": cookie, "ca": ca, "proxy": proxy, "disabled": off, "lacks": keys.unset}


def _headers(given: Mapping[str, str], keys: Expander) -> Headers:
    """The headers with their keys filled in."""
    for name in given:
        if not NAME.fullmatch(name):
            raise ConfigError("headers has a name with characters that cannot stand in one")
        if OURS.fullmatch(name):
            raise ConfigError(f"headers cannot set {name}, which hdscan sends by itself")
    if len({name.lower() for name in given}) < len(given):
        raise ConfigError("headers has a name twice, in another case of letters")
    found = tuple((name, keys.text(value, f"headers: the value of {name}")) for name, value in given.items())
    for name, value in found:
        if not VALUE.fullmatch(value):
            raise ConfigError(f"headers: the value of {name} has to be one line of printable ASCII text")
    return found


def _certificates(path: Path) -> str:
    """The path of a file that holds certificates, in full."""
    try:
        if "-----BEGIN CERTIFICATE-----" not in content(path, MOST_CERTIFICATES):
            raise ConfigError("holds no certificate in the form PEM")
    except ConfigError as error:
        raise ConfigError(f"ca: the file {path} {error}") from None
    return str(path)
