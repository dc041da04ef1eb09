"""An EVM chain through Etherscan's API."""

from typing import Any

import pytest

from hdscan.model.endpoint import Cost
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head
from hdscan.model.reading import Balance, Kind, ReadError, Reading, use_of
from tests.provider.server import NOW, Asked, conversation, http
from tests.wire.samples import USDT, evm

SUFFIX = "/v2/api?apikey=canary-key"


def answer(asked: Asked) -> bytes:
    """Every address holds its own number."""
    addresses = asked.query["address"][0].split(",")
    if asked.query["action"] == ["tokenbalance"]:
        return http({"status": "1", "message": "OK", "result": str(int(addresses[0], 16))})
    result = [{"account": address, "balance": str(int(address, 16))} for address in reversed(addresses)]
    return http({"status": "1", "message": "OK", "result": result})


def read(readings: list[Reading], handler: Any = answer) -> tuple[Any, list[Asked]]:
    return conversation("etherscan", handler, lambda provider: provider.read(readings, 7), SUFFIX)


@pytest.mark.parametrize("count", [1, 19, 20, 21])
def test_readings_out_are_readings_in(count: int) -> None:
    readings = [evm(n) for n in range(count)]
    reply, asked = read(readings)
    assert reply.outcomes == tuple(Balance(n + 1, None, 7, NOW, "host") for n in range(count))
    assert len(asked) == 1
    query = {name: asked[0].query[name] for name in ("chainid", "module", "action", "tag", "apikey")}
    assert query == {
        "chainid": ["56"],
        "module": ["account"],
        "action": ["balancemulti"],
        "tag": ["latest"],
        "apikey": ["canary-key"],
    }


def test_a_token_is_read_alone() -> None:
    reply, asked = read([evm(4, USDT)])
    assert reply.outcomes == (Balance(5, None, 7, NOW, "host"),)
    assert asked[0].query["contractaddress"] == [USDT.contract]


@pytest.mark.parametrize("nonce", [0, 7])
def test_an_address_was_used_if_it_has_a_nonce(nonce: int) -> None:
    reading = evm(4, use_of("bsc"))
    reply, asked = read([reading], lambda _: http({"jsonrpc": "2.0", "id": 1, "result": hex(nonce)}))
    assert reply.outcomes == (Balance(nonce, None, 7, NOW, "host", used=nonce > 0),)
    query = {name: asked[0].query[name] for name in ("chainid", "module", "action", "address", "tag")}
    assert query == {
        "chainid": ["56"],
        "module": ["proxy"],
        "action": ["eth_getTransactionCount"],
        "address": [reading.address],
        "tag": ["latest"],
    }


@pytest.mark.parametrize(
    "body",
    [
        {"jsonrpc": "2.0", "id": 1, "result": ""},
        {"jsonrpc": "2.0", "id": 1, "result": None},
        {"jsonrpc": "2.0", "id": 1, "result": hex(2**64 - 1)},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "invalid argument"}},
        {"status": "1", "message": "OK", "result": []},
        {"status": "0", "message": "NOTOK", "result": "Max rate limit reached"},
        {},
    ],
)
def test_what_is_no_nonce_makes_no_address_unused(body: object) -> None:
    with pytest.raises(CallError):
        read([evm(4, use_of("bsc"))], lambda _: http(body))


def test_a_throttle_with_status_200_is_a_throttle() -> None:
    refusal = http({"status": "0", "message": "NOTOK", "result": "Max rate limit reached"})
    for readings in ([evm(0), evm(1)], [evm(0)], [evm(0, USDT)]):
        with pytest.raises(CallError) as caught:
            read(readings, lambda _: refusal)
        assert caught.value.fault is ReadCode.THROTTLED


def test_a_refused_key_is_named_and_not_shown() -> None:
    refusal = http({"status": "0", "message": "NOTOK", "result": "Invalid API Key (canary-key)"})
    with pytest.raises(CallError) as caught:
        read([evm(0)], lambda _: refusal)
    assert caught.value.fault is ReadCode.BAD_KEY
    assert "canary-key" not in caught.value.message


def test_an_empty_token_balance_is_not_zero() -> None:
    reply, _ = read([evm(0, USDT)], lambda _: http({"status": "1", "message": "OK", "result": ""}))
    (outcome,) = reply.outcomes
    assert isinstance(outcome, ReadError)


def test_the_chain_id_is_proved_through_the_proxy() -> None:
    reply = http({"jsonrpc": "2.0", "id": 83, "result": "0x38"})
    head, asked = conversation("etherscan", lambda _: reply, lambda provider: provider.prove(), SUFFIX)
    assert head is None
    assert (asked[0].query["module"], asked[0].query["action"]) == (["proxy"], ["eth_chainId"])
    with pytest.raises(CallError) as caught:
        conversation("etherscan", lambda _: http({"result": "0x1"}), lambda provider: provider.prove(), SUFFIX)
    assert caught.value.fault is ReadCode.WRONG_CHAIN


def test_the_tip_is_the_block_number() -> None:
    reply = http({"jsonrpc": "2.0", "id": 83, "result": "0xc36b29"})
    head, _ = conversation("etherscan", lambda _: reply, lambda provider: provider.tip(), SUFFIX)
    assert head == Head(0xC36B29)


def test_the_hash_is_that_of_the_nodes_block() -> None:
    block = {"number": "0x64", "hash": "0x" + "5a" * 32}
    reply = http({"jsonrpc": "2.0", "id": 83, "result": block})
    found, asked = conversation("etherscan", lambda _: reply, lambda provider: provider.block_hash(100), SUFFIX)
    assert found == block["hash"]
    assert asked[0].query["tag"] == ["0x64"]


def test_sizes_follow_the_row() -> None:
    async def sizes(provider: Any) -> Any:
        return provider.capacity[Kind.NATIVE], provider.capacity[Kind.TOKEN], provider.costs_items

    rows: list[tuple[dict[str, Any], Any]] = [
        ({}, (20, 1, False)),
        ({"batch": 5}, (5, 1, False)),
        ({"batch": 500}, (20, 1, False)),
        ({"cost": Cost.ITEM, "rate": 3.9}, (3, 1, True)),
        ({"cost": Cost.ITEM, "rate": 0.2}, (1, 1, True)),
    ]
    for row, expected in rows:
        assert conversation("etherscan", lambda _: b"", sizes, **row)[0] == expected
