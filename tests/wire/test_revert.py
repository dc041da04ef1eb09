"""What a contract returns with a revert is said in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdscan.wire.revert import ERROR, PANIC, PANICS, reverted
from hdscan.wire.words import SHOWN


def error(text: bytes, offset: int = 32) -> bytes:
    """Error(string) as Solidity encodes it."""
    return ERROR + offset.to_bytes(32) + len(text).to_bytes(32) + text + bytes(-len(text) % 32)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "reverted"),
        (b"\x12", "reverted"),
        (error(b"Invalid token ID"), "reverted: Invalid token ID"),
        (error(b""), "reverted"),
        (error(b"<b>a\x1b[31m\xff\n b"), "reverted: a [31m\ufffd b"),
        (PANIC + (0x12).to_bytes(32), "reverted: panic 0x12, division by zero"),
        (PANIC + (0x77).to_bytes(32), "reverted: panic 0x77"),
        (PANIC + (2**255).to_bytes(32), "reverted: panic"),
        (PANIC + b"short", "reverted: error 0x4e487b71"),
        (error(b"x", offset=64), "reverted: error 0x08c379a0"),
        (bytes.fromhex("77209fe8") + bytes(64), "reverted: error 0x77209fe8"),
    ],
)
def test_revert_data_is_said_in_words(data: bytes, said: str) -> None:
    assert reverted(data) == said


def test_every_panic_of_solidity_is_named() -> None:
    assert all(reverted(PANIC + code.to_bytes(32)).endswith(f"0x{code:02x}, {text}") for code, text in PANICS.items())


def test_a_size_beyond_the_data_reads_what_is_there() -> None:
    assert reverted(ERROR + (32).to_bytes(32) + (2**256 - 1).to_bytes(32) + b"why") == "reverted: why"


@given(st.sampled_from([b"", ERROR, PANIC]), st.binary(max_size=200))
def test_any_data_becomes_one_short_plain_line(selector: bytes, data: bytes) -> None:
    said = reverted(selector + data)
    assert said.isprintable()
    assert said.startswith("reverted")
    assert len(said) <= SHOWN + len("reverted: ")
