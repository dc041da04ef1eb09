"""An EVM chain through a node's JSON-RPC."""

from collections.abc import Callable
from typing import Any

import pytest

from hdscan.model.endpoint import Cost
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head
from hdscan.model.reading import Balance, Kind, ReadError, Reading, use_of
from tests.provider.server import NOW, Asked, conversation, http
from tests.wire.samples import BNB, USDT, evm


def result(call: dict[str, Any]) -> object:
    """Every address holds its own number."""
    match call["method"]:
        case "eth_chainId":
            return "0x38"
        case "eth_blockNumber":
            return "0x64"
        case "eth_getBalance" | "eth_getTransactionCount":
            return hex(int(call["params"][0], 16))
    data: str = call["params"][0]["data"]
    return f"0x{int(data[10:], 16):064x}"


def node(change: Callable[[list[Any]], Any] = lambda items: items) -> Callable[[Asked], bytes]:
    """A node whose batch replies (as lists of items) are changed on their way."""

    def answer(asked: Asked) -> bytes:
        calls = asked.json
        if isinstance(calls, dict):
            return http({"jsonrpc": "2.0", "id": calls["id"], "result": result(calls)})
        return http(change([{"jsonrpc": "2.0", "id": call["id"], "result": result(call)} for call in calls]))

    return answer


def read(readings: list[Reading], handler: Callable[[Asked], bytes] | None = None) -> tuple[Any, list[Asked]]:
    return conversation("evm-rpc", handler or node(), lambda provider: provider.read(readings, 7))


def codes(reply: Any) -> list[object]:
    return [outcome.code if isinstance(outcome, ReadError) else outcome.amount for outcome in reply.outcomes]


@pytest.mark.parametrize("asset", [BNB, USDT])
@pytest.mark.parametrize("count", [1, 19, 20, 21])
def test_readings_out_are_readings_in(count: int, asset: Any) -> None:
    reply, asked = read([evm(n, asset) for n in range(count)], node(lambda items: items[::-1]))
    assert reply.outcomes == tuple(Balance(n + 1, None, 7, NOW, "host") for n in range(count))
    assert len(asked) == 1
    assert isinstance(asked[0].json, dict if count == 1 else list)
    assert asked[0].headers["content-type"] == "application/json"


def test_an_address_was_used_if_it_has_a_nonce() -> None:
    nonces = ["0x0", "0x7", "0x00", "7", None, "-0x1", hex(2**64 - 2), hex(2**64 - 1), "0x"]
    readings = [evm(n, use_of("bsc")) for n in range(len(nonces))]
    change = node(lambda items: [item | {"result": nonce} for item, nonce in zip(items, nonces, strict=True)])
    reply, asked = read(readings, change)
    assert codes(reply) == [0, 7, *[ReadCode.MALFORMED] * 4, 2**64 - 2, *[ReadCode.MALFORMED] * 2]
    assert reply.outcomes[:2] == tuple(Balance(n, None, 7, NOW, "host", used=n > 0) for n in (0, 7))
    assert [(call["method"], call["params"]) for call in asked[0].json[:1]] == [
        ("eth_getTransactionCount", [readings[0].address, "latest"])
    ]


def test_a_missing_id_is_that_readings_error() -> None:
    reply, _ = read([evm(n) for n in range(3)], node(lambda items: items[:1] + items[2:]))
    assert codes(reply) == [1, ReadCode.MISSING, 3]


def test_an_items_error_is_that_readings_error() -> None:
    def spoil(items: list[Any]) -> Any:
        items[1] = {"jsonrpc": "2.0", "id": items[1]["id"], "error": {"code": -32000, "message": "missing trie node"}}
        items[2]["result"] = "0x"
        return items

    assert codes(read([evm(n) for n in range(4)], node(spoil))[0]) == [1, ReadCode.SERVER_ERROR, ReadCode.MALFORMED, 4]
    assert codes(read([evm(n, USDT) for n in range(4)], node(spoil))[0]) == [1, ReadCode.SERVER_ERROR, ReadCode.EMPTY, 4]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda items: items + items[:1], ReadCode.MALFORMED),
        (lambda items: [item | {"id": item["id"] + 1} for item in items], ReadCode.MALFORMED),
        (lambda items: [item | {"id": str(item["id"])} for item in items], ReadCode.MALFORMED),
        (lambda items: [], ReadCode.MALFORMED),
        (lambda items: items[0], ReadCode.MALFORMED),
        (
            lambda items: {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "batch too large"}},
            ReadCode.TOO_LARGE,
        ),
        (lambda items: {"id": None, "error": {"code": -32005, "message": "rate limit exceeded"}}, ReadCode.THROTTLED),
    ],
)
def test_a_batch_that_cannot_be_trusted_fails_as_a_whole(change: Callable[[list[Any]], Any], fault: ReadCode) -> None:
    with pytest.raises(CallError) as caught:
        read([evm(n) for n in range(3)], node(change))
    assert caught.value.fault is fault


def test_a_batch_cap_with_status_500_is_too_large() -> None:
    refusal = http(
        {"id": 1, "error": {"code": 31, "message": "Batch of more than 3 requests are not allowed on free tier"}}, 500
    )
    with pytest.raises(CallError) as caught:
        read([evm(n) for n in range(4)], lambda _: refusal)
    assert caught.value.fault is ReadCode.TOO_LARGE


def test_proof_and_head_come_in_one_call() -> None:
    head, asked = conversation("evm-rpc", node(), lambda provider: provider.prove())
    assert head == Head(100)
    assert [call["method"] for call in asked[0].json] == ["eth_chainId", "eth_blockNumber"]


@pytest.mark.parametrize("row", [{"batch": 1}, {"cost": Cost.ITEM}])
def test_proof_is_a_single_call_where_items_are_counted(row: dict[str, Any]) -> None:
    head, asked = conversation("evm-rpc", node(), lambda provider: provider.prove(), **row)
    assert head is None
    assert asked[0].json["method"] == "eth_chainId"
    assert len(asked) == 1


def test_a_node_without_batches_proves_its_chain_by_single_calls() -> None:
    async def twice(provider: Any) -> int | None:
        with pytest.raises(CallError) as caught:
            await provider.prove()
        assert caught.value.fault is ReadCode.TOO_LARGE
        return await provider.prove()  # type: ignore[no-any-return]

    def single(request: Any) -> Any:
        if isinstance(request.json, list):
            return http({"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "Parse error"}})
        return node()(request)

    head, asked = conversation("evm-rpc", single, twice)
    assert head is None
    assert [type(call.json) for call in asked] == [list, dict]


def test_another_chain_id_is_the_wrong_chain() -> None:
    def other(items: list[Any]) -> Any:
        items[0]["result"] = "0x1"
        return items

    with pytest.raises(CallError) as caught:
        conversation("evm-rpc", node(other), lambda provider: provider.prove())
    assert caught.value.fault is ReadCode.WRONG_CHAIN
    assert "serves chain 1, but bsc is 56" in caught.value.message


def test_a_proof_that_is_not_answered_is_unknown_and_not_wrong() -> None:
    def broken(items: list[Any]) -> Any:
        items[0] = {"id": items[0]["id"], "error": {"code": -32000, "message": "busy"}}
        return items

    with pytest.raises(CallError) as caught:
        conversation("evm-rpc", node(broken), lambda provider: provider.prove())
    assert caught.value.fault is ReadCode.ITEM_ERROR


def test_the_tip_is_the_block_number() -> None:
    assert conversation("evm-rpc", node(), lambda provider: provider.tip())[0] == Head(100)


@pytest.mark.parametrize("protocol", ["evm-rpc", "evm-multicall"])
def test_the_hash_is_that_of_the_nodes_block(protocol: str) -> None:
    block = {"number": "0x64", "hash": "0x" + "5a" * 32}
    answer = lambda asked: http({"jsonrpc": "2.0", "id": asked.json["id"], "result": block})  # noqa: E731
    assert conversation(protocol, answer, lambda provider: provider.block_hash(100))[0] == block["hash"]


def test_sizes_follow_the_row() -> None:
    async def sizes(provider: Any) -> Any:
        return provider.capacity, provider.costs_items

    rows: list[tuple[dict[str, Any], int, bool]] = [
        ({}, 20, False),
        ({"batch": 3}, 3, False),
        ({"cost": Cost.ITEM, "rate": 5.0}, 5, True),
    ]
    for row, most, costs in rows:
        found = conversation("evm-rpc", node(), sizes, **row)[0]
        assert found == (dict.fromkeys((Kind.NATIVE, Kind.TOKEN, Kind.USE), most), costs)
