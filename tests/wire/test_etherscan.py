"""Etherscan's replies: matched by account, a sentence is never a balance."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.reading import ReadError, Reading
from hdscan.wire import etherscan
from hdscan.wire.http import Response
from tests.wire.samples import BNB, USDT, bodies, evm, load, reply

RECORDED: dict[str, Any] = load("etherscan.json")
MULTI: dict[str, Any] = RECORDED["balancemulti"]
READINGS = [Reading(n, item["account"], BNB) for n, item in enumerate(MULTI["result"])]
AMOUNTS = [40891626854930000000000, 332567136222827062478, 0]
KEYS = ["status", "message", "result", "account", "balance", "jsonrpc", "id"]


def multi(*items: object) -> dict[str, Any]:
    return {"status": "1", "message": "OK", "result": list(items)}


def test_requests_name_chain_addresses_and_contract() -> None:
    native = etherscan.balances_request([evm(0), evm(1)], "56").query
    assert native["action"] == "balancemulti"
    assert native["chainid"] == "56"
    assert native["address"] == f"{evm(0).address},{evm(1).address}"
    token = etherscan.balances_request([evm(0, USDT)], "56").query
    assert token["action"] == "tokenbalance"
    assert token["contractaddress"] == USDT.contract
    assert "apikey" not in token


def test_balances_are_matched_by_account_in_any_order_and_case() -> None:
    items = [item | {"account": item["account"].upper().replace("0X", "0x")} for item in reversed(MULTI["result"])]
    assert etherscan.balances(reply(MULTI), READINGS) == AMOUNTS
    assert etherscan.balances(reply(multi(*items)), READINGS) == AMOUNTS


def test_an_account_that_was_left_out_is_missing() -> None:
    found = etherscan.balances(reply(multi(*MULTI["result"][:2])), READINGS)
    assert found[:2] == AMOUNTS[:2]
    assert isinstance(found[2], ReadError)
    assert found[2].code is ReadCode.MISSING


@pytest.mark.parametrize("balance", ["", "-1", "0x1", "1.0", "1e3", " 1", str(2**256), "Max rate limit reached"])
def test_a_balance_that_is_no_decimal_is_that_addresss_error(balance: str) -> None:
    found = etherscan.balances(reply(multi(MULTI["result"][0] | {"balance": balance}, *MULTI["result"][1:])), READINGS)
    assert isinstance(found[0], ReadError)
    assert found[0].code is ReadCode.MALFORMED
    assert found[1:] == AMOUNTS[1:]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "",
        "null",
        multi(),
        multi(*MULTI["result"], MULTI["result"][0]),
        multi({"account": evm(7).address, "balance": "0"}, *MULTI["result"]),
        multi({"account": READINGS[0].address, "balance": 0}),
        multi({"account": READINGS[0].address, "balance": None}),
        multi({"account": READINGS[0].address}),
        multi(None),
        {"status": "1", "message": "OK", "result": None},
        {"status": "1", "message": "OK", "result": {}},
    ],
)
def test_a_list_that_cannot_be_trusted_is_malformed(body: object) -> None:
    with pytest.raises(CallError) as caught:
        etherscan.balances(reply(body), READINGS)
    assert caught.value.fault is ReadCode.MALFORMED


@pytest.mark.parametrize("status", ["0", None, "2"])
def test_a_list_with_another_status_is_no_answer(status: str | None) -> None:
    with pytest.raises(CallError):
        etherscan.balances(reply(MULTI | {"status": status}), READINGS)


def test_a_sentence_in_place_of_the_list_is_the_calls_error() -> None:
    with pytest.raises(CallError) as caught:
        etherscan.balances(reply({"status": "1", "message": "OK", "result": "0"}), READINGS)
    assert caught.value.fault is ReadCode.SERVER_ERROR


def test_a_sentence_about_a_single_address_is_its_error() -> None:
    refusal = reply({"status": "0", "message": "NOTOK", "result": "Error! Invalid address format"})
    for found in (etherscan.balances(refusal, READINGS[:1])[0], etherscan.token_balance(refusal)):
        assert isinstance(found, ReadError)
        assert found.code is ReadCode.ITEM_ERROR


def test_token_balance() -> None:
    assert etherscan.token_balance(reply(RECORDED["tokenbalance"])) == 135499
    found = etherscan.token_balance(reply({"status": "1", "message": "OK", "result": ""}))
    assert isinstance(found, ReadError)


@pytest.mark.parametrize(
    "body", [{"status": "0", "message": "NOTOK", "result": "0"}, {"result": "0"}, {"status": "1", "result": []}]
)
def test_a_token_balance_without_an_ok_is_none(body: object) -> None:
    with pytest.raises(CallError):
        etherscan.token_balance(reply(body))


def test_proxy_numbers() -> None:
    assert etherscan.number(reply(RECORDED["eth_chainId"])) == 56
    assert etherscan.number(reply(RECORDED["eth_blockNumber"])) == 0xC36B29
    for result in ("0x", "38", "0x038", "0x8000000000000000", None, [], 56):
        with pytest.raises(CallError):
            etherscan.number(reply({"jsonrpc": "2.0", "id": 1, "result": result}))


def test_a_block_through_the_proxy() -> None:
    request = etherscan.block_request(0xC36B29, "56")
    assert request.query == {
        "chainid": "56",
        "module": "proxy",
        "action": "eth_getBlockByNumber",
        "tag": "0xc36b29",
        "boolean": "false",
    }
    block = {"number": "0xc36b29", "hash": "0x" + "5a" * 32}
    assert etherscan.block(reply({"jsonrpc": "2.0", "id": 1, "result": block}), 0xC36B29) == block["hash"]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"jsonrpc": "2.0", "id": 1, "result": None}, ReadCode.UNAVAILABLE),
        ({"status": "0", "message": "NOTOK", "result": "Max calls per sec rate limit reached (3/sec)"}, ReadCode.THROTTLED),
        ({"status": "0", "message": "NOTOK", "result": "Invalid API Key"}, ReadCode.BAD_KEY),
        ({"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "no such method"}}, ReadCode.MALFORMED),
        (b'{"result":null,"result":null}', ReadCode.MALFORMED),
        (b"<html>", ReadCode.MALFORMED),
    ],
)
def test_a_reply_without_the_block_says_why(body: Any, fault: ReadCode) -> None:
    with pytest.raises(CallError) as caught:
        etherscan.block(reply(body), 7)
    assert caught.value.fault is fault


@given(bodies(reply(MULTI).body, KEYS))
def test_any_bytes_are_one_outcome_per_address_or_a_call_error(body: bytes) -> None:
    try:
        found = etherscan.balances(reply(body), READINGS)
    except CallError:
        pass
    else:
        assert len(found) == len(READINGS)
        assert all(isinstance(item, ReadError) or item >= 0 for item in found)
    for decode in (etherscan.token_balance, etherscan.number):
        try:
            assert isinstance(decode(reply(body)), int | ReadError)
        except CallError:
            continue


@pytest.mark.parametrize(
    "decode",
    [
        lambda body: etherscan.balances(body, [READINGS[0]]),
        etherscan.token_balance,
        etherscan.number,
    ],
)
def test_a_status_or_result_said_twice_is_no_answer(decode: Callable[[Response], object]) -> None:
    account = f'[{{"account":"{READINGS[0].address}","balance":"5"}}]'
    for result in (account, '"5"', '"0x5"'):
        for twice in (f'"status":"0","status":"1","result":{result}', f'"status":"1","result":{result},"result":{result}'):
            with pytest.raises(CallError):
                decode(reply("{" + twice + "}"))
