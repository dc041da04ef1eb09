"""Solana through getMultipleAccounts."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from solders.pubkey import Pubkey

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import MISSING, Head
from hdscan.model.reading import Balance, Kind, ReadError, Reading, use_of
from tests.provider.server import NOW, SOL_GENESIS, Asked, conversation, http
from tests.wire.samples import SOL, USDC

SLOT = 460_000_000
CLOCK = "SysvarC1ock11111111111111111111111111111111"
SYSVAR = "Sysvar1111111111111111111111111111111111111"
SIGNATURES = "getSignaturesForAddress"
SYSTEM = "11111111111111111111111111111111"


def native(index: int) -> Reading:
    return Reading(index, str(Pubkey.from_bytes((index + 1).to_bytes(32, "big"))), SOL)


def shape(lamports: int, owner: str, data: bytes = b"") -> dict[str, Any]:
    return {
        "lamports": lamports,
        "owner": owner,
        "data": [b64encode(data).decode(), "base64"],
        "executable": False,
        "rentEpoch": 2**64 - 1,
    }


def account(key: str) -> object:
    """The native address of index n holds n lamports; there are no token accounts."""
    if key == CLOCK:
        return shape(1, SYSVAR, SLOT.to_bytes(8, "little") + bytes(32))
    number = int.from_bytes(bytes(Pubkey.from_string(key)), "big")
    return shape(number - 1, SYSTEM) if 1 < number < 10_000 else None


def node(change: Callable[[list[object]], list[object]] = lambda value: value) -> Callable[[Asked], bytes]:
    def answer(asked: Asked) -> bytes:
        call = asked.json
        result: object = {"getGenesisHash": SOL_GENESIS, "getSlot": SLOT}.get(call["method"])
        if call["method"] == "getMultipleAccounts":
            result = {"context": {"slot": SLOT}, "value": change([account(key) for key in call["params"][0]])}
        return http({"jsonrpc": "2.0", "id": call["id"], "result": result})

    return answer


def read(readings: list[Reading], handler: Callable[[Asked], bytes] | None = None) -> tuple[Any, list[Asked]]:
    return conversation("solana-rpc", handler or node(), lambda provider: provider.read(readings, 7))


@pytest.mark.parametrize("count", [0, 1, 98, 99, 100])
def test_readings_out_are_readings_in(count: int) -> None:
    reply, asked = read([native(n) for n in range(count)])
    assert reply.outcomes == tuple(Balance(n, None, SLOT, NOW, "host") for n in range(count))
    assert (reply.head, reply.requested, reply.received) == (Head(SLOT), count + 1, count + 1)
    assert len(asked) == 1
    keys, options = asked[0].json["params"]
    assert keys[-1] == CLOCK
    assert options == {"commitment": "finalized", "encoding": "base64", "dataSlice": {"offset": 0, "length": 72}}


def test_an_address_was_used_if_a_transaction_names_it() -> None:
    """None counts as proof only of a host that has the first blocks, which it is asked for in the same request."""
    signature = {
        "signature": "3K3u7t3tzAHqUd1jRQJms5fkK3E6BxfP4yTtudt3VjjrAARZKDR6SGvD1CAF8HW96nKoda57EikwuVHXiakkTUyh",
        "slot": 32,
    }

    def host(first: list[int]) -> Callable[[Asked], bytes]:
        def one(call: Any) -> Any:
            found = [signature] if call["params"][0] == used.address else []
            return {"jsonrpc": "2.0", "id": call["id"], "result": first if call["method"] == "getBlocks" else found}

        return lambda asked: http(list(map(one, asked.json)) if isinstance(asked.json, list) else one(asked.json))

    async def reads(provider: Any) -> Any:
        return [(await provider.read([each], 7)).outcomes[0] for each in (used, unused, unused)]

    used, unused = (Reading(n, native(n).address, use_of("sol")) for n in range(2))
    found, asked = conversation("solana-rpc", host([31, 32]), reads)
    assert found == [Balance(n, None, 7, NOW, "host", used=n > 0) for n in (1, 0, 0)]
    assert [call["method"] for call in asked[0].json] == [SIGNATURES, "getBlocks"]
    assert [call.json["method"] for call in asked[1:]] == [SIGNATURES] * 2
    assert asked[0].json[0]["params"] == [used.address, {"limit": 1, "commitment": "finalized"}]
    found, _ = conversation("solana-rpc", host([]), reads)
    assert found[0] == Balance(1, None, 7, NOW, "host", used=True)
    assert [each.code for each in found[1:] if isinstance(each, ReadError)] == [ReadCode.ABSENT] * 2


@pytest.mark.parametrize(
    "result", [None, {}, "", 0, [None], [{}], [{"signature": "ab", "slot": 1}], [{"slot": 1}], [{"signature": "3" * 88}]]
)
def test_what_is_no_list_of_signatures_makes_no_address_unused(result: object) -> None:
    with pytest.raises(CallError) as caught:
        read(
            [Reading(0, native(0).address, use_of("sol"))],
            lambda asked: http([{"id": call["id"], "result": result} for call in asked.json]),
        )
    assert caught.value.fault is ReadCode.MALFORMED


def test_native_and_tokens_travel_together() -> None:
    token = Reading(5, native(5).address, USDC)
    reply, asked = read([native(4), token, native(6)])
    assert [outcome.amount for outcome in reply.outcomes] == [4, 0, 6]
    assert len(asked[0].json["params"][0]) == 5


def test_a_short_reply_is_missing_and_says_how_short() -> None:
    reply, _ = read([native(n) for n in range(10)], node(lambda value: value[:7]))
    assert reply.outcomes == (MISSING,) * 10
    assert (reply.requested, reply.received) == (11, 7)


def test_a_shifted_reply_fails_as_a_whole() -> None:
    with pytest.raises(CallError) as caught:
        read([native(n) for n in range(10)], node(lambda value: value[1:] + value[:1]))
    assert caught.value.fault is ReadCode.MALFORMED


def test_another_genesis_is_the_wrong_chain() -> None:
    head, asked = conversation("solana-rpc", node(), lambda provider: provider.prove())
    assert head is None
    assert len(asked) == 1
    devnet = "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG"
    other = lambda asked: http({"jsonrpc": "2.0", "id": asked.json["id"], "result": devnet})  # noqa: E731
    with pytest.raises(CallError) as caught:
        conversation("solana-rpc", other, lambda provider: provider.prove())
    assert caught.value.fault is ReadCode.WRONG_CHAIN
    assert devnet in caught.value.message


def test_the_tip_is_a_slot_of_our_commitment() -> None:
    slot, asked = conversation("solana-rpc", node(), lambda provider: provider.tip())
    assert slot == Head(SLOT)
    assert asked[0].json["params"] == [{"commitment": "finalized"}]


def test_an_unhealthy_node_is_a_failure_and_no_throttle() -> None:
    error = {"code": -32005, "message": "Node is unhealthy", "data": {"numSlotsBehind": None}}
    with pytest.raises(CallError) as caught:
        read([native(0)], lambda asked: http({"jsonrpc": "2.0", "id": asked.json["id"], "error": error}))
    assert caught.value.fault is ReadCode.SERVER_ERROR


def test_sizes_leave_a_place_for_the_clock() -> None:
    async def sizes(provider: Any) -> Any:
        return provider.capacity, provider.weight, set(provider.methods)

    kinds = {Kind.NATIVE, Kind.TOKEN, Kind.MIXED}
    weight = {Kind.NATIVE: 1, Kind.TOKEN: 2, Kind.USE: 2}
    for row, most in (({}, 99), ({"batch": 5}, 4), ({"batch": 500}, 99)):
        found = conversation("solana-rpc", node(), sizes, **row)[0]
        assert found == (dict.fromkeys(kinds, most) | {Kind.USE: 1}, weight, kinds | {Kind.USE})
    alone = conversation("solana-rpc", node(), sizes, batch=2)[0]
    assert alone == ({Kind.NATIVE: 1, Kind.USE: 1}, {Kind.NATIVE: 1, Kind.USE: 2}, {Kind.NATIVE, Kind.USE})
