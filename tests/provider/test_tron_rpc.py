"""Tron through its nodes' Ethereum-style JSON-RPC, which knows addresses as 0x and 20 bytes only.

The replies are those of tronprotocol's documentation (documentation-en, api/json-rpc), from calls to Nile.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from hdscan.chains.tron import hexadecimal
from hdscan.model.chain import Asset
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head, TokenFacts
from hdscan.model.reading import Balance, ReadError, Reading, use_of
from tests.provider.server import NOW, TRON, Asked, conversation, http

NILE = msgspec.structs.replace(TRON, identity="3448148188")
TRX = Asset("tron", "TRX", 6)
USDT = Asset("tron", "USDT", 6, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")
TETHER = "0xa614f803b6fd780986a42c78ec9c7f77e6ded13c"
HELD = "TWAFRfZFmhVQZjxM3De7Mp5UZ9sLqWqpHp"  # 0xdd791d6b49e190062d650e6a23c575510d35f2f9 of the documentation's example
NOBODY = "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb"
POOR = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
RECORDED: dict[str, Any] = {
    "eth_chainId": "0xcd8690dc",
    "eth_blockNumber": "0x3fe1dec",
    "0xdd791d6b49e190062d650e6a23c575510d35f2f9": "0x6d1a6c48",
    "0x0000000000000000000000000000000000000000": "0x0",
    "0x95d89b41": "0x0000000000000000000000000000000000000000000000000000000000000020"
    "0000000000000000000000000000000000000000000000000000000000000004"
    "5553445400000000000000000000000000000000000000000000000000000000",
    "0x313ce567": f"0x{6:064x}",
    "0x70a08231000000000000000000000000dd791d6b49e190062d650e6a23c575510d35f2f9": f"0x{1_000_001:064x}",
}
BLOCK = {
    "number": "0x3fe1c00",
    "hash": "0x0000000003fe1c00462b498ddae67717e96c785078adb5ccb7279148916e6f97",
    "parentHash": "0x0000000003fe1bff062fa008dcd68f6ab2a96a25bc175df22a04baa0cd391573",
    "miner": "0xa234e405a2c6fd67cdd4d0ea2f6188f65534c8b1",
    "stateRoot": "0x",
    "transactions": ["0x95aad4dfc3d5d389291c093425d06b2ce5a97b5b4953645316371158ebde3f27"],
}
NO_CONTRACT = {"code": -32600, "message": "No contract or not a smart contract", "data": "{}"}


def answer(call: Any) -> dict[str, Any]:
    """What a java-tron node says to one call; it takes no other tag than latest."""
    method, params = call["method"], call["params"]
    if method in ("eth_getBalance", "eth_call"):
        if params[1] != "latest":
            return {"error": {"code": -32602, "message": "QUANTITY not supported, just support TAG as latest", "data": "{}"}}
        if method == "eth_call" and params[0]["to"] != TETHER:
            return {"error": NO_CONTRACT}
        return {"result": RECORDED[params[0] if method == "eth_getBalance" else params[0]["data"]]}
    return {"result": BLOCK if method == "eth_getBlockByNumber" else RECORDED[method]}


def node(asked: Asked) -> bytes:
    calls = asked.json if isinstance(asked.json, list) else [asked.json]
    answers = [{"jsonrpc": "2.0", "id": call["id"], **answer(call)} for call in calls]
    return http(answers if isinstance(asked.json, list) else answers[0])


def talk(what: Callable[[Any], Any], handler: Callable[[Asked], bytes] = node) -> tuple[Any, list[Asked]]:
    return conversation("tron-rpc", handler, what, "/jsonrpc", NILE)


def test_sun_and_token_units_are_read_in_one_call_of_the_latest_block() -> None:
    readings = [Reading(0, HELD, TRX), Reading(0, HELD, USDT), Reading(1, NOBODY, TRX)]
    reply, asked = talk(lambda provider: provider.read(readings, 7))
    assert reply.outcomes == tuple(Balance(n, None, 7, NOW, "host") for n in (0x6D1A6C48, 1_000_001, 0))
    assert [call["params"][1] for call in asked[0].json] == ["latest"] * 3
    assert asked[0].target == "/jsonrpc"
    assert HELD.encode() not in asked[0].body


def test_an_address_was_used_if_a_transfer_from_it_fails_for_no_other_reason_than_want_of_an_account() -> None:
    said = {
        HELD: {"result": "0x0"},
        POOR: {"error": {"code": -32600, "message": "Validate TransferContract error, balance is not sufficient."}},
        NOBODY: {"error": {"code": -32600, "message": "Validate TransferContract error, no OwnerAccount.", "data": "{}"}},
    }

    def host(asked: Asked) -> bytes:
        by_name = {hexadecimal(name): reply for name, reply in said.items()}
        return http([{"id": call["id"], **by_name[call["params"][0]["from"]]} for call in asked.json])

    readings = [Reading(at, name, use_of("tron")) for at, name in enumerate(said)]
    reply, asked = talk(lambda provider: provider.read(readings, 7), host)
    assert reply.outcomes == tuple(Balance(n, None, 7, NOW, "host", used=n > 0) for n in (1, 1, 0))
    assert [(call["method"], len(call["params"])) for call in asked[0].json] == [("eth_estimateGas", 1)] * 3
    assert asked[0].json[0]["params"] == [{"from": hexadecimal(HELD), "to": hexadecimal(NOBODY), "value": "0x1"}]
    assert {call["method"] for call in asked[0].json} <= set(talk(methods)[0])


async def methods(provider: Any) -> Any:
    return provider.methods.values()


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize(
    "said",
    [
        {"result": "0x5208"},
        {"result": ""},
        {"result": None},
        {"result": {}},
        {},
        {"error": {"code": -32600, "message": "invalid json request"}},
        {"error": {"code": -32000, "message": "your balance is not sufficient, top up"}},
        {"error": {"code": -32601, "message": "the method eth_estimateGas does not exist/is not available"}},
        {"error": {"code": -32005, "message": "rate limit exceeded: Validate TransferContract error, no OwnerAccount."}},
    ],
)
def test_no_other_word_makes_an_address_used_or_unused(said: dict[str, Any], alone: bool) -> None:
    def host(asked: Asked) -> bytes:
        items = [{"id": call["id"], **said} for call in (asked.json if isinstance(asked.json, list) else [asked.json])]
        return http(items[0] if alone else items)

    readings = [Reading(at, HELD, use_of("tron")) for at in range(1 if alone else 2)]
    try:
        reply, _ = talk(lambda provider: provider.read(readings, 7), host)
    except CallError:
        return
    assert all(isinstance(each, ReadError) for each in reply.outcomes)


def test_the_chain_is_proved_by_its_id_and_the_head_comes_along() -> None:
    head, asked = talk(lambda provider: provider.prove())
    assert (head, len(asked)) == (Head(0x3FE1DEC), 1)
    with pytest.raises(CallError) as caught:
        conversation("tron-rpc", node, lambda provider: provider.prove())
    assert caught.value.fault is ReadCode.WRONG_CHAIN
    assert "serves chain 3448148188, but tron is 728126428" in caught.value.message


def test_the_hash_of_a_block_is_the_nodes() -> None:
    assert talk(lambda provider: provider.block_hash(0x3FE1C00))[0] == BLOCK["hash"]


def test_a_token_is_what_its_contract_says_and_no_contract_is_no_token() -> None:
    nothing = Asset("tron", "NOT", 6, NOBODY)
    (usdt, other), asked = talk(lambda provider: provider.tokens([USDT, nothing]))
    assert usdt == TokenFacts(6, "USDT")
    assert other == ReadError(ReadCode.EMPTY, "error -32600: No contract or not a smart contract")
    assert len(asked) == 1


def test_a_token_without_a_contract_is_an_error_and_never_a_zero() -> None:
    nothing = Asset("tron", "NOT", 6, NOBODY)
    reply, _ = talk(lambda provider: provider.read([Reading(0, HELD, TRX), Reading(0, HELD, nothing)], None))
    assert isinstance(reply.outcomes[0], Balance)
    assert reply.outcomes[1].code is ReadCode.EMPTY


@pytest.mark.parametrize("status", [200, 403, 429, 503])
def test_a_suspension_in_words_is_a_throttle_with_its_pause(status: int) -> None:
    words = {"Error": "The key exceeds the frequency limit(15), and the query server is suspended for 30 s"}
    with pytest.raises(CallError) as caught:
        talk(lambda provider: provider.read([Reading(0, HELD, TRX)] * 2, None), lambda _: http(words, status))
    assert (caught.value.fault, caught.value.retry_after) == (ReadCode.THROTTLED, "30")
    assert "exceeds the frequency limit(15)" in caught.value.message


def test_a_batch_beyond_the_nodes_limit_is_too_large() -> None:
    words = {"jsonrpc": "2.0", "error": {"code": -32005, "message": "Batch size 3 exceeds the limit of 1"}, "id": None}
    with pytest.raises(CallError) as caught:
        talk(lambda provider: provider.read([Reading(0, HELD, TRX)] * 3, None), lambda _: http(words))
    assert caught.value.fault is ReadCode.TOO_LARGE
