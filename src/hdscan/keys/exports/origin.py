"""Key expressions (BIP-380) from the fingerprints, paths and keys that files give apart."""

import re
from collections.abc import Callable

import msgspec

from hdscan.chains.bitcoin import script_pubkey
from hdscan.keys.derive import derive
from hdscan.keys.options import Options
from hdscan.model.errors import InputError
from hdscan.model.wallet import Branch, Found, Role

UNKNOWN = "00000000"  # the fingerprint that wallets write where they do not know it
MOST_KNOWN = 1_000_000  # addresses that a file may say it has given out
MOST_GAP = 10_000
_FINGERPRINT = re.compile("[0-9a-fA-F]{8}")
_PATH = re.compile(r"(?:[mM](?:/|$))?((?:\d{1,20}['hH]?)(?:/\d{1,20}['hH]?){0,19})?/?")


def fingerprint(what: str, text: str | None) -> str:
    """Eight hexadecimal digits; zeros where a file leaves it out."""
    if text is None:
        return UNKNOWN
    if not _FINGERPRINT.fullmatch(text.strip()):
        raise InputError(f"{what}: a fingerprint is not 8 hexadecimal digits")
    return text.strip().lower()


def steps(what: str, path: str) -> tuple[str, ...]:
    """The steps of a derivation path, hardened ones with h: ("84h", "0h", "0h") for m/84'/0'/0'."""
    found = _PATH.fullmatch(path.strip())
    if not found:
        raise InputError(f"{what}: a derivation path is not one (m/84'/0'/0')")
    parts = tuple(step.replace("'", "h").lower() for step in (found[1] or "").split("/") if step)
    if any(int(step.rstrip("h")) >= 1 << 31 for step in parts):
        raise InputError(f"{what}: a derivation path has a step of 2^31 or more (BIP-32)")
    return parts


def with_origin(what: str, key: str, xfp: str | None, path: str | None) -> str:
    """A key after its origin in brackets; without brackets where a file gives neither fingerprint nor path."""
    below = steps(what, path or "")
    if not below and xfp is None:
        return key
    return f"[{'/'.join((fingerprint(what, xfp), *below))}]{key}"


class GivenOut(msgspec.Struct, frozen=True):
    """How many addresses a wallet has given out, used or not, and the gap limit of its own."""

    receive: int = 0
    change: int = 0
    gap: int = 0

    def wallet(self, make: Callable[[Options], Found], options: Options) -> Found:
        """What `make` makes of the options, with branches that begin with all of these addresses and a gap beyond.

        So none is lost behind a gap that the wallet left itself.
        """
        gap = max(options.gap, min(self.gap, MOST_GAP))
        found = make(msgspec.structs.replace(options, gap=gap, forget=False))
        return msgspec.structs.replace(found, branches=tuple(self._longer(branch, options) for branch in found.branches))

    def _longer(self, branch: Branch, options: Options) -> Branch:
        known = min(self.receive if branch.role is Role.RECEIVE else self.change, MOST_KNOWN)
        addresses, source = branch.addresses, branch.source
        if source is not None and len(addresses) < known + branch.gap and known:
            addresses = tuple(derive(options.chains[branch.chain], source, 0, known + branch.gap))
        return msgspec.structs.replace(branch, addresses=addresses, source=None if options.forget else source)


def check_first(what: str, found: Found, stated: str, options: Options) -> None:
    """InputError unless the first receiving address is the one that the file states."""
    branches = (branch for branch in found.branches if branch.role is Role.RECEIVE)
    firsts = [(branch.chain, branch.addresses[0]) for branch in branches if branch.addresses]
    id_, first = next(iter([*firsts, *((entry.chain, entry.address) for entry in found.listed)]))
    chain = options.chains[id_]
    try:
        same = script_pubkey(chain, stated.strip()) == script_pubkey(chain, first)
    except InputError:
        same = False
    if not same:
        raise InputError(
            f"{what}: its keys give {first} as the first receiving address, and the file states another one: "
            "it is damaged or was changed, so export it again"
        )


def merged(wallets: list[Found], what: str, name: str | None) -> Found:
    """One wallet of several."""
    first = wallets[0]
    return msgspec.structs.replace(
        first,
        what=what,
        name=name,
        branches=tuple(branch for each in wallets for branch in each.branches),
        listed=tuple(entry for each in wallets for entry in each.listed),
        labels=tuple(label for each in wallets for label in each.labels),
        said=tuple(dict.fromkeys(sentence for each in wallets for sentence in each.said)),
    )


def saying(found: Found, *sentences: str) -> Found:
    """The same wallet with more decisions told."""
    return msgspec.structs.replace(found, said=(*found.said, *sentences))
