"""Bitcoin Core's descriptors: what `listdescriptors` prints and `importdescriptors` takes, also within other text."""

import re
from collections.abc import Sequence
from itertools import islice

from hdscan.keys.descriptor import of_descriptor
from hdscan.keys.exports.lines import grouped
from hdscan.keys.exports.origin import GivenOut, merged, saying
from hdscan.keys.exports.record import Record, clean, load
from hdscan.keys.options import Options
from hdscan.keys.secret import holds_private_key
from hdscan.model.errors import HdscanError, InputError, KeyFault
from hdscan.model.wallet import Found

_WHAT = "a Bitcoin Core descriptor list"
_COMMAND = re.compile(r"importdescriptors\s+['\"]?(?=\[)")
_MOST = 10_000
_MOST_COMMANDS = 100  # in one text


def read_text(text: str, options: Options) -> list[Found] | None:
    """The descriptors of an `importdescriptors` command in a text, as Coldcard and others export it."""
    commands = _COMMAND.finditer(text) if "importdescriptors" in text else iter(())
    lists = [load(text, found.end())[0] for found in islice(commands, _MOST_COMMANDS)]
    return read({"descriptors": [entry for each in lists for entry in each]}, options) if lists else None


def read(data: object, options: Options) -> list[Found] | None:
    """All descriptors of a Core wallet as one wallet, inactive ones, too."""
    entries = data.get("descriptors") if isinstance(data, dict) else data
    if not isinstance(entries, list) or not entries or not all(isinstance(each, dict) and "desc" in each for each in entries):
        return None
    if len(entries) > _MOST:
        raise InputError(f"{_WHAT}: has more than {_MOST:,} descriptors")
    records = [Record(_WHAT, each, f"descriptors[{number}].") for number, each in enumerate(entries, 1)]
    texts = {record.text("desc"): record for record in records}
    if any(holds_private_key(text) for text in texts):
        raise KeyFault(f"{_WHAT}: holds private keys: run `bitcoin-cli listdescriptors` without `true`")
    wallets, left_out = [], []
    groups = grouped(list(texts))
    for group in groups:
        try:
            wallets.append(_wallet([texts[text] for text in group], options))
        except HdscanError as error:
            left_out.append(f"left out: descriptor {records.index(texts[group[0]]) + 1} of {len(records)}, since {error}")
    if not wallets:
        raise InputError(f"{_WHAT}: none of its {len(records)} descriptors can be read; {left_out[0]}")
    name = clean(data["wallet_name"]) if isinstance(data, dict) and isinstance(data.get("wallet_name"), str) else None
    found = merged(wallets, _WHAT, name)
    return [saying(found, *_said(wallets), *left_out)]


def _wallet(group: list[Record], options: Options) -> Found:
    counts = [(record.data.get("internal") is True, max(record.count("next_index"), record.count("next"))) for record in group]
    receive, change = (max((count for internal, count in counts if internal is kind), default=0) for kind in (False, True))
    text = "\n".join(record.text("desc") for record in group)
    return GivenOut(receive, change).wallet(lambda own: of_descriptor(text, own), options)


def _said(wallets: Sequence[Found]) -> list[str]:
    return [f"{len(wallets)} pairs of descriptors are one wallet, as they are in Bitcoin Core"] if len(wallets) > 1 else []
