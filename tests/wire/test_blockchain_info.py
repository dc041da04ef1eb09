"""blockchain.info's replies: what waits in the mempool is never taken for confirmed, and what is not told is no zero."""

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from hdscan.model.chain import Asset
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.reading import ReadError, Reading, use_of
from hdscan.wire import blockchain_info
from tests.wire.multiaddr import COMING, GOOD, NAMES, SAVED, UNUSED, address
from tests.wire.samples import bodies, reply

COIN = Asset("btc", "BTC", 8)
SUPPLY = 21 * 10**14
READINGS = [Reading(at, name, COIN) for at, name in enumerate(NAMES)]
RECORDED = Path(__file__).parents[3] / "shared/recorded-replies.json"  # beside the project, where there are any


def read(body: object, readings: list[Reading] = READINGS, status: int = 200) -> Any:
    return blockchain_info.balances(reply(body, status), readings, SUPPLY)


def changed(name: str, **members: int) -> dict[str, Any]:
    body = copy.deepcopy(GOOD)
    next(each for each in body["addresses"] if each["address"] == name).update(members)
    return body


def malformed(body: object) -> None:
    with pytest.raises(CallError) as caught:
        read(body)
    assert caught.value.fault is ReadCode.MALFORMED


def uses(body: object, readings: Sequence[Reading] = READINGS) -> list[Any]:
    return blockchain_info.uses(reply(body), readings, SUPPLY)[1]


def test_what_waits_is_taken_off_and_stated_apart_whatever_the_order() -> None:
    assert read(GOOD) == (930_000, [(0, 0, 0), (1000, 0, 1), (500, -500, 2), (0, 70, 1)])


def test_the_request_asks_for_as_many_transactions_as_there_are() -> None:
    request = blockchain_info.balances_request(READINGS)
    assert (request.method, request.path) == ("GET", "/multiaddr")
    assert request.query == {"active": "1Unused|1Saved|3Sent|bc1qcoming", "n": "100"}


def recorded() -> list[bytes]:
    """The bodies of a host's own replies, and one of the same form."""
    found = json.loads(RECORDED.read_text())["replies"] if RECORDED.exists() else []
    empty = dict.fromkeys(("n_tx", "total_received", "total_sent", "final_balance"), 0)
    made = copy.deepcopy(GOOD) | {"addresses": [each | empty for each in GOOD["addresses"]], "txs": []}
    return [each["body"].encode() for each in found if each["host"] == "blockchain.info"] + [json.dumps(made).encode()]


@pytest.mark.parametrize("body", recorded(), ids=len)
def test_recorded_replies_are_read_by_address(body: bytes) -> None:
    stated = sorted(row["address"] for row in json.loads(body)["addresses"])
    found = read(body, [Reading(at, name, COIN) for at, name in enumerate(stated)])
    assert found[0] > 800_000
    rows = {row["address"]: row for row in json.loads(body)["addresses"]}
    assert found[1] == [(0, 0, rows[name]["n_tx"]) for name in stated] != []
    assert uses(body, [Reading(at, name, use_of("btc")) for at, name in enumerate(stated)]) == [each[2] for each in found[1]]


def test_where_the_list_does_not_reach_back_who_was_used_has_no_amount() -> None:
    body = copy.deepcopy(GOOD)
    body["txs"] = body["txs"][:1]
    _, (unused, saved, sent, coming) = read(body)
    assert (unused, coming) == ((0, 0, 0), (0, 70, 1)), "who was never used, or whose transactions are all there"
    assert {each.code for each in (saved, sent)} == {ReadCode.ITEM_ERROR}
    body["txs"] = []
    assert [isinstance(each, ReadError) for each in read(body)[1]] == [False, True, True, True]
    assert uses(body) == [0, 1, 2, 1], "who was used is told all the same"


@pytest.mark.parametrize(
    "members",
    [
        {"final_balance": 999},
        {"total_received": 999},
        {"n_tx": 0},
        {"final_balance": 0},
        {"total_received": SUPPLY + 1, "final_balance": SUPPLY + 1},
        {"final_balance": 1001, "total_sent": 0},
    ],
)
def test_what_does_not_fit_together_is_an_error_of_that_address_alone(members: dict[str, int]) -> None:
    _, (unused, saved, *others) = read(changed(SAVED, **members))
    assert isinstance(saved, ReadError)
    assert saved.code is ReadCode.MALFORMED
    assert (unused, others) == ((0, 0, 0), [(500, -500, 2), (0, 70, 1)])
    assert uses(changed(SAVED, **members)) == [0, saved, 2, 1]


def test_more_may_have_been_received_in_all_than_there_are_coins() -> None:
    body = changed(SAVED, total_received=3 * SUPPLY, total_sent=3 * SUPPLY - 1000)
    assert read(body)[1][1] == (1000, 0, 1)


def test_more_spent_in_the_mempool_than_there_was_is_no_amount() -> None:
    body = changed(COMING, final_balance=69, total_received=69)
    assert read(body)[1][3].code is ReadCode.MALFORMED


def test_an_address_that_is_left_out_is_no_zero_and_its_neighbours_are_read() -> None:
    body = copy.deepcopy(GOOD)
    del body["addresses"][3]
    _, (unused, saved, *_) = read(body)
    assert isinstance(unused, ReadError)
    assert (unused.code, saved) == (ReadCode.MISSING, (1000, 0, 1))


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        None,
        GOOD | {"addresses": []},
        GOOD | {"addresses": None},
        GOOD | {"txs": None},
        GOOD | {"info": {}},
        GOOD | {"info": {"latest_block": {"hash": "00", "height": -1}}},
        GOOD | {"info": {"latest_block": {"hash": "00", "height": 10**9}}},
        {name: GOOD[name] for name in ("addresses", "info")},
        GOOD | {"addresses": [*GOOD["addresses"], address("1Foreign")]},
        GOOD | {"addresses": [*GOOD["addresses"], address(UNUSED)]},
        GOOD | {"txs": GOOD["txs"][::-1]},
        GOOD | {"txs": [*GOOD["txs"], GOOD["txs"][2]]},
        json.dumps(GOOD).replace('"block_height"', '"height"').encode(),
        *(changed(SAVED, n_tx=count) for count in (-1, 2.0, "2", None, True, 2**40)),  # type: ignore[arg-type] # what a host may send
        changed(SAVED, final_balance=-1),
        changed(SAVED, final_balance=1000.0),  # type: ignore[arg-type] # what a host may send
        changed(SAVED, final_balance="1000"),  # type: ignore[arg-type] # likewise
        changed(SAVED, final_balance=None),  # type: ignore[arg-type] # likewise
        {**GOOD, "final_balance": 0},
        json.dumps(GOOD).replace('"n_tx": 0', '"n_tx": 5, "n_tx": 0').encode(),
        json.dumps(GOOD).replace('"block_height"', '"block_height": 1, "block_height"').encode(),
        json.dumps(GOOD).replace('"address": "1Saved"', '"address": "1Unused", "address": "1Saved"').encode(),
        json.dumps(GOOD).replace('"value": 500', '"value": 5, "value": 500').encode(),
        json.dumps(GOOD).replace('"addr": "3Sent"', '"addr": "1Saved", "addr": "3Sent"').encode(),
        GOOD | {"wallet": {}},
        json.dumps(GOOD).replace('"txs"', '"txs": [], "txs"').encode(),
    ],
)
def test_what_is_no_reply_is_malformed(body: object) -> None:
    malformed(body)


def test_an_address_that_the_host_cannot_read_fails_the_call_and_alone_is_its_own_error() -> None:
    refusal = {"error": "not-found-or-invalid-arg", "message": "Item not found or argument invalid"}
    with pytest.raises(CallError) as caught:
        read(refusal, status=404)
    assert caught.value.fault is ReadCode.ITEM_ERROR
    height, (alone,) = read(refusal, READINGS[:1], 404)
    assert (height, alone.code) == (None, ReadCode.ITEM_ERROR)
    assert "argument invalid" in alone.message


@pytest.mark.parametrize(
    ("body", "status", "fault"),
    [
        ({"error": "server-error", "message": "Internal Server Error"}, 200, ReadCode.SERVER_ERROR),
        ({"error": "server-error", "message": "Internal Server Error"}, 500, ReadCode.SERVER_ERROR),
        (b"Too many requests", 429, ReadCode.THROTTLED),
        (b"Too many requests", 200, ReadCode.THROTTLED),
        (b"Rate limit exceeded", 404, ReadCode.SERVER_ERROR),
        (b"", 414, ReadCode.TOO_LARGE),
    ],
)
def test_a_refusal_has_its_own_reason(body: object, status: int, fault: ReadCode) -> None:
    with pytest.raises(CallError) as caught:
        read(body, READINGS[:1], status)
    assert caught.value.fault is fault


def test_the_first_block_is_named_by_its_hash() -> None:
    block = {"hash": "ab", "height": 0, "tx": []}
    assert blockchain_info.genesis(reply({"blocks": [block]})) == "ab"
    for other in ({}, {"blocks": []}, {"blocks": [block, block]}, {"blocks": [block | {"height": 1}]}):
        with pytest.raises(CallError):
            blockchain_info.genesis(reply(other))


def test_the_tip_is_the_latest_block() -> None:
    assert blockchain_info.height(reply({"hash": "ab", "height": 930_000, "txIndexes": []})) == 930_000
    for other in ({}, {"hash": "ab", "height": "930000"}, b"930000"):
        with pytest.raises(CallError):
            blockchain_info.height(reply(other))


@given(bodies(json.dumps(GOOD).encode(), ["addresses", "txs", "info", "n_tx", "final_balance", UNUSED]))
def test_no_reply_gives_a_zero_that_was_not_stated(body: bytes) -> None:
    try:
        _, found = read(body)
    except CallError:
        return
    for reading, each in zip(READINGS, found, strict=True):
        if not isinstance(each, ReadError):
            assert reading.address.encode() in body
