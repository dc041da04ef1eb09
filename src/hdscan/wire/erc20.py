"""What an ERC-20 contract says of itself: decimals() and symbol() (eips.ethereum.org/EIPS/eip-20)."""

from binascii import unhexlify

import msgspec

from hdscan.model.errors import ReadCode
from hdscan.model.provider import TokenFacts
from hdscan.model.reading import ReadError
from hdscan.wire.jsonrpc import Call
from hdscan.wire.strict import decode, malformed

DECIMALS = "313ce567"
SYMBOL = "95d89b41"
LONGEST = 64  # characters of a symbol
EMPTY = ReadError(ReadCode.EMPTY, "no data: there is no contract at the token's address")
_text = msgspec.json.Decoder(str)


def call(contract: str, selector: str, tag: str) -> Call:
    """The eth_call of one of these functions."""
    return "eth_call", ({"to": contract, "data": f"0x{selector}"}, tag)


def returned(answer: msgspec.Raw) -> bytes:
    """Decode the result of `call`; raises CallError MALFORMED."""
    return from_hex(decode(_text, answer, "the result"))


def from_hex(text: str) -> bytes:
    """Read hexadecimal data; raises CallError MALFORMED."""
    try:
        if not text.startswith("0x"):
            raise ValueError(text)
        return unhexlify(text[2:])
    except ValueError:
        raise malformed("not hexadecimal data") from None


def facts(decimals: bytes, symbol: bytes = b"") -> TokenFacts | ReadError:
    """Make facts of what the two functions returned; without a contract there is no data at all (EMPTY)."""
    if not decimals:
        return EMPTY
    value = int.from_bytes(decimals)
    if len(decimals) != 32 or value > 255:
        return ReadError(ReadCode.MALFORMED, "decimals() is no number from 0 to 255")
    return TokenFacts(value, _symbol(symbol))


def _symbol(data: bytes) -> str | None:
    """Read a string, or bytes32 as older tokens have it; None for anything else, and for an empty one."""
    if len(data) == 32:
        data = data.rstrip(b"\0")
    elif len(data) >= 64 and int.from_bytes(data[:32]) == 32:
        data = data[64 : 64 + int.from_bytes(data[32:64])]
    else:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return text if text and len(text) <= LONGEST and text.isprintable() else None
