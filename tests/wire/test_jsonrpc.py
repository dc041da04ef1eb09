"""JSON-RPC replies are matched by id, never by position; nothing unsure is an answer."""

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.reading import ReadError
from hdscan.wire import evm, jsonrpc, solana
from hdscan.wire.failure import Codes
from tests.wire.samples import bodies, like, reply

BATCH = jsonrpc.encode([("eth_getBalance", (f"0x{n:040x}", "latest")) for n in range(3)])
SINGLE = jsonrpc.encode([("eth_chainId", ())])
KEYS = ["jsonrpc", "id", "result", "error", "code", "message", "data"]


def item(number: int, result: object = "0x1") -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": BATCH.first + number, "result": result}


def fault(number: int, code: int = -32000, message: str = "no such thing") -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": BATCH.first + number, "error": {"code": code, "message": message}}


def decode(body: object, batch: jsonrpc.Batch = BATCH) -> list[object]:
    """Results as text, errors as their code."""
    answers = jsonrpc.decode(reply(body), batch, evm.CODES)
    return [answer.code if isinstance(answer, ReadError) else msgspec.json.decode(answer) for answer in answers]


def fails(body: object, batch: jsonrpc.Batch = BATCH) -> ReadCode:
    with pytest.raises(CallError) as caught:
        decode(body, batch)
    return caught.value.fault


def whole(body: object) -> tuple[ReadCode, str]:
    """The error of a whole call."""
    with pytest.raises(CallError) as caught:
        decode(body)
    return caught.value.fault, caught.value.message


def revert(text: str) -> str:
    """Error(string) of at most 32 bytes, in hexadecimal."""
    return f"0x08c379a0{32:064x}{len(text):064x}{text.encode().hex():0<64}"


PANIC = f"0x4e487b71{0x12:064x}"


def test_one_call_is_an_object_and_several_are_an_array() -> None:
    single = json.loads(SINGLE.body)
    assert single == {"jsonrpc": "2.0", "id": SINGLE.first, "method": "eth_chainId", "params": []}
    assert [call["id"] for call in json.loads(BATCH.body)] == [BATCH.first, BATCH.first + 1, BATCH.first + 2]
    assert BATCH.request.method == "POST"


def test_ids_follow_from_what_is_asked() -> None:
    other = jsonrpc.encode([("eth_getBalance", (f"0x{n + 1:040x}", "latest")) for n in range(3)])
    assert other.first != BATCH.first
    assert fails([item(n) for n in range(3)], other) is ReadCode.MALFORMED


def test_answers_come_in_the_order_asked_whatever_the_order_of_the_reply() -> None:
    assert decode([item(2, "c"), item(0, "a"), item(1, "b")]) == ["a", "b", "c"]
    assert decode(item(0, "a"), jsonrpc.Batch(b"", BATCH.first, 1)) == ["a"]
    assert decode([item(0, "a")], jsonrpc.Batch(b"", BATCH.first, 1)) == ["a"]


def test_an_id_left_out_is_missing() -> None:
    assert decode([item(0, "a"), item(2, "c")]) == ["a", ReadCode.MISSING, "c"]


def test_an_error_is_that_calls_error() -> None:
    assert decode([item(0, "a"), fault(1), fault(2, 3, "execution reverted")]) == ["a", ReadCode.ITEM_ERROR, ReadCode.REVERTED]
    assert decode([item(0, "a"), item(1, "b"), fault(2, -32005, "25/second rate limit")])[2] is ReadCode.THROTTLED
    assert decode([fault(0), fault(1), fault(2)]) == [ReadCode.ITEM_ERROR] * 3


NODE = "missing trie node 5f1c (path ) <nil>"


def test_a_node_that_lacks_the_state_for_every_item_failed_the_call() -> None:
    assert whole([fault(0, -32000, NODE), fault(1, -32002, "No state available for block 5"), fault(2, -32000, NODE)]) == (
        ReadCode.SERVER_ERROR,
        f"error -32000: {NODE.replace('<nil>', '').strip()}",
    )
    assert whole([fault(n, -32002, "request timed out") for n in range(3)])[0] is ReadCode.TIMEOUT


def test_where_only_some_items_say_so_they_fail_alone() -> None:
    assert decode([item(0, "a"), fault(1, -32000, NODE), fault(2)]) == ["a", ReadCode.SERVER_ERROR, ReadCode.ITEM_ERROR]
    mixed = [fault(0, -32000, NODE), fault(1, 3, "execution reverted"), fault(2, -32000, NODE)]
    assert decode(mixed) == [ReadCode.SERVER_ERROR, ReadCode.REVERTED, ReadCode.SERVER_ERROR]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ({"message": "execution reverted: no", "data": revert("no")}, "execution reverted: no"),
        ({"message": "execution reverted", "data": revert("no")}, "reverted: no"),
        ({"message": "VM execution error.", "data": "Reverted " + revert("no")}, "reverted: no"),
        ({"message": "rate limit", "data": revert("no")}, "reverted: no"),
        ({"message": "execution reverted", "data": PANIC}, "reverted: panic 0x12, division by zero"),
        ({"message": "execution reverted", "data": "0x77209fe8"}, "reverted: error 0x77209fe8"),
        ({"message": "execution reverted", "data": "0x"}, "execution reverted"),
        ({"message": "no such hash", "data": "0x77209fe8"}, "no such hash: 0x77209fe8"),
    ],
)
def test_a_contracts_words_are_read_from_its_data(error: dict[str, str], said: str) -> None:
    assert jsonrpc.own_error(msgspec.Raw(json.dumps(error).encode())).text == said


def test_an_error_without_an_id_leaves_the_rest_in_place() -> None:
    assert decode([item(0, "a"), item(1, "b"), fault(0) | {"id": None}]) == ["a", "b", ReadCode.MISSING]


def test_result_and_error_together_are_neither() -> None:
    assert decode([item(0) | {"error": {"code": 1}}, item(1), item(2)])[0] is ReadCode.MALFORMED
    assert decode([{"id": BATCH.first}, item(1), item(2)])[0] is ReadCode.MALFORMED
    assert decode([fault(0) | {"result": None}, item(1), item(2)])[0] is ReadCode.ITEM_ERROR


@pytest.mark.parametrize("ident", [BATCH.first - 1, BATCH.first + 3, -1, 0, "1", str(BATCH.first), 1.0, True, None, [], 2**70])
def test_a_foreign_id_makes_every_place_unsure(ident: object) -> None:
    assert fails([item(0), item(1), item(2) | {"id": ident}]) is ReadCode.MALFORMED


def test_shifted_ids_are_not_read_as_their_neighbours_answers() -> None:
    assert fails([item(n + 1, "0x0") for n in range(3)]) is ReadCode.MALFORMED


def test_a_repeated_id_makes_every_place_unsure() -> None:
    assert fails([item(0), item(0), item(1)]) is ReadCode.MALFORMED
    assert fails([item(0), item(1), item(2), fault(2)]) is ReadCode.MALFORMED


@pytest.mark.parametrize(
    "body", ["", "{}", "[]", "null", "0", '"0x0"', "[1]", "[null]", "[[]]", "[{}]", b"[" * 300_000, b'{"a":' * 300_000]
)
def test_what_answers_nothing_is_malformed(body: object) -> None:
    assert fails(body) is ReadCode.MALFORMED


def test_one_object_for_a_batch_is_the_error_of_the_whole_call() -> None:
    assert fails(fault(0, -32600, "batch too large")) is ReadCode.TOO_LARGE
    assert fails(fault(0, -32603, "internal")) is ReadCode.SERVER_ERROR
    assert fails(item(0)) is ReadCode.MALFORMED


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize(
    ("code", "message"),
    [
        (-32700, "Parse error"),  # Besu behind Kaleido, github.com/Alethio/memento/issues/16
        (-32601, "Method undefined is not supported"),  # github.com/eth-infinitism/bundler/pull/122
        (-32600, "Invalid Request"),  # github.com/FactomProject/factomd/issues/892
    ],
)
def test_a_host_that_knows_no_arrays_wants_smaller_batches(code: int, message: str, status: int) -> None:
    refusal = reply({"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}, status)
    for batch, expected in ((BATCH, ReadCode.TOO_LARGE), (SINGLE, ReadCode.SERVER_ERROR)):
        with pytest.raises(CallError) as caught:
            jsonrpc.decode(refusal, batch, evm.CODES)
        assert caught.value.fault is expected


def test_nothing_but_refusals_of_the_caller_is_the_error_of_the_whole_call() -> None:
    assert fails([fault(n, -32005, "rate limit exceeded") for n in range(3)]) is ReadCode.THROTTLED
    assert fails([fault(0, -32600, "batch too large") | {"id": None}]) is ReadCode.TOO_LARGE
    assert fails([fault(0, -32600, "batch too large") | {"id": 0}]) is ReadCode.TOO_LARGE
    assert fails([fault(0, -32603, "internal") | {"id": 0}]) is ReadCode.SERVER_ERROR


def test_results_that_come_with_an_http_error_do_not_count() -> None:
    with pytest.raises(CallError) as caught:
        jsonrpc.decode(reply([item(n) for n in range(3)], 502), BATCH, evm.CODES)
    assert caught.value.fault is ReadCode.SERVER_ERROR


def test_a_member_is_not_repeated_in_the_shadow_of_an_item_that_has_none() -> None:
    for twice in ('"result":"0x1","result":"0x0"', '"error":{"code":1,"message":"x"},"error":null,"result":"0x0"'):
        one, other = f'{{"id":{BATCH.first},{twice}}}', f'{{"id":{BATCH.first + 1},"error":{{"result":"x"}}}}'
        assert fails(f"[{one},{other}]") is ReadCode.MALFORMED


def test_a_code_of_thousands_of_digits_is_no_code() -> None:
    with pytest.raises(CallError) as caught:
        decode(f'{{"id":{SINGLE.first},"error":{{"code":{"9" * 4000},"message":"no"}}}}', BATCH)
    assert caught.value.message == "no"


def test_a_longer_list_than_was_asked_is_refused_at_once() -> None:
    began = time.thread_time()
    assert fails(b"[" + b"0," * 2**20 + b"0]") is ReadCode.MALFORMED
    with pytest.raises(CallError):
        jsonrpc.decode(reply(b"[" + b"0," * 2**20 + b"0]", 500), BATCH, evm.CODES)
    assert time.thread_time() - began < 3  # it took minutes


@pytest.mark.parametrize(
    "error", ["[" + "[]," * 2**20 + "0]", '"\\ud800"', '{"message":"\\udfff"}', "1" * 5000, "[" * 900 + "]" * 900]
)
def test_an_error_that_cannot_be_read_is_shown_as_it_is_written(error: str) -> None:
    with pytest.raises(CallError) as caught:
        decode(f'{{"id":{SINGLE.first},"error":{error}}}', BATCH)
    assert 0 < len(caught.value.message) < 250


def test_a_repeated_member_is_refused() -> None:
    for twice in (b'{"id":%d,"result":"0x1","result":"0x0"}', b'{"id":0,"id":%d,"result":"0x1"}'):
        assert fails(b"[" + twice % BATCH.first + b"]") is ReadCode.MALFORMED


def test_a_single_calls_error_is_the_calls() -> None:
    batch = jsonrpc.Batch(b"", BATCH.first, 1)
    with pytest.raises(CallError) as caught:
        jsonrpc.single(reply(fault(0)), batch, evm.CODES)
    assert caught.value.fault is ReadCode.SERVER_ERROR
    with pytest.raises(CallError) as caught:
        jsonrpc.single(reply({"id": BATCH.first}), batch, evm.CODES)
    assert caught.value.fault is ReadCode.MALFORMED


@pytest.mark.parametrize(
    "error", ["text", 5, True, [], {}, {"code": "x"}, {"code": 1.5, "message": None}, {"message": {"a": 1}}]
)
def test_an_error_of_any_shape_is_an_error(error: object) -> None:
    assert decode([item(0, "a"), {"id": BATCH.first + 1, "error": error}, item(2, "c")])[1] is ReadCode.ITEM_ERROR


@given(st.integers(1, 45), st.randoms())
def test_readings_out_are_readings_in(count: int, dice: Any) -> None:
    batch = jsonrpc.encode([("eth_getBalance", (str(n),)) for n in range(count)])
    items = [{"id": batch.first + n, "result": str(n)} for n in range(count)]
    dice.shuffle(items)
    kept = items[: dice.randint(1, count)]
    answers = jsonrpc.decode(reply(kept), batch, evm.CODES)
    assert len(answers) == count
    for n, answer in enumerate(answers):
        if isinstance(answer, msgspec.Raw):
            assert msgspec.json.decode(answer) == str(n)


@given(
    st.one_of(
        bodies(reply([item(n) for n in range(3)]).body, KEYS),
        st.lists(
            st.one_of(
                like(KEYS),
                st.fixed_dictionaries(
                    {"id": st.integers(BATCH.first - 1, BATCH.first + 3), "result": st.text("0x1", max_size=3)}
                ),
            )
        ).map(lambda value: json.dumps(value).encode()),
    ),
    st.sampled_from([200, 200, 403, 429, 500]),
    st.sampled_from([evm.CODES, solana.CODES]),
)
def test_any_bytes_are_one_answer_per_call_or_a_call_error(body: bytes, status: int, codes: Codes) -> None:
    for batch in (BATCH, jsonrpc.Batch(b"", BATCH.first, 1)):
        try:
            answers = jsonrpc.decode(reply(body, status), batch, codes)
        except CallError:
            continue
        assert len(answers) == batch.count
        assert status == 200
