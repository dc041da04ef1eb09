"""JSON is decoded strictly: what is not exactly as the protocol says is an error."""

from typing import Any

import msgspec
import pytest

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.reading import ReadError
from hdscan.wire.strict import MAX_UINT256, decode, read_decimal, refuse_repeats

INTEGER = msgspec.json.Decoder(int)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"NaN",
        b"Infinity",
        b"1.0",
        b"1e3",
        b"true",
        b'"1"',
        b"null",
        b"01",
        b"1 2",
        b"+1",
        b"\xff",
        b'"\xff"',
        b"[" * 1_000_000,
        b'{"a":' * 1_000_000,
        b"1" * 10_000,
    ],
)
def test_what_is_no_integer_is_malformed(body: bytes) -> None:
    with pytest.raises(CallError) as caught:
        decode(INTEGER, body, "the number")
    assert caught.value.fault is ReadCode.MALFORMED
    assert len(str(caught.value)) < 200


def test_integers_of_any_size_stay_exact() -> None:
    assert decode(INTEGER, str(MAX_UINT256).encode(), "the number") == MAX_UINT256


def test_an_amount_is_an_unsigned_256_bit_integer() -> None:
    assert read_decimal("0") == 0
    assert read_decimal(str(MAX_UINT256)) == MAX_UINT256
    for value in (-1, MAX_UINT256 + 1):
        assert isinstance(read_decimal(str(value)), ReadError)


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", " 1", "1 ", "1_000", "1e3", "0x1", "00", "01", "\u0661", str(2**256), "9" * 5000]
)
def test_a_decimal_amount_is_digits_and_nothing_else(text: str) -> None:
    assert isinstance(read_decimal(text), ReadError)


def test_a_repeated_member_is_refused() -> None:
    refuse_repeats(b'{"a":1}', {b'"a"': 1})
    with pytest.raises(CallError, match="more than once"):
        refuse_repeats(b'{"a":1,"a":2}', {b'"a"': 1})


@pytest.mark.parametrize("name", [rb"b\u0061lance", rb"balanc\u0065", rb"tx\u005fsum", rb"x\u0031"])
def test_a_member_cannot_be_repeated_by_writing_its_name_in_escapes(name: bytes) -> None:
    with pytest.raises(CallError, match="escapes"):
        refuse_repeats(b'{"balance":1,"' + name + b'":2}', {b'"balance"': 1})
    refuse_repeats(rb'{"balance":1,"more":"\u003c\u0027\u00e9\n"}', {b'"balance"': 1})  # as HTML-safe encoders write


def test_what_is_not_utf8_is_refused_where_nobody_looks_too() -> None:
    decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
    for body in (b'{"more":"\xff"}', b'{"more":{"\xc0\x80":1}}'):
        with pytest.raises(CallError, match="not JSON"):
            decode(decoder, body, "the reply")


def test_a_place_hundreds_of_lists_deep_is_not_named_whole() -> None:
    body = b"[" * 400 + b"1e400" + b"]" * 400
    with pytest.raises(CallError) as caught:
        decode(msgspec.json.Decoder(list[Any]), body, "the reply")
    assert len(str(caught.value)) < 250
