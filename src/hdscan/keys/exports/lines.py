"""Text with descriptors or key expressions, one a line: labelled or not, with comments, as nearly every wallet shows them."""

import re
from collections.abc import Iterable, Iterator

from hdscan.keys.account import of_key
from hdscan.keys.descriptor import of_descriptor
from hdscan.keys.exports.record import clean
from hdscan.keys.options import Options
from hdscan.model.errors import InputError
from hdscan.model.wallet import Found

_DESCRIPTOR = re.compile(r"(?:pkh|wpkh|sh|wsh|tr|addr|raw|pk|combo|multi|sortedmulti|rawtr|sp)\(.*", re.DOTALL)
_KEY = re.compile(r"(?:\[[^\]\s]{0,300}\])?[A-Za-z](?:pub|tub|gub|prv|tpv|gpv)[0-9A-Za-z]{20,}(?:/\S{0,300})?")
_LABEL = re.compile(r"([A-Za-z][\w ()/.-]{0,60})\s*[:=]\s*(.*)", re.DOTALL)
_NAMES = ("name", "label", "wallet", "wallet name")
_SPECTER = "addwallet "  # Specter DIY
_ADD_WALLET = re.compile(r"(?:(?:add|import)wallet\s+)?([^&()]{1,200})&(.*)", re.DOTALL)
_BRANCH = re.compile(r"/(?:<[0-9;]{1,100}>/\*|\*\*|[0-9]{1,10}/\*)(?=[,)}]|$)|(?<=[0-9A-Za-z])(?=[,)])")
_MOST_LINES = 10_000
_LONGEST = 100_000  # characters of a descriptor over several lines
_QUOTED = ' "'
_BLANK = " \t\u200b\ufeff"


def read(text: str, options: Options) -> list[Found] | None:
    """A wallet for each key and each descriptor, receiving and change in one; None if the text begins with something else."""
    name, descriptors, keys = None, [], []
    for number, line in enumerate(_joined(text), 1):
        label, value = _unlabelled(line)
        if _DESCRIPTOR.fullmatch(value):
            descriptors.append(value)
        elif _KEY.fullmatch(value):
            keys.append(value)
        elif label in _NAMES:
            name = clean(value)
            continue
        elif not descriptors and not keys:
            return None
        else:
            raise InputError(f"line {number} (not counting comments) is neither a descriptor nor an extended public key")
        if label and label.startswith(_SPECTER):
            name = clean(label.removeprefix(_SPECTER))
        if len(descriptors) + len(keys) > _MOST_LINES:
            raise InputError(f"there are more than {_MOST_LINES:,} descriptors and keys at once")
    wallets = [of_descriptor("\n".join(group), options, name=name) for group in grouped(descriptors)]
    return [*wallets, *(of_key(key, options, name=name) for key in dict.fromkeys(keys))] or None


def _unlabelled(line: str) -> tuple[str | None, str]:
    """What stands before a descriptor or a key, as in `Receive: wpkh(…)`, and the rest."""
    if specter := _ADD_WALLET.fullmatch(line):
        return f"{_SPECTER}{specter[1]}", specter[2].strip()
    labelled = _LABEL.fullmatch(line)
    if labelled and labelled[1].count("(") == labelled[1].count(")"):  # a miniscript has colons of its own: and_v(v:pk(…), …)
        return labelled[1].strip().lower(), labelled[2].strip(_QUOTED)
    return None, line.strip(_QUOTED)


def _joined(text: str) -> Iterator[str]:
    """The lines that are no comments; a descriptor that has an open bracket goes on in the next."""
    pending, depth, is_descriptor = "", 0, False
    for each in text.splitlines():
        line = each.strip(_BLANK)
        if not line or (not pending and line.startswith(("#", "//"))):
            continue
        is_descriptor = is_descriptor if pending else _DESCRIPTOR.search(line) is not None
        pending += line
        depth += line.count("(") - line.count(")")
        if depth <= 0 or not is_descriptor or len(pending) > _LONGEST:
            yield pending
            pending, depth = "", 0
    if pending:
        yield pending


def grouped(descriptors: Iterable[str]) -> list[list[str]]:
    """Descriptors of one wallet together: those that differ by the branch alone."""
    groups: dict[str, list[str]] = {}
    for text in dict.fromkeys(descriptors):
        bare = re.sub(r"#\w*\s*$", "", text).replace("'", "h")
        groups.setdefault(_BRANCH.sub("/~", bare), []).append(text)
    return list(groups.values())
