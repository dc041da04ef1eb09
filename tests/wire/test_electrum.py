"""Electrum's lines: whom they are for, and what they say."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import MISSING
from hdscan.model.reading import ReadError
from hdscan.wire import electrum, jsonrpc
from hdscan.wire.electrum import Heard
from tests.wire.samples import bodies, load, reply

RECORDED: dict[str, Any] = load("electrum.json")
KEYS = ["id", "method", "params", "result", "error", "jsonrpc", "height", "confirmed", "unconfirmed", "tx_hash"]
HISTORY = [{"tx_hash": "ab" * 32, "height": 0, "fee": 200}, {"tx_hash": "cd" * 32, "height": 977_000}]
SUPPLY = 21 * 10**14
NOTICE = json.dumps(RECORDED["notice"]).encode()


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(value if isinstance(value, bytes) else json.dumps(value).encode())


def test_an_address_is_asked_for_by_its_script_hash() -> None:
    script = bytes.fromhex("76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac")  # of RECORDED["address"]
    assert electrum.balance_call(script) == ("blockchain.scripthash.get_balance", (RECORDED["script_hash"],))


def test_a_balance_has_both_parts_and_the_second_may_be_negative() -> None:
    assert electrum.balance(raw(RECORDED["balance"]), SUPPLY) == (103_873_966, -23_684_400)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"confirmed": 5},
        {"unconfirmed": 5},
        {"confirmed": -1, "unconfirmed": 0},
        {"confirmed": "5", "unconfirmed": 0},
        {"confirmed": 1.0, "unconfirmed": 0},
        {"confirmed": True, "unconfirmed": 0},
        {"confirmed": 21 * 10**14 + 1, "unconfirmed": 0},
        {"confirmed": 0, "unconfirmed": -21 * 10**14 - 1},
        {"confirmed": None, "unconfirmed": None},
        None,
        [],
        0,
        b'{"confirmed":0,"confirmed":5,"unconfirmed":0}',
    ],
)
def test_what_is_no_balance_is_malformed_and_no_zero(answer: object) -> None:
    found = electrum.balance(raw(answer), SUPPLY)
    assert isinstance(found, ReadError)
    assert found.code is ReadCode.MALFORMED


def test_a_history_is_asked_for_by_the_same_hash_and_counts_what_waits() -> None:
    script = bytes.fromhex("76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac")
    assert electrum.history_call(script) == ("blockchain.scripthash.get_history", (RECORDED["script_hash"],))
    assert electrum.transactions(raw(HISTORY), alone=False) == 2
    assert electrum.transactions(raw([]), alone=True) == 0


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        "",
        0,
        [None],
        [[]],
        [{}],
        [{"tx_hash": "ab" * 32}],
        [{"height": 5}],
        [{"tx_hash": "ab" * 31, "height": 5}],
        [{"tx_hash": "ab" * 32, "height": -2}],
        [{"tx_hash": "ab" * 32, "height": True}],
        [{"tx_hash": "ab" * 32, "height": "5"}],
        [*HISTORY, 5],
        b'[{"tx_hash":"' + b"ab" * 32 + b'","height":1,"height":2}]',
    ],
)
def test_what_is_no_history_is_malformed_and_no_unused_address(answer: object) -> None:
    found = electrum.transactions(raw(answer), alone=True)
    assert isinstance(found, ReadError)
    assert found.code is ReadCode.MALFORMED


@pytest.mark.parametrize(
    "said",
    [
        {"code": 1, "message": "history too large"},  # github.com/spesmilo/electrum/issues/7407: ElectrumX
        {"code": -32603, "message": "Too many history entries"},  # github.com/Blockstream/electrs, src/errors.rs
        # github.com/janoside/btc-rpc-explorer/pull/190: electrs
        "blockchain.scripthash.get_history failed: 1200 transactions found, query may take a long time",
    ],
)
@pytest.mark.parametrize("count", [1, 3])
def test_a_history_that_is_too_long_to_be_sent_is_that_of_a_used_address(said: object, count: int) -> None:
    batch = jsonrpc.encode([electrum.history_call(bytes(20))] * count, 1)
    items = [{"id": 1, "error": said}, {"id": 2, "result": []}, {"id": 3, "result": HISTORY}][:count]
    answers = jsonrpc.decode(reply(items), batch, electrum.CODES)
    assert [electrum.transactions(each, alone=count == 1) for each in answers] == [1, 0, 2][:count]


def test_a_history_is_missing_where_the_reply_was_too_long_for_it_beside_others() -> None:
    batch = jsonrpc.encode([electrum.history_call(bytes(20))] * 2, 1)
    # github.com/spesmilo/electrum/issues/4315: aiorpcX
    long = {"code": -32600, "message": "response too large (at least 1020631 bytes)"}
    answers = jsonrpc.decode(reply([{"id": 1, "result": HISTORY}, {"id": 2, "error": long}]), batch, electrum.CODES)
    assert [electrum.transactions(each, alone=False) for each in answers] == [2, MISSING]


@pytest.mark.parametrize("message", ["daemon error", "excessive resource usage", "batch too large", "the server is busy"])
def test_no_other_error_makes_an_address_used_or_unused(message: str) -> None:
    error = ReadError(ReadCode.SERVER_ERROR, message)
    assert electrum.transactions(error, alone=True) == electrum.transactions(error, alone=False) == error
    assert not electrum.is_too_long(message)


def test_a_coin_without_a_limit_takes_any_amount() -> None:
    assert electrum.balance(raw({"confirmed": 10**20, "unconfirmed": 0}), None) == (10**20, 0)


def test_the_first_blocks_hash_is_worked_out_from_its_header() -> None:
    assert electrum.block_hash(raw(RECORDED["header"])) == RECORDED["genesis"]
    assert electrum.block_hash(raw(RECORDED["header"].replace("29ab5f49", "29ab5f48"))) != RECORDED["genesis"]


def test_a_merged_mined_block_s_hash_does_not_cover_the_other_chain_s_proof() -> None:
    merged = "04016200" + RECORDED["header"][8:]
    alone = electrum.block_hash(raw(merged))
    assert electrum.block_hash(raw(merged + "00" * 400)) == alone != RECORDED["genesis"]
    for no_proof in (merged + "0", merged + "zz", merged + "00" * 50_001, RECORDED["header"] + "00" * 400):
        with pytest.raises(CallError):
            electrum.block_hash(raw(no_proof))


@pytest.mark.parametrize("header", ["", "00", "zz" * 80, RECORDED["genesis"], RECORDED["header"] + "00", None, 5])
def test_what_is_no_header_proves_nothing(header: object) -> None:
    with pytest.raises(CallError) as caught:
        electrum.block_hash(raw(header))
    assert caught.value.fault is ReadCode.MALFORMED


@pytest.mark.parametrize("tip", [{}, {"height": -1}, {"height": 10**9}, {"height": "5"}, 5, None])
def test_a_tip_has_a_height(tip: object) -> None:
    assert electrum.tip(raw(RECORDED["tip"])) == 977_072
    with pytest.raises(CallError):
        electrum.tip(raw(tip))


def test_versions_from_1_4_to_1_6_are_spoken() -> None:
    for version in ("1.4", "1.4.2", "1.5", "1.6", "1.6.0"):
        electrum.check_version(raw(["any", version]))
    for version in ("1.3", "1.7", "2.4", "1.40", "1.4.", ""):
        with pytest.raises(CallError):
            electrum.check_version(raw(["any", version]))
    for other in (None, [], ["1.4"], "1.4", {"1": "1.4"}):
        with pytest.raises(CallError):
            electrum.check_version(raw(other))


@pytest.mark.parametrize(
    ("line", "heard"),
    [
        ({"id": 7, "result": 1}, Heard((7,))),
        ([{"id": 7, "result": 1}, {"id": 8, "error": {}}, {"id": None}, {"id": "9"}], Heard((7, 8))),
        ({"id": None, "error": {"code": -32700}}, Heard()),
        ([], Heard()),
        (RECORDED["notice"], Heard(unasked=True, tip=977_073)),
        ({"method": "server.ping", "params": ["00"]}, Heard(unasked=True)),
        ({"id": True, "result": 1}, Heard()),
    ],
)
def test_a_line_tells_whom_it_is_for(line: object, heard: Heard) -> None:
    assert electrum.hear(json.dumps(line).encode()) == heard


@pytest.mark.parametrize(
    "line", [b"", b"nonsense", b"5", b'"id"', b"[5]", b'{"id":1}{"id":2}', b"[" * 100_000, NOTICE.replace(b"977073", b"-1")]
)
def test_a_line_that_is_none_of_the_protocols_is_malformed(line: bytes) -> None:
    with pytest.raises(CallError) as caught:
        electrum.hear(line)
    assert caught.value.fault is ReadCode.MALFORMED


def test_many_calls_of_a_connection_never_share_an_id() -> None:
    first = jsonrpc.encode([electrum.TIP] * 3, 1)
    second = jsonrpc.encode([electrum.TIP] * 2, first.first + first.count)
    assert [call["id"] for call in json.loads(first.body)] + [call["id"] for call in json.loads(second.body)] == [1, 2, 3, 4, 5]


def test_an_error_of_one_script_hash_is_its_own() -> None:
    batch = jsonrpc.encode([electrum.TIP] * 2, 1)
    refused = {"code": 1, "message": "00 is not a valid script hash"}
    bad, good = jsonrpc.decode(reply([{"id": 2, "result": 5}, {"id": 1, "error": refused}]), batch, electrum.CODES)
    assert isinstance(bad, ReadError)
    assert bad.code is ReadCode.ITEM_ERROR
    assert not isinstance(good, ReadError)


@given(bodies(NOTICE, KEYS))
def test_any_line_is_heard_or_a_call_error(line: bytes) -> None:
    try:
        heard = electrum.hear(line)
    except CallError:
        return
    assert heard.tip is None or 0 <= heard.tip < 10**9
    assert not (heard.ids and heard.unasked)


@given(bodies(json.dumps(RECORDED["balance"]).encode(), KEYS))
def test_any_answer_is_a_balance_or_an_error(body: bytes) -> None:
    counted = electrum.transactions(raw(body), alone=True)
    assert isinstance(counted, ReadError) or body.strip().startswith(b"[")
    found = electrum.balance(raw(body), SUPPLY)
    if not isinstance(found, ReadError):
        assert 0 <= found[0] <= 21 * 10**14
