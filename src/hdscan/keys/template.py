"""Takes an output descriptor (BIP-380) apart: its functions, its keys, and what is fixed."""

import re
from collections.abc import Callable
from typing import Self

import msgspec

from hdscan.keys.checksum import checksum
from hdscan.keys.expression import KeyExpression, Paths, multipath, read
from hdscan.keys.secret import holds_private_key
from hdscan.model.errors import KeyFault

MAX_LENGTH = 20_000  # characters; twenty keys with their origins have 4,000
MAX_DEPTH = 60  # of functions
MOST_KEYS = 15  # of a multisig, as libwally has it; BIP-383 allows 20 within wsh()
HASHES = {"sha256": 64, "hash256": 64, "ripemd160": 40, "hash160": 40}  # hexadecimal digits
MULTISIGS = ("multi", "sortedmulti")
_OUTER = ("pkh", "wpkh", "sh", "wsh", "tr", "rawtr", "combo", "addr", "raw")
_IN_SH = ("pk", "pkh", "wpkh", "wsh", *MULTISIGS)
_INCOMPLETE = "the descriptor is not complete: a parenthesis is missing, or one too many"
_OTHER = f"this is not an output descriptor: one begins with {', '.join(f'{each}(' for each in _OUTER)}"
_PARTS = re.compile(r"((?:[a-z]{1,20}:)?[a-z_0-9]+)\(|[^(),]+|[,)]")
_PUBLIC_KEY = re.compile(
    r"(?:\[[0-9a-fA-F]{8}(?:/[0-9]{1,10}[hH']?){0,20}\])?(?:0[23][0-9a-fA-F]{64}|04[0-9a-fA-F]{128}|[0-9a-fA-F]{64})"
)
_NUMBER = re.compile("[0-9]{1,10}")
_HEXADECIMAL = re.compile("(?:[0-9a-fA-F]{2}){1,520}")


class Template(msgspec.Struct, frozen=True):
    """A descriptor whose extended keys are read: `parts` are texts and key expressions in turn.

    `functions` are its functions in order, `address` is the argument of addr(), `public_keys` how many keys
    are no extended ones.
    """

    parts: tuple[str | KeyExpression, ...]
    functions: tuple[str, ...]
    address: str | None = None
    public_keys: int = 0

    def __repr__(self) -> str:
        return f"<descriptor of {len(self.keys)} extended keys>"

    @property
    def keys(self) -> tuple[KeyExpression, ...]:
        """Its extended keys."""
        return tuple(part for part in self.parts if isinstance(part, KeyExpression))

    @property
    def ranged(self) -> bool:
        """Whether a wildcard follows any key."""
        return any(key.ranged for key in self.keys)

    @property
    def kind(self) -> str:
        """Its functions as far as they are common: `sh(wpkh)`, `wsh(2 of 3)`, `wsh(miniscript)`."""
        depth = next((number for number, each in enumerate(self.functions) if each not in ("sh", "wsh")), 0)
        inner = self.functions[depth:]
        if inner[0] in MULTISIGS:
            threshold = next(self.parts[at + 1] for at, part in enumerate(self.parts) if part == f"{inner[0]}(")
            shown = f"{threshold} of {len(self.keys) + self.public_keys}"
        else:
            shown = inner[0] if len(inner) == 1 else "miniscript"
        return "(".join((*self.functions[:depth], shown)) + ")" * depth

    def text(self) -> str:
        """The descriptor in the common form, of the first of its branches."""
        return "".join(part if isinstance(part, str) else part.text(part.paths[0], part.ranged) for part in self.parts)

    def branch(self, number: int) -> Self:
        """The descriptor of one of its branches (BIP-389)."""
        return self.with_paths(lambda key: (key.paths[number % len(key.paths)],))

    def with_paths(self, paths: Callable[[KeyExpression], Paths], ranged: bool | None = None) -> Self:
        """The descriptor with other paths below its extended keys."""
        return msgspec.structs.replace(
            self,
            parts=tuple(
                part
                if isinstance(part, str)
                else msgspec.structs.replace(part, paths=paths(part), ranged=part.ranged if ranged is None else ranged)
                for part in self.parts
            ),
        )


def parse(text: str) -> Template:
    """Take a descriptor apart. Raises KeyFault, which repeats nothing of it."""
    text = "".join(text.split())
    if len(text) > MAX_LENGTH:
        raise KeyFault(f"the descriptor is longer than {MAX_LENGTH:,} characters")
    if holds_private_key(text):
        raise KeyFault(
            "the descriptor holds a private key, and hdscan only watches: export the public one, "
            "and treat this one as exposed if it was typed on a command line"
        )
    body, hashed, check = text.partition("#")
    if hashed and not _checks(body, check):
        raise KeyFault("the checksum of the descriptor is wrong: mistyped or cut off")
    return _Parser(multipath(body)).template()


def _checks(body: str, check: str) -> bool:
    try:
        return checksum(body) == check
    except ValueError:
        return False


class _Parser:
    def __init__(self, body: str) -> None:
        self._body = body
        self._open: list[str] = []
        self._parts: list[str | KeyExpression] = []
        self._functions: list[str] = []
        self._address: str | None = None
        self._public_keys = 0
        self._arguments = 0  # of the function that was begun last

    def template(self) -> Template:
        end = 0
        for found in _PARTS.finditer(self._body):
            if found.start() != end or (end and not self._open):
                break
            end = found.end()
            if found[1]:
                self._function(found[1])
            elif found[0] in ",)":
                self._mark(found[0])
            else:
                self._argument(found[0])
        if end < len(self._body) or self._open or not self._functions:
            raise KeyFault(_INCOMPLETE)
        return Template(tuple(self._parts), tuple(self._functions), self._address, self._public_keys)

    def _function(self, name: str) -> None:
        function = name.rsplit(":", maxsplit=1)[-1]
        outer = self._open[-1] if self._open else None
        if function == "musig":
            raise KeyFault("a descriptor with musig() (BIP-390) cannot be read here: list the addresses instead")
        if outer is None and function in ("pk", *MULTISIGS):
            raise KeyFault(f"{function}() without sh() or wsh() has no address, and balances are read by address")
        if outer is None and function not in _OUTER:
            raise KeyFault(_OTHER)
        if (outer == "sh" and function not in _IN_SH) or (
            outer not in (None, "sh") and function in _OUTER and function != "pkh"
        ):
            raise KeyFault("a function of the descriptor may not stand within another one of it (BIP-381 to 386)")
        if len(self._open) == MAX_DEPTH:
            raise KeyFault(f"the descriptor has more than {MAX_DEPTH} functions within each other")
        self._arguments = 0
        self._open.append(function)
        self._functions.append(function)
        self._parts.append(f"{name}(")

    def _mark(self, mark: str) -> None:
        if not self._open:
            raise KeyFault(_INCOMPLETE)
        if mark == "," and self._open[-1] == "tr":
            raise KeyFault(
                "a tr() with a tree of scripts (BIP-386) cannot be read here, only one with its key: list the addresses"
            )
        if mark == ")":
            self._open.pop()
        self._parts.append(mark)

    def _argument(self, text: str) -> None:
        outer = self._open[-1] if self._open else None
        if outer is None:
            raise KeyFault(_OTHER)
        self._arguments += 1
        if outer in MULTISIGS and self._arguments > 1 + MOST_KEYS:
            raise KeyFault(f"a multisig of more than {MOST_KEYS} keys cannot be read here: list the addresses instead")
        if outer == "addr":
            self._address = text
        elif outer == "raw" or outer in HASHES:
            if not _HEXADECIMAL.fullmatch(text) or HASHES.get(outer, len(text)) != len(text):
                raise KeyFault(f"{outer}() in the descriptor needs hexadecimal digits, and the right number of them")
        elif _NUMBER.fullmatch(text):
            pass
        elif _PUBLIC_KEY.fullmatch(text):
            self._public_keys += 1
            text = text.lower().replace("'", "h")
        else:
            self._parts.append(read(text))
            return
        self._parts.append(text)
