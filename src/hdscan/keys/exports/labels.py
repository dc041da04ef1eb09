"""Labels of addresses as wallets exchange them: JSON lines (BIP-329)."""

import json

from hdscan.keys.exports.places import FileAddresses
from hdscan.keys.exports.record import clean_label
from hdscan.keys.options import Options
from hdscan.model.errors import InputError
from hdscan.model.wallet import Found, Label, WalletKind

_WHAT = "wallet labels (BIP-329)"
_TYPES = ("tx", "addr", "pubkey", "input", "output", "xpub")
_LONGEST = 100_000  # characters of the first line


def read(text: str, options: Options) -> list[Found] | None:
    """The labels of addresses; those of transactions, coins and keys are counted and left out."""
    if not _is_label(_parsed(text[:_LONGEST].partition("\n")[0])):
        return None
    addresses, labels = FileAddresses(options), list[Label]()
    others = strange = 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        entry = _parsed(line)
        if not isinstance(entry, dict) or not _is_label(entry):
            raise InputError(f"{_WHAT}: line {number} is none, it has to be an object with `type`, `ref` and `label`")
        found = addresses.find(entry["ref"]) if entry["type"] == "addr" else []
        label = clean_label(entry["label"]) if isinstance(entry.get("label"), str) else None
        if found and label:
            labels.append(Label(found[0].address, label))
        elif entry["type"] == "addr" and label:
            strange += 1
        else:
            others += 1
    said = [f"{others:,} labels that are of no address are left out"] if others else []
    said += [f"{strange:,} labels are of addresses that no configured chain has, and are left out"] if strange else []
    return [Found(kind=WalletKind.ADDRESSES, what=_WHAT, labels=tuple(labels), said=tuple(said))]


def _parsed(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _is_label(entry: object) -> bool:
    return isinstance(entry, dict) and entry.get("type") in _TYPES and isinstance(entry.get("ref"), str)
