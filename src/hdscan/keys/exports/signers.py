"""A multisig wallet as a list of signers: Coldcard's text, which BlueWallet, Keystone, Jade, Passport and Krux share.

Lines are `Name:`, `Policy: 2 of 3`, `Derivation:` (for all keys after it, or for each), `Format:`, `Sorted:`, and
`fingerprint: key`. Sources: shared/multisig.py of Coldcard's firmware, MultisigHDWallet of BlueWallet, Jade's multisig files.
"""

import re

from hdscan.keys.exports.multisig import MOST_SIGNERS, Policy, of_policy
from hdscan.keys.exports.origin import with_origin
from hdscan.keys.exports.record import clean
from hdscan.keys.options import Options
from hdscan.model.errors import InputError, KeyFault
from hdscan.model.wallet import Found

_WHAT = "a multisig setup file (as of Coldcard)"
_LINE = re.compile(r"\s*(#?)\s*([A-Za-z][A-Za-z ]{0,20}|[0-9a-fA-F]{8})\s*:\s*(.*?)\s*")
_POLICY = re.compile(r"(\d{1,3})\s*(?:of|/)\s*(\d{1,3})", re.IGNORECASE)
_KEY = re.compile(r"[A-Za-z](?:pub|tub|gub|prv|tpv|gpv)\w+")
_MOST_LINES = 1000
_BEGINS = re.compile(r"^\s*(?:policy|format)\s*:", re.IGNORECASE | re.MULTILINE)
_FINGERPRINT = re.compile("[0-9a-f]{8}")


def read(text: str, options: Options) -> list[Found] | None:
    """The wallet that the lines describe; None if there is neither a policy nor a format."""
    if not _BEGINS.search(text[:20_000]):
        return None
    lines = text.splitlines()
    if len(lines) > _MOST_LINES:
        raise InputError(f"{_WHAT}: has more than {_MOST_LINES:,} lines")
    setup = _Setup()
    for number, line in enumerate(lines, 1):
        setup.take(number, line)
    return [of_policy(_WHAT, setup.policy(), options, clean(setup.said.get("name", "")))]


class _Setup:
    def __init__(self) -> None:
        self.said: dict[str, str] = {}
        self._signers: list[str] = []
        self._path: str | None = None
        self._own_path: str | None = None  # of the next key alone
        self._waiting: str | None = None  # a fingerprint whose key stands in the next line

    def take(self, number: int, line: str) -> None:
        waiting, self._waiting = self._waiting, None
        found = _LINE.fullmatch(f"{waiting}: {line}" if waiting and _KEY.fullmatch(line.strip()) else line)
        if not found:
            if line.strip() and not line.strip().startswith("#"):
                raise InputError(f"{_WHAT}: line {number} is neither `name: value` nor a key after its fingerprint")
            return
        comment, name, value = found[1], found[2].lower(), found[3]
        if comment:
            self._own_path = value if name == "derivation" else self._own_path  # BlueWallet's
        elif name == "derivation":
            self._path = value
        elif _FINGERPRINT.fullmatch(name):
            self._key(name, value)
        elif name == "seed":
            raise KeyFault(f"{_WHAT}: line {number} holds a seed. hdscan needs none: export the file for cosigners instead")
        elif name in self.said:
            raise InputError(f"{_WHAT}: line {number} says again what a line before it says")
        else:
            self.said[name] = value

    def _key(self, fingerprint: str, key: str) -> None:
        if not key:
            self._waiting = fingerprint
            return
        self._signers.append(with_origin(_WHAT, key, fingerprint, self._own_path or self._path))
        self._own_path = None
        if len(self._signers) > MOST_SIGNERS:
            raise InputError(f"{_WHAT}: has more than {MOST_SIGNERS} keys")

    def policy(self) -> Policy:
        if missing := next((name for name in ("policy", "format") if not self.said.get(name)), None):
            raise InputError(f"{_WHAT}: the line `{missing.title()}` is missing")
        quorum = _POLICY.fullmatch(self.said["policy"])
        if not quorum:
            raise InputError(f"{_WHAT}: its policy is not written `2 of 3`")
        return Policy(
            form=self.said["format"],
            threshold=int(quorum[1]),
            total=int(quorum[2]),
            signers=tuple(self._signers),
            is_sorted=self.said.get("sorted", "true").lower() not in ("false", "no", "0"),
        )
