"""Quantities and words of an EVM node are read as written, and nothing else is a number."""

import msgspec
import pytest
from eth_abi import encode
from hypothesis import given
from hypothesis import strategies as st

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.reading import ReadError
from hdscan.wire import evm as wire
from tests.wire.samples import BNB, LEAVES, USDT, evm


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def test_calls_name_address_and_contract() -> None:
    assert wire.balance_call(evm(4)) == ("eth_getBalance", (evm(4).address, "latest"))
    method, (call, block) = wire.balance_call(evm(4, USDT))
    assert (method, block) == ("eth_call", "latest")
    assert call == {"to": USDT.contract, "data": "0x70a08231" + encode(["address"], [evm(4).address]).hex()}


@given(st.integers(0, 2**256 - 1))
def test_every_256_bit_number_is_read_exactly(value: int) -> None:
    assert wire.balance(raw(hex(value)), evm(0, BNB)) == value
    assert wire.balance(raw(f"0x{value:064x}"), evm(0, USDT)) == value


@pytest.mark.parametrize(
    "text",
    ["", "0", "0x", "0X1", "x1", "0x01", "0x00", "0x-1", "0xg", "0x1 ", " 0x1", "0x1_0", "0x" + "1" * 65, "0x\u0661", "latest"],
)
def test_what_is_no_quantity_is_no_balance(text: str) -> None:
    found = wire.balance(raw(text), evm(0, BNB))
    assert isinstance(found, ReadError)
    assert found.code is ReadCode.MALFORMED


def test_no_data_is_no_contract_and_not_zero() -> None:
    found = wire.balance(raw("0x"), evm(0, USDT))
    assert isinstance(found, ReadError)
    assert found.code is ReadCode.EMPTY


@pytest.mark.parametrize(
    "text", ["", "0", "0x0", "0x" + "0" * 62, "0x" + "0" * 63, "0x" + "0" * 65, "0x" + "0" * 128, "0x" + "g" * 64]
)
def test_what_is_not_one_word_is_no_token_balance(text: str) -> None:
    found = wire.balance(raw(text), evm(0, USDT))
    assert isinstance(found, ReadError)
    assert found.code is ReadCode.MALFORMED


def test_heads_and_chain_ids_fit_in_63_bits() -> None:
    assert wire.number(raw("0x38"), "the chain id") == 56
    assert wire.number(raw(hex(2**63 - 1)), "the head") == 2**63 - 1
    for value in (hex(2**63), "0x", "56", None, 56, []):
        with pytest.raises(CallError):
            wire.number(raw(value), "the head")


HASH = "0x" + "5a" * 32


def test_a_block_is_asked_by_its_height_and_named_by_its_hash() -> None:
    assert wire.block_call(0xC36B29) == ("eth_getBlockByNumber", ("0xc36b29", False))
    block = {"hash": HASH, "number": "0xc36b29", "parentHash": "0x" + "00" * 32, "transactions": []}
    assert wire.block_hash(raw(block), 0xC36B29) == HASH


@pytest.mark.parametrize(
    ("block", "fault"),
    [
        (None, ReadCode.UNAVAILABLE),
        ({"hash": HASH, "number": "0x8"}, ReadCode.MALFORMED),
        ({"hash": HASH[:-1], "number": "0x7"}, ReadCode.MALFORMED),
        ({"hash": HASH.upper(), "number": "0x7"}, ReadCode.MALFORMED),
        ({"hash": None, "number": "0x7"}, ReadCode.MALFORMED),
        ({"number": "0x7"}, ReadCode.MALFORMED),
        (HASH, ReadCode.MALFORMED),
    ],
)
def test_what_is_not_the_block_that_was_asked_for_names_none(block: object, fault: ReadCode) -> None:
    with pytest.raises(CallError) as caught:
        wire.block_hash(raw(block), 7)
    assert caught.value.fault is fault


def test_of_two_hashes_nobody_knows_which_is_meant() -> None:
    with pytest.raises(CallError):
        wire.block_hash(msgspec.Raw(f'{{"number":"0x7","hash":"{HASH}","h\\u0061sh":"{HASH}"}}'.encode()), 7)


@given(LEAVES.filter(lambda leaf: not isinstance(leaf, int) or abs(leaf) < 2**64))
def test_any_result_is_an_amount_or_an_error(value: object) -> None:
    for asset in (BNB, USDT):
        found = wire.balance(raw(value), evm(0, asset))
        assert isinstance(found, ReadError) or (isinstance(value, str) and found == int(value, 16))
