"""Decode JSON strictly: any deviation from the protocol is a CallError, never a value."""

import re
from typing import Annotated, TypeVar

import msgspec

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.reading import ReadError

T = TypeVar("T")

Transactions = Annotated[int, msgspec.Meta(ge=0, lt=2**40)]
"""A number of transactions; no chain has had as many."""

LONGEST = 200  # characters of the decoder's message, which names a place at any depth
MAX_UINT256 = 2**256 - 1
_ESCAPED = re.compile(rb"\\u00(?:[46][1-9a-fA-F]|[57][0-9aA]|5[fF]|3[0-9])")  # letters, digits, _: never escaped
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)


def malformed(message: str) -> CallError:
    """The error of a reply that breaks the protocol."""
    return CallError(ReadCode.MALFORMED, message)


def decode(decoder: msgspec.json.Decoder[T], body: bytes | msgspec.Raw, what: str) -> T:
    """Decode a JSON text of `what`.

    NaN, booleans or floats where an integer belongs, invalid UTF-8, trailing bytes and nesting beyond the interpreter's
    limit are refused; integers of any size stay exact. Raises CallError MALFORMED.
    """
    try:
        if isinstance(body, bytes) and not body.isascii():
            body.decode()  # msgspec skips members that it has no field for
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise malformed(f"{what}: {str(error)[:LONGEST]}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise malformed(f"{what} is not JSON") from None


def refuse_repeats(body: bytes, most: dict[bytes, int]) -> None:
    """Refuse a reply in which a member is repeated, as duplicates are ambiguous (RFC 8259, section 4).

    `most` gives quoted names and how often each may occur. Raises CallError MALFORMED.
    """
    if b"\\u00" in body and _ESCAPED.search(body):
        raise malformed("a member may stand twice: there are letters that are written as escapes")
    for name, times in most.items():
        if body.count(name) > times:
            raise malformed(f"the member {name.decode()} stands more than once")


def below_63_bits(value: int, what: str) -> int:
    """Check a height, slot or chain id against what the database holds; raises CallError MALFORMED."""
    if value >= 2**63:
        raise malformed(f"{what} is beyond 63 bits")
    return value


def read_decimal(text: str) -> int | ReadError:
    """Read an item's amount, at most 2**256 - 1: ASCII digits without sign, blanks or leading zeros."""
    if not _DECIMAL.fullmatch(text):
        return ReadError(ReadCode.MALFORMED, "the amount is not a decimal integer")
    amount = int(text)
    return amount if amount <= MAX_UINT256 else ReadError(ReadCode.MALFORMED, "the amount is above 2^256 - 1")


def refuse_excess(amount: int, supply: int | None) -> None:
    """Raise CallError where an amount, in base units, is more than all the coins there can be; None is any number of them."""
    if supply is not None and amount > supply:
        raise malformed("a balance of more coins than there can be")
