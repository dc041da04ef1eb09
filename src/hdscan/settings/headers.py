"""Which headers a row may send along."""

import re
from collections.abc import Mapping

from hdscan.model.errors import ConfigError
from hdscan.model.url import Headers
from hdscan.settings.variables import Expander

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")  # a token of RFC 9110
VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
OURS = re.compile(  # they frame the message, or are for a proxy
    r"accept-encoding|connection|content-(encoding|length|type)|expect|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade",
    re.IGNORECASE,
)


def read_headers(given: Mapping[str, str], keys: Expander) -> Headers:
    """The headers with their keys filled in; ConfigError never repeats a value."""
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
