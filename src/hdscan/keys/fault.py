"""Says what is wrong with a text that is no address, above all if it is a secret; it repeats one character of it at most."""

import re

from hdscan.model.chain import Family

_B58 = "[1-9A-HJ-NP-Za-km-z]"
_SECRETS = tuple(
    (re.compile(pattern), what)
    for pattern, what in (
        (
            rf"[a-zA-Z]prv{_B58}{{30,}}",
            "an extended private key: hdscan needs none; keep it away from programs that only watch",
        ),
        (rf"[5KL9c]{_B58}{{50,51}}", "a private key (WIF): hdscan needs none; keep it away from programs that only watch"),
        (rf"6P{_B58}{{56}}", "an encrypted private key (BIP-38): hdscan needs none; give the address"),
        (r"(?:0[xX])?[0-9a-fA-F]{64}", "a private key or a transaction id (64 hexadecimal digits), not an address"),
        (r"(?:0[xX])?[0-9a-fA-F]{128}", "a seed or a private key (128 hexadecimal digits), not an address"),
        (rf"{_B58}{{86,88}}", "a private key or a signature (64 bytes of base58), not an address"),
        (r"\[\s*\d{1,3}\s*(?:,\s*\d{1,3}\s*){31,}\]?", "a private key (a list of bytes): hdscan needs none; give the address"),
        (rf"[a-zA-Z]pub{_B58}{{30,}}", "an extended public key: `hdscan derive` makes addresses of it"),
        (r"[^\W\d_]{2,8}(?:[\s,;]+[^\W\d_]{2,8}){11,23}", "a mnemonic: `hdscan derive --seed-stdin` makes addresses of it"),
    )
)
_IN_A_SENTENCE = re.compile(r"[0-9A-Za-z]{51,}|\b[a-z]{3,8}(?: [a-z]{3,8}){11,}\b")
_FAMILIES = {
    Family.BITCOIN: ("a Bitcoin", re.compile(rf"(?:bcrt|bc|tb)1[a-z0-9]{{6,87}}|[123mn]{_B58}{{25,34}}")),
    Family.EVM: ("an EVM", re.compile(r"0x[0-9a-fA-F]{40}")),
    Family.SOLANA: ("a Solana", re.compile(rf"{_B58}{{43,44}}")),
}
_NOT_BASE58 = re.compile(r"[^1-9A-HJ-NP-Za-km-z]")
_NOT_BECH32 = re.compile(r"[^ac-hj-np-zAC-HJ-NP-Z02-9]")
_NOT_HEX = re.compile(r"[^0-9a-fA-F]")
_ANY_BECH32 = re.compile(r"([a-z]{1,10})1[ac-hj-np-z02-9]{8,}", re.IGNORECASE)

_VALUES = {character: value for value, character in enumerate("qpzry9x8gf2tvdw0s3jn54khce6mua7l")}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32, _BECH32M = 1, 0x2BC830A3


def masked(text: str) -> str:
    """A sentence without what has the form of a key or a mnemonic: it may repeat what was typed at the wrong place."""
    return _IN_A_SENTENCE.sub("…", text)


def recognise(text: str) -> str | None:
    """What a text looks like that is a secret or an extended key; None where it looks like neither."""
    text = text.strip()
    return next((f"looks like {what}" for pattern, what in _SECRETS if pattern.fullmatch(text)), None)


def another_family(family: Family, text: str) -> str | None:
    """That a text has the form of an address of another family than this; None where it has not."""
    fitting = [known for known, (_, form) in _FAMILIES.items() if form.fullmatch(text)]
    if not fitting or family in fitting:
        return None
    return f"looks like {_FAMILIES[fitting[0]][0]} address where {_FAMILIES[family][0]} address is expected"


def base58(text: str) -> str:
    """What keeps a text from being base58."""
    if not text:
        return "is empty"
    if coin := _ANY_BECH32.fullmatch(text):
        return f"has the prefix {coin[1].lower()}1, which is not one of Bitcoin's (bc1, tb1, bcrt1)"
    return _stranger(text, _NOT_BASE58, "base58")


def evm(text: str) -> str:
    """What keeps a text from being 0x and 40 hexadecimal digits."""
    if not text.startswith("0x"):
        return "does not begin with 0x" if text else "is empty"
    if _NOT_HEX.search(text, 2):
        return _stranger(text, _NOT_HEX, "a hexadecimal number", 2)
    return f"has {len(text) - 2} hexadecimal digits where an EVM address has 40"


def segwit(text: str) -> str:
    """What is wrong with a text that begins with a Bitcoin prefix and is no segwit address (BIP-173, BIP-350)."""
    start = text.index("1") + 1
    if _NOT_BECH32.search(text, start):
        return _stranger(text, _NOT_BECH32, "bech32", start)
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
    """What is wrong inside a right checksum: `groups` are the witness program's, of 5 bits each."""
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


def _stranger(text: str, outside: re.Pattern[str], alphabet: str, start: int = 0) -> str:
    found = outside.search(text, start)
    if not found:
        return f"is not {alphabet}"
    character = repr(found[0]) if found[0].isascii() and found[0].isprintable() else f"U+{ord(found[0]):04X}"
    return f"contains {character} as character {found.start() + 1}, which {alphabet} does not have"
