"""An EVM chain read at a block tag: amounts and heads are those of that block, and a host that doesn't know it says so."""

import asyncio
import time
from typing import Any

import msgspec
import pytest

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head
from hdscan.model.reading import ReadError, Reading
from hdscan.provider.build import build
from hdscan.provider.transport import AioTransport
from hdscan.sim.city import City
from hdscan.sim.evm import TAGS
from hdscan.sim.host import HostSpec
from hdscan.sim.world import World
from tests.provider.server import BSC, NOW, Asked, conversation, http
from tests.wire.samples import evm

FINALIZED = msgspec.structs.replace(BSC, read_at="finalized")


@pytest.mark.parametrize("protocol", ["evm-rpc", "evm-multicall"])
@pytest.mark.parametrize("tag", ["latest", "safe", "finalized"])
def test_head_and_amounts_are_those_of_the_block_with_the_tag(protocol: str, tag: str) -> None:
    world = World(seed=1, addresses=30)

    async def run() -> None:
        chain = msgspec.structs.replace(world["bsc"].chain, read_at=tag)
        readings = [Reading(n, text, world["bsc"].assets[n % 2]) for n, text in enumerate(world["bsc"].addresses())]
        kinds = [readings] if protocol == "evm-multicall" else [readings[::2][:15], readings[1::2][:15]]
        async with (
            City(world, [HostSpec(name="node", chain="bsc", protocols=(protocol,), rate=1e4, burst=1e3)]) as city,
            AioTransport(5.0) as transport,
        ):
            (provider,) = build(city.endpoints[0], chain, transport, lambda: NOW)
            proved, tip = await provider.prove(), await provider.tip()
            assert proved is not None
            top = world["bsc"].height(time.time()) - TAGS[tag]
            assert top - 10 <= proved.height <= tip.height <= top
            for asked in kinds:
                reply = await provider.read(asked, tip.height)
                for reading, outcome in zip(asked, reply.outcomes, strict=True):
                    held = world["bsc"].holdings(reading.address).amounts[world["bsc"].assets.index(reading.asset)]
                    assert not isinstance(outcome, ReadError)
                    assert outcome.amount == held
                    assert outcome.height is not None
                    assert tip.height <= outcome.height <= tip.height + 10
            assert len(await provider.block_hash(tip.height)) == 66

    asyncio.run(run())


def refusing(asked: Asked) -> bytes:
    """A node that knows no tag but latest, as geth words it."""
    calls = asked.json if isinstance(asked.json, list) else [asked.json]
    error = {"code": -32602, "message": "invalid argument 1: hex string without 0x prefix"}
    replies = [
        {"jsonrpc": "2.0", "id": call["id"]}
        | (
            {"error": error}
            if "finalized" in call["params"]
            else {"result": "0x38" if call["method"] == "eth_chainId" else "0x0"}
        )
        for call in calls
    ]
    return http(replies if isinstance(asked.json, list) else replies[0])


@pytest.mark.parametrize("protocol", ["evm-rpc", "evm-multicall"])
def test_a_host_that_does_not_know_the_tag_reads_nothing(protocol: str) -> None:
    for talk in (lambda provider: provider.prove(), lambda provider: provider.tip()):
        with pytest.raises(CallError) as caught:
            conversation(protocol, refusing, talk, chain=FINALIZED)
        assert "invalid argument" in caught.value.message
    if protocol == "evm-multicall":
        with pytest.raises(CallError):
            conversation(protocol, refusing, lambda provider: provider.read([evm(0), evm(1)], 7), chain=FINALIZED)
        return
    reply, _ = conversation(protocol, refusing, lambda provider: provider.read([evm(0), evm(1)], 7), chain=FINALIZED)
    assert [outcome.code for outcome in reply.outcomes] == [ReadCode.ITEM_ERROR] * 2


@pytest.mark.parametrize(
    ("block", "fault"), [(None, ReadCode.SERVER_ERROR), ({"number": "latest", "hash": ""}, ReadCode.MALFORMED)]
)
def test_a_block_that_is_not_there_is_no_head(block: Any, fault: ReadCode) -> None:
    answer = lambda asked: http({"jsonrpc": "2.0", "id": asked.json["id"], "result": block})  # noqa: E731
    with pytest.raises(CallError) as caught:
        conversation("evm-rpc", answer, lambda provider: provider.tip(), chain=FINALIZED)
    assert caught.value.fault is fault


def test_the_head_is_asked_for_by_its_tag_and_the_latest_one_by_number_as_before() -> None:
    def answer(asked: Asked) -> bytes:
        result = {"number": "0x64", "hash": "0x" + "5a" * 32} if asked.json["params"] else "0x65"
        return http({"jsonrpc": "2.0", "id": asked.json["id"], "result": result})

    head, asked = conversation("evm-rpc", answer, lambda provider: provider.tip(), chain=FINALIZED)
    assert (head, asked[0].json["method"], asked[0].json["params"]) == (Head(100), "eth_getBlockByNumber", ["finalized", False])
    head, asked = conversation("evm-rpc", answer, lambda provider: provider.tip())
    assert (head, asked[0].json["method"]) == (Head(101), "eth_blockNumber")
