"""What Bitcoin's protocols share: the most money there is, and the scriptPubKey that an address stands for."""

from hashlib import sha256

MAX_MONEY = 21_000_000 * 10**8  # satoshi, Bitcoin's consensus/amount.h; what an address ever received may be more
P2PKH, P2SH = (0x00, 0x6F), (0x05, 0xC4)  # version bytes of mainnet and the test networks
HRPS = ("bc", "tb", "bcrt")
BECH32, BECH32M = 1, 0x2BC830A3  # what the checksum comes to, for witness version 0 and for the later ones
GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)

_BASE58 = {char: value for value, char in enumerate("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")}
_BASE32 = {char: value for value, char in enumerate("qpzry9x8gf2tvdw0s3jn54khce6mua7l")}


def script_pubkey(address: str) -> bytes:
    """Decode base58check P2PKH and P2SH (BIP-13) or segwit (BIP-141, BIP-173, BIP-350) of any of Bitcoin's networks.

    Raises ValueError, which never holds the address, where it is none.
    """
    hrp, one, data = address.rpartition("1")
    if one and hrp.lower() in HRPS and (address.islower() or address.isupper()):
        return _segwit(hrp.lower(), data.lower())
    return _base58(address)


def _segwit(hrp: str, data: str) -> bytes:
    try:
        values = [_BASE32[char] for char in data]
    except KeyError:
        raise ValueError("holds a character that is none of bech32's") from None
    if len(values) < 7 or len(hrp) + 1 + len(values) > 90:
        raise ValueError("has a length that no segwit address has")
    version, program = values[0], _bytes(values[1:-6])
    checksum = _polymod([*(ord(char) >> 5 for char in hrp), 0, *(ord(char) & 31 for char in hrp), *values])
    if checksum != (BECH32 if version == 0 else BECH32M):
        raise ValueError("has a wrong checksum")
    if version > 16 or not 2 <= len(program) <= 40 or (version == 0 and len(program) not in (20, 32)):
        raise ValueError("holds no witness program")
    return bytes((version + 0x50 if version else 0, len(program))) + program


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, factor in enumerate(GENERATOR):
            if top >> bit & 1:
                check ^= factor
    return check


def _bytes(fives: list[int]) -> bytes:
    """Groups of five bits as bytes; what is left over has to be fewer than five bits, all zero."""
    number = 0
    for five in fives:
        number = number << 5 | five
    size, spare = divmod(5 * len(fives), 8)
    if spare >= 5 or number & ((1 << spare) - 1):
        raise ValueError("has a wrong padding")
    return (number >> spare).to_bytes(size, "big")


def _base58(text: str) -> bytes:
    number = 0
    try:
        for char in text:
            number = number * 58 + _BASE58[char]
        raw = number.to_bytes(25, "big")
    except (KeyError, OverflowError):
        raise ValueError("is no Bitcoin address") from None
    zeros = 25 - (number.bit_length() + 7) // 8
    payload, checksum = raw[:21], raw[21:]
    if len(text) - len(text.lstrip("1")) != zeros or sha256(sha256(payload).digest()).digest()[:4] != checksum:
        raise ValueError("has a wrong checksum")
    if payload[0] in P2PKH:
        return b"\x76\xa9\x14" + payload[1:] + b"\x88\xac"
    if payload[0] in P2SH:
        return b"\xa9\x14" + payload[1:] + b"\x87"
    raise ValueError("is an address of another coin")
