"""What a contract says of itself counts only where it is exactly that; eth-abi encodes it here."""

import msgspec
import pytest
from eth_abi import decode, encode
from hypothesis import given
from hypothesis import strategies as st

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import TokenFacts
from hdscan.model.reading import ReadError
from hdscan.wire import erc20, etherscan, multicall
from tests.wire.samples import USDT, reply

ADDRESS = str(USDT.contract)


def decimals(value: int) -> bytes:
    encoded: bytes = encode(["uint256"], [value])
    return encoded


def string(text: str) -> bytes:
    encoded: bytes = encode(["string"], [text])
    return encoded


def raw(data: bytes) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode("0x" + data.hex()))


@given(st.integers(0, 255), st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=64))
def test_decimals_and_a_symbol_are_facts(value: int, symbol: str) -> None:
    assert erc20.facts(decimals(value), string(symbol)) == TokenFacts(value, symbol)


def test_an_old_token_has_its_symbol_in_32_bytes() -> None:
    assert erc20.facts(decimals(18), b"MKR".ljust(32, b"\0")) == TokenFacts(18, "MKR")


@pytest.mark.parametrize(
    "symbol",
    [b"", bytes(32), b"\xff" * 32, string(""), string("x" * 65), string("a\x08b"), b"\1" * 40, bytes(63), string("USDT")[:40]],
)
def test_what_is_no_symbol_is_none(symbol: bytes) -> None:
    assert erc20.facts(decimals(6), symbol) == TokenFacts(6, None)


def test_no_data_is_no_contract_and_other_decimals_than_a_byte_are_malformed() -> None:
    for data, code in ((b"", ReadCode.EMPTY), (decimals(256), ReadCode.MALFORMED), (decimals(18)[1:], ReadCode.MALFORMED)):
        found = erc20.facts(data, string("USDT"))
        assert isinstance(found, ReadError)
        assert found.code is code


@pytest.mark.parametrize("text", ["", "18", "0x1", "0xzz", "0X12", "0x\u0661\u0661"])
def test_what_is_no_data_is_malformed(text: str) -> None:
    with pytest.raises(CallError) as caught:
        erc20.returned(msgspec.Raw(msgspec.json.encode(text)))
    assert caught.value.fault is ReadCode.MALFORMED


# many in one call


def test_the_call_for_many_tokens_is_what_eth_abi_encodes() -> None:
    method, (call, tag) = multicall.token_call([ADDRESS, "0x" + "1" * 40], "finalized")
    assert (method, tag) == ("eth_call", "finalized")
    assert isinstance(call, dict)
    assert call["to"] == multicall.MULTICALL3
    data = bytes.fromhex(call["data"][10:])
    calls = decode(["(address,bool,bytes)[]"], data)[0]
    assert encode(["(address,bool,bytes)[]"], [calls]) == data
    assert [(target, allowed, each.hex()) for target, allowed, each in calls] == [
        (target, True, selector) for target in (ADDRESS.lower(), "0x" + "1" * 40) for selector in ("313ce567", "95d89b41")
    ]


def aggregated(*results: tuple[bool, bytes]) -> msgspec.Raw:
    return raw(encode(["(bool,bytes)[]"], [results]))


def test_each_token_of_many_has_its_own_facts_or_error() -> None:
    answer = aggregated(
        (True, decimals(18)), (True, string("USDT")),
        (True, decimals(6)), (False, b""),
        (True, b""), (True, b""),
        (False, b""), (True, string("NONE")),
    )  # fmt: skip
    first, second, third, fourth = multicall.token_facts(answer, 4)
    assert (first, second) == (TokenFacts(18, "USDT"), TokenFacts(6))
    assert isinstance(third, ReadError)
    assert isinstance(fourth, ReadError)
    assert (third.code, fourth.code) == (ReadCode.EMPTY, ReadCode.REVERTED)


def test_a_list_of_another_length_proves_nothing() -> None:
    for answer in (aggregated((True, decimals(18))), aggregated(*[(True, decimals(18))] * 3), raw(b"\0" * 32)):
        with pytest.raises(CallError) as caught:
            multicall.token_facts(answer, 1)
        assert caught.value.fault is ReadCode.MALFORMED
    with pytest.raises(CallError) as caught:
        multicall.token_facts(raw(b""), 1)
    assert caught.value.fault is ReadCode.EMPTY


# through Etherscan


def test_etherscan_passes_the_question_to_a_node() -> None:
    query = etherscan.decimals_request(ADDRESS, "56").query
    asked = {"module": "proxy", "action": "eth_call", "to": ADDRESS, "data": "0x313ce567", "tag": "latest", "chainid": "56"}
    assert query == asked
    answer = {"jsonrpc": "2.0", "id": 1, "result": "0x" + decimals(18).hex()}
    assert etherscan.token_facts(reply(answer)) == TokenFacts(18)
    empty = etherscan.token_facts(reply(answer | {"result": "0x"}))
    assert isinstance(empty, ReadError)
    assert empty.code is ReadCode.EMPTY


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"status": "0", "message": "NOTOK", "result": "Max rate limit reached"}, ReadCode.THROTTLED),
        ({"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "header not found"}}, ReadCode.SERVER_ERROR),
        ({"status": "1", "message": "OK", "result": []}, None),
    ],
)
def test_a_refusal_by_etherscan_is_no_word_on_the_token(body: object, fault: ReadCode | None) -> None:
    with pytest.raises(CallError) as caught:
        etherscan.token_facts(reply(body))
    assert fault in (None, caught.value.fault)
