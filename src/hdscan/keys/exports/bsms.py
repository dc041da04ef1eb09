"""Wallets set up by several signers: the descriptor record of BSMS 1.0 (BIP-129)."""

import re

from hdscan.keys.descriptor import of_descriptor
from hdscan.keys.exports.origin import check_first
from hdscan.keys.options import Options
from hdscan.keys.template import parse
from hdscan.model.errors import InputError
from hdscan.model.wallet import Found

_WHAT = "a BSMS wallet (BIP-129)"
_UNRESTRICTED = "no path restrictions"
_RESTRICTION = re.compile(r"/(\d{1,10})/\*")


def read(text: str, options: Options) -> list[Found] | None:
    """The wallet of a descriptor record; InputError unless its first address is the one that its keys give."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or not re.match(r"BSMS\b", lines[0]):
        return None
    if lines[0] != "BSMS 1.0":
        raise InputError("this is a BSMS file of another version than 1.0 (BIP-129)")
    if len(lines) > 1 and re.fullmatch("[0-9a-fA-F]{2,64}", lines[1]):
        raise InputError("this is a BSMS key record, which is one signer's: give the descriptor record, which has all keys")
    if len(lines) != 4:
        raise InputError(f"{_WHAT}: has {len(lines)} lines, and a descriptor record has 4; it is cut off or damaged")
    _, template, paths, first = lines
    found = of_descriptor(_filled(template, paths), options, what=_WHAT)
    check_first(_WHAT, found, first, options)
    return [found]


def _filled(template: str, paths: str) -> str:
    """The descriptor of a template and its path restrictions, as in /0/*,/1/*."""
    if paths.lower() == _UNRESTRICTED:
        return template
    restrictions = [_RESTRICTION.fullmatch(path.strip()) for path in paths.split(",")]
    indices = [found[1] for found in restrictions if found]
    if len(indices) < len(restrictions) or not 1 <= len(indices) <= 2:
        raise InputError(f"{_WHAT}: its path restrictions are not written /0/*,/1/*")
    if indices == ["0", "1"] or "/**" not in template:
        return template
    parse(template)  # checks its checksum, which is of the template
    below = f"<{';'.join(indices)}>" if len(indices) > 1 else indices[0]
    return template.partition("#")[0].replace("/**", f"/{below}/*")
