"""An EVM chain through Multicall3; the contract is played by eth-abi."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from eth_abi import decode, encode

from hdscan.model.endpoint import Cost, Endpoint
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head
from hdscan.model.reading import Balance, Kind, ReadError, Reading
from hdscan.provider.build import build
from hdscan.provider.transport import AioTransport
from tests.provider.server import BSC, NOW, Asked, conversation, http
from tests.wire.samples import BNB, USDT, evm

Result = tuple[bool, bytes]
ARBITRUM = msgspec.structs.replace(BSC, l1_blocks=True)
HEADERS = {"42cbb15c": 132_000_000, "3408e470": 56, "27e86d6e": 0xBEEF, "0f28c97d": 1_763_899_999}
STATED = Head(132_000_000, {131_999_999: f"0x{0xBEEF:064x}"})


def run(target: str, data: bytes) -> Result:
    """Every address holds its own number of wei, and twice that of any token."""
    selector = data[:4].hex()
    if selector in HEADERS:
        return True, HEADERS[selector].to_bytes(32, "big")
    held = int.from_bytes(data[4:], "big") * (1 if selector == "4d2301cc" else 2)
    return True, held.to_bytes(32, "big")


def contract(
    change: Callable[[list[Result]], list[Result]] = lambda results: results,
    node: Callable[[str, bytes], Result] = run,
) -> Callable[[Asked], bytes]:
    def answer(asked: Asked) -> bytes:
        call = asked.json
        assert call["method"] == "eth_call"
        calls = decode(["(address,bool,bytes)[]"], bytes.fromhex(call["params"][0]["data"][10:]))[0]
        results = change([node(target, data) for target, _, data in calls])
        return http({"jsonrpc": "2.0", "id": call["id"], "result": "0x" + encode(["(bool,bytes)[]"], [results]).hex()})

    return answer


def read(readings: list[Reading], handler: Callable[[Asked], bytes] | None = None) -> tuple[Any, list[Asked]]:
    return conversation("evm-multicall", handler or contract(), lambda provider: provider.read(readings, 7))


@pytest.mark.parametrize("count", [0, 1, 599, 600, 601])
def test_readings_out_are_readings_in(count: int) -> None:
    readings = [evm(n, USDT if n % 3 else BNB) for n in range(count)]
    reply, asked = read(readings)
    assert reply.outcomes == tuple(Balance((n + 1) * (2 if n % 3 else 1), None, 132_000_000, NOW, "host") for n in range(count))
    assert reply.head == STATED
    assert len(asked) == 1


def test_a_reverted_or_empty_subcall_fails_alone() -> None:
    def spoil(results: list[Result]) -> list[Result]:
        return [*results[:4], (False, b""), (True, b""), (True, bytes(31)), *results[7:]]

    reply, _ = read([evm(n) for n in range(5)], contract(spoil))
    codes = [outcome.code if isinstance(outcome, ReadError) else outcome.amount for outcome in reply.outcomes]
    assert codes == [1, ReadCode.REVERTED, ReadCode.EMPTY, ReadCode.MALFORMED, 5]


def test_another_chain_in_a_reply_is_the_wrong_chain() -> None:
    other = contract(lambda results: [results[0], (True, (1).to_bytes(32, "big")), *results[2:]])
    for talk in (lambda provider: provider.read([evm(0)], None), lambda provider: provider.prove()):
        with pytest.raises(CallError) as caught:
            conversation("evm-multicall", other, talk)
        assert caught.value.fault is ReadCode.WRONG_CHAIN


@pytest.mark.parametrize(
    "change", [lambda results: results[:-1], lambda results: results[1:], lambda results: [], lambda results: results * 2]
)
def test_a_list_of_another_length_fails_as_a_whole(change: Callable[[list[Result]], list[Result]]) -> None:
    with pytest.raises(CallError) as caught:
        read([evm(0), evm(1)], contract(change))
    assert caught.value.fault is ReadCode.MALFORMED


def refusing(error: object) -> Callable[[Asked], bytes]:
    return lambda asked: http({"jsonrpc": "2.0", "id": asked.json["id"], "error": error})


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        ({"code": -32000, "message": "out of gas"}, ReadCode.TOO_LARGE),
        ({"code": -32000, "message": "missing trie node"}, ReadCode.SERVER_ERROR),
        ({"code": 3, "message": "execution reverted"}, ReadCode.REVERTED),
        ({"code": -32005, "message": "rate limit exceeded"}, ReadCode.THROTTLED),
        ({"code": -32005, "message": "limit exceeded"}, ReadCode.SERVER_ERROR),
    ],
)
def test_an_error_is_the_whole_calls(error: object, fault: ReadCode) -> None:
    with pytest.raises(CallError) as caught:
        read([evm(0)], refusing(error))
    assert caught.value.fault is fault


def test_a_chain_without_the_contract_says_so() -> None:
    with pytest.raises(CallError) as caught:
        read([evm(0)], lambda asked: http({"jsonrpc": "2.0", "id": asked.json["id"], "result": "0x"}))
    assert caught.value.fault is ReadCode.EMPTY
    assert "Multicall3" in caught.value.message


def test_proof_and_tip_make_the_very_call_that_reads() -> None:
    for talk in (lambda provider: provider.prove(), lambda provider: provider.tip()):
        head, asked = conversation("evm-multicall", contract(), talk)
        assert head == STATED
        assert len(asked) == 1


def test_where_contracts_are_told_a_block_of_another_chain_the_head_comes_by_a_call_of_its_own() -> None:
    """As on Arbitrum, whose blockhash is not of a block either; docs.arbitrum.io, "Solidity support"."""

    def answer(asked: Asked) -> bytes:
        if asked.json["method"] == "eth_call":
            return contract()(asked)
        assert asked.json["method"] == "eth_blockNumber"
        return http({"jsonrpc": "2.0", "id": asked.json["id"], "result": "0x1869f"})

    async def talk(provider: Any) -> Any:
        read = [await provider.read([evm(0), evm(1)], 7) for _ in range(2)]
        return provider.states_head, await provider.prove(), await provider.tip(), read

    (states_head, proved, tip, replies), asked = conversation("evm-multicall", answer, talk, chain=ARBITRUM)
    assert (states_head, proved, tip) == (False, None, Head(99_999))
    for reply in replies:
        assert reply.head is None
        assert reply.outcomes == (Balance(1, None, 7, NOW, "host"), Balance(2, None, 7, NOW, "host"))
    sizes = [
        len(decode(["(address,bool,bytes)[]"], bytes.fromhex(each.json["params"][0]["data"][10:]))[0]) for each in asked[:3]
    ]
    assert sizes == [6, 6, 4], "a hash that is none of this chain's was asked for again"


def test_it_is_one_call_to_the_host_whatever_it_holds() -> None:
    async def sizes(provider: Any) -> Any:
        return set(provider.capacity.values()), set(provider.methods), provider.costs_items, provider.states_head

    kinds = {Kind.NATIVE, Kind.TOKEN, Kind.MIXED}
    rows: list[tuple[dict[str, Any], int]] = [({}, 600), ({"batch": 90}, 90), ({"cost": Cost.ITEM, "rate": 1.0}, 600)]
    for row, most in rows:
        found = conversation("evm-multicall", contract(), sizes, **row)[0]
        assert found == ({most}, kinds, False, True)


def test_a_batch_cap_is_that_of_the_protocol_beside_it() -> None:
    both = ("evm-multicall", "evm-rpc")
    row = Endpoint("drpc", "bsc", both, "https://bsc.drpc.org", 10.0, cost=Cost.ITEM, batch=3)
    multicall, rpc = build(row, BSC, AioTransport(1.0), lambda: NOW)
    assert (multicall.name, rpc.name) == ("drpc/evm-multicall", "drpc/evm-rpc")
    assert multicall.endpoint == rpc.endpoint
    assert (multicall.capacity[Kind.MIXED], rpc.capacity[Kind.NATIVE]) == (600, 3)


def test_the_last_blocks_that_replies_named_are_asked_for_again() -> None:
    height = 100

    def node(target: str, data: bytes) -> Result:
        told = {"42cbb15c": height, "27e86d6e": height - 1}.get(data[:4].hex())
        if data[:4].hex() == "ee82ac5e":
            asked = int.from_bytes(data[4:], "big")
            told = asked if height - 256 <= asked < height else 0
        return run(target, data) if told is None else (True, told.to_bytes(32, "big"))

    async def story(provider: Any) -> list[list[int]]:
        nonlocal height
        stated = []
        for head in (100, 100, 98, 105, 110, 900, 901):
            height = head
            stated.append(sorted((await provider.tip()).blocks))
        return stated

    stated, asked = conversation("evm-multicall", contract(node=node), story)
    assert stated == [[99], [99], [97], [97, 99, 104], [97, 99, 104, 109], [899], [899, 900]]
    sizes = [len(decode(["(address,bool,bytes)[]"], bytes.fromhex(each.json["params"][0]["data"][10:]))[0]) for each in asked]
    assert [size - 4 for size in sizes] == [0, 1, 1, 2, 3, 4, 1]


def test_a_host_that_takes_few_subcalls_is_asked_for_fewer_hashes() -> None:
    height, most = 100, 9

    def node(target: str, data: bytes) -> Result:
        told = {"42cbb15c": height, "27e86d6e": height - 1}.get(data[:4].hex())
        return run(target, data) if told is None else (True, told.to_bytes(32, "big"))

    def host(asked: Asked) -> bytes:
        nonlocal height
        height += 1
        calls = decode(["(address,bool,bytes)[]"], bytes.fromhex(asked.json["params"][0]["data"][10:]))[0]
        return contract(node=node)(asked) if len(calls) <= most else refusing({"code": -32000, "message": "out of gas"})(asked)

    async def story(provider: Any) -> list[ReadCode | None]:
        read: list[ReadCode | None] = []
        for _ in range(30):
            try:
                await provider.read([evm(0)], None)
                read.append(None)
            except CallError as error:
                read.append(error.fault)
        return read

    read, _ = conversation("evm-multicall", host, story)
    assert [fault for fault in read if fault] == [ReadCode.TOO_LARGE]
    assert read[-1] is None
