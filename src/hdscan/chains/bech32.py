"""Explains why a segwit address is invalid (BIP-173, BIP-350), where libwally gives no reason."""

import re

from hdscan.chains.family import stranger

_OUTSIDE = re.compile(r"[^ac-hj-np-zAC-HJ-NP-Z02-9]")
_VALUES = {character: value for value, character in enumerate("qpzry9x8gf2tvdw0s3jn54khce6mua7l")}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32, _BECH32M = 1, 0x2BC830A3


def refusal(text: str, start: int) -> str:
    """What is wrong with a text whose data part, after the prefix and its 1, begins at `start`."""
    if _OUTSIDE.search(text, start):
        return stranger(text, _OUTSIDE, "bech32", start)
    if text not in (text.lower(), text.upper()):
        return "mixes upper and lower case, which bech32 forbids"
    if len(text) > 90:
        return "is longer than the 90 characters of bech32"
    if len(text) < start + 7:
        return "is cut off: it holds no witness program"
    prefix = [ord(character) for character in text[: start - 1].lower()]
    values = [_VALUES[character] for character in text[start:].lower()]
    checksum = _polymod([c >> 5 for c in prefix] + [0] + [c & 31 for c in prefix] + values)
    if checksum not in (_BECH32, _BECH32M):
        return "has a wrong checksum: mistyped or cut off"
    return _program(values[0], values[1:-6], checksum)


def _program(version: int, groups: list[int], checksum: int) -> str:
    """What is wrong despite a correct checksum; `groups` are the witness program's, of 5 bits each."""
    if version > 16:
        return f"has witness version {version}, and the highest is 16"
    if (version == 0) != (checksum == _BECH32):
        has, needs = ("bech32m", "bech32") if version == 0 else ("bech32", "bech32m")
        return f"has the checksum of {has} where witness version {version} takes {needs} (BIP-350)"
    length, spare = divmod(len(groups) * 5, 8)
    if spare > 4 or (groups and groups[-1] & ((1 << spare) - 1)):
        return "has padding that is too long or not zero"
    return f"holds {length} bytes where witness version {version} holds {'20 or 32' if version == 0 else '2 to 40'}"


def _polymod(values: list[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            checksum ^= generator if top >> bit & 1 else 0
    return checksum
