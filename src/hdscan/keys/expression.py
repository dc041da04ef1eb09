"""Reads a key expression of BIP-380: `[fingerprint/steps]key/steps`, as wallets and descriptors write a key and its origin."""

import re
from collections.abc import Sequence

import msgspec

from hdscan.keys.extended import HARDENED, ExtendedKey, parse
from hdscan.model.errors import KeyFault

MAX_STEPS = 20  # of an origin, or below a key; none is known to have more than six
_FORM = re.compile(
    r"(?:\[(?P<fingerprint>[0-9a-fA-F]{8})(?P<origin>(?:/[0-9]{1,10}[hH']?)*)\])?"
    r"(?P<key>[0-9A-Za-z]+)(?P<below>(?:/[0-9*<>;hH']{1,100})*)"
)
_STEP = re.compile(r"([0-9]{1,10})([hH']?)")
_PATHS = re.compile(r"<([0-9]{1,10}(?:;[0-9]{1,10}){1,19})>")
_SET = re.compile(r"/\{([0-9]{1,10}(?:,[0-9]{1,10}){1,19})\}(?=/)")
EVERYTHING = "**"  # receiving and change addresses: /<0;1>/*

Paths = tuple[tuple[int, ...], ...]  # the fixed steps of every branch


class KeyExpression(msgspec.Struct, frozen=True):
    """An extended public key with where it comes from and what is derived from it.

    `origin` are the fingerprint of the master key and the steps from there, None where they are not said; a hardened step has
    HARDENED added. `paths` are the fixed steps below the key, one list for each branch (BIP-389), and `ranged` whether `*`
    follows them.
    """

    key: ExtendedKey
    origin: tuple[str, tuple[int, ...]] | None
    paths: Paths
    ranged: bool

    def __repr__(self) -> str:
        return f"<key expression with {self.key!r}>"

    def text(self, steps: Sequence[int], wildcard: bool = True) -> str:
        """The expression of one branch in the common form: xpub or tpub, h for hardened steps."""
        return f"{origin_text(self.origin)}{self.key.core}{below(steps)}{'/*' if wildcard else ''}"


def read(text: str) -> KeyExpression:
    """Read a key expression. Raises KeyFault, which never repeats it."""
    text = multipath(text.strip())
    found = _FORM.fullmatch(text)
    if not found:
        key = parse(re.sub(r"^\[.*?\]|/.*$", "", text))  # says what is wrong with the key, if that is it
        raise KeyFault(
            f"the origin or the path of the {key.prefix} is not valid: they are written [d34db33f/84h/0h/0h]{key.prefix}…/0/*"
        )
    key = parse(found["key"])
    origin = None
    if found["fingerprint"]:
        origin = found["fingerprint"].lower(), tuple(_step(step) for step in found["origin"].split("/")[1:])
        if len(origin[1]) > MAX_STEPS:
            raise KeyFault(f"the origin of the key has more than {MAX_STEPS} steps")
    paths, ranged = _paths(found["below"].split("/")[1:])
    return KeyExpression(key, origin, paths, ranged)


def multipath(text: str) -> str:
    """The text with /{0,1}/*, as Specter DIY and others write it, in the form of BIP-389."""
    return _SET.sub(lambda found: f"/<{found[1].replace(',', ';')}>", text)


def _paths(steps: list[str]) -> tuple[Paths, bool]:
    """The fixed steps of every branch, and whether a wildcard follows them."""
    if len(steps) > MAX_STEPS:
        raise KeyFault(f"the path below the key has more than {MAX_STEPS} steps")
    if steps and steps[-1] == EVERYTHING:
        steps = [*steps[:-1], "<0;1>", "*"]
    ranged = bool(steps) and steps[-1] == "*"
    if steps and steps[-1] in ("*h", "*H", "*'"):
        raise KeyFault("the addresses are hardened (/*h), which only the private key can derive: list them instead")
    paths: Paths = ((),)
    for step in steps[:-1] if ranged else steps:
        if several := _PATHS.fullmatch(step):
            if len(paths) > 1:
                raise KeyFault("the path below the key has more than one <…;…> (BIP-389)")
            paths = tuple((*paths[0], _unhardened(each)) for each in several[1].split(";"))
            if len(set(paths)) < len(paths):
                raise KeyFault("the path below the key has the same step twice in <…;…> (BIP-389)")
        else:
            paths = tuple((*path, _unhardened(step)) for path in paths)
    return paths, ranged


def _unhardened(step: str) -> int:
    index = _step(step)
    if index >= HARDENED:
        raise KeyFault("the path below the public key has a hardened step, which only the private key can derive")
    return index


def _step(text: str) -> int:
    found = _STEP.fullmatch(text)
    if not found:
        raise KeyFault("the path of the key is not valid: it is written /0/*, /<0;1>/* or /**")
    if int(found[1]) >= HARDENED:
        raise KeyFault("a step of the key's path is above 2^31 - 1 (BIP-32)")
    return int(found[1]) + (HARDENED if found[2] else 0)


def origin_text(origin: tuple[str, tuple[int, ...]] | None) -> str:
    """`[d34db33f/84h/0h/0h]`, or nothing."""
    return f"[{origin[0]}{below(origin[1])}]" if origin else ""


def below(steps: Sequence[int], hardened: str = "h") -> str:
    """`/84h/0h/0h`."""
    return "".join(f"/{step - HARDENED}{hardened}" if step >= HARDENED else f"/{step}" for step in steps)
