"""Blockchair's replies: what is not named is absent, never zero."""

import copy
from typing import Any

import pytest
from hypothesis import given

from hdscan.model.chain import Asset
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.reading import ReadError, Reading
from hdscan.wire import blockchair
from tests.wire.samples import bodies, load, reply

RECORDED: dict[str, Any] = load("blockchair.json")
BTC = Asset("btc", "BTC", 8)
SUPPLY = 21 * 10**14
READINGS = [Reading(0, RECORDED["funded"], BTC), Reading(1, RECORDED["other"], BTC)]
KEYS = ["data", "context", "code", "state", "error", RECORDED["funded"], RECORDED["other"]]
SECOND = {"id": 1, "hash": "00"}
GOOD = reply(RECORDED["balances"]).body


def changed(**data: Any) -> dict[str, Any]:
    body = copy.deepcopy(RECORDED["balances"])
    body["data"] |= data
    return body


def malformed(body: object) -> None:
    with pytest.raises(CallError) as caught:
        blockchair.balances(reply(body), READINGS, SUPPLY)
    assert caught.value.fault is ReadCode.MALFORMED


def test_a_named_address_has_its_balance_and_the_others_are_absent() -> None:
    height, (funded, other) = blockchair.balances(reply(RECORDED["balances"]), READINGS, SUPPLY)
    assert (height, funded) == (RECORDED["height"], 699_999_999_999_999)
    assert isinstance(other, ReadError)
    assert other.code is ReadCode.ABSENT


@pytest.mark.parametrize("nothing", [[], {}, None])
def test_a_reply_that_names_nobody_makes_everybody_absent(nothing: object) -> None:
    _, found = blockchair.balances(reply(RECORDED["nothing"] | {"data": nothing}), READINGS, SUPPLY)
    assert [each.code for each in found if isinstance(each, ReadError)] == [ReadCode.ABSENT] * 2


def test_a_stated_zero_is_absent_since_the_protocol_knows_none() -> None:
    _, (funded, other) = blockchair.balances(reply(changed(**{RECORDED["other"]: 0})), READINGS, SUPPLY)
    assert isinstance(other, ReadError)
    assert isinstance(funded, int)


def test_the_request_is_a_form_of_addresses() -> None:
    request = blockchair.balances_request(READINGS)
    assert (request.method, request.path, request.content) == ("POST", "/addresses/balances", blockchair.FORM)
    assert request.body == f"addresses={RECORDED['funded']},{RECORDED['other']}".encode()


@pytest.mark.parametrize("amount", [-1, 21_000_001 * 10**8, 1.0, True, "5", None])
def test_what_is_no_balance_is_malformed(amount: object) -> None:
    malformed(changed(**{RECORDED["funded"]: amount}))


def test_an_address_that_was_not_asked_or_stands_twice_is_malformed() -> None:
    malformed(changed(bc1qother=5))
    once = f'"{RECORDED["funded"]}":'
    twice = GOOD.decode().replace(": ", ":").replace(once, f"{once}1,{once}")
    malformed(twice)


@pytest.mark.parametrize(
    "body",
    [{}, [], "", "null", {"data": {}}, {"data": [5], "context": {"code": 200, "state": 5}}, {"context": {"code": "200"}}],
)
def test_a_reply_without_its_parts_is_malformed(body: object) -> None:
    malformed(body)


@pytest.mark.parametrize("state", [None, -1, 10**9, 1.5])
def test_a_height_is_a_height(state: object) -> None:
    body = copy.deepcopy(RECORDED["balances"])
    body["context"]["state"] = state
    malformed(body)


def test_the_first_block_proves_the_chain_and_states_the_height() -> None:
    found = blockchair.genesis(reply(RECORDED["genesis"]))
    assert found == (RECORDED["genesis"]["data"]["0"]["block"]["hash"], RECORDED["height"])
    assert blockchair.height(reply(RECORDED["stats"])) == RECORDED["height"]


@pytest.mark.parametrize("data", [{}, {"1": {"block": SECOND}}, {"0": {"block": SECOND}}, None])
def test_another_block_proves_nothing(data: object) -> None:
    with pytest.raises(CallError):
        blockchair.genesis(reply(RECORDED["genesis"] | {"data": data}))


@given(bodies(GOOD, KEYS))
def test_any_bytes_are_balances_or_a_call_error_and_never_a_zero(body: bytes) -> None:
    try:
        height, found = blockchair.balances(reply(body), READINGS, SUPPLY)
    except CallError:
        return
    assert 0 <= height < 10**9
    assert len(found) == len(READINGS)
    assert all(isinstance(each, ReadError) or each > 0 for each in found)
