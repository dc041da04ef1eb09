"""Conversations with a simulated bitcoind."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from hdscan.sim.family import script
from hdscan.sim.faults import Fault, Rule
from hdscan.sim.faults import script as play
from hdscan.sim.world import World
from tests.sim.conversation import Talk, converse, host

NODE = host(protocols=("bitcoind",))
SLOW = host(protocols=("bitcoind",), pass_seconds=0.3)
COIN = 10**8


async def scan(talk: Talk, *indices: int) -> Any:
    return await talk.rpc("scantxoutset", "start", [f"addr({talk.world['btc'].address(index)})" for index in indices])


def test_a_pass_names_the_outputs_of_what_holds_something_and_the_block_of_all() -> None:
    async def story(talk: Talk) -> None:
        found = (await scan(talk, *range(60)))["result"]
        held: dict[str, int] = {}
        for each in found["unspents"]:
            held[each["scriptPubKey"]] = held.get(each["scriptPubKey"], 0) + round(Decimal(str(each["amount"])) * COIN)
        rows = list(talk.world["btc"].truth())
        truth = {script(row.address, talk.world["btc"].chain).hex(): row.amounts["BTC"] for row in rows if row.amounts["BTC"]}
        assert held == truth
        assert len(found["unspents"]) > len(truth)  # some hold several
        assert found["success"] is True
        assert round(Decimal(str(found["total_amount"])) * COIN) == sum(truth.values())
        assert found["bestblock"] == (await talk.rpc("getblockhash", found["height"]))["result"]
        (entry, _) = talk.log
        assert (entry.methods, entry.items, len(entry.asks)) == (("scantxoutset start",), 1, 60)

    converse(story, NODE)


def test_the_tip_and_the_first_block_are_those_of_the_chain() -> None:
    async def story(talk: Talk) -> None:
        tip = (await talk.rpc("getblockchaininfo"))["result"]
        assert tip["bestblockhash"] == (await talk.rpc("getblockhash", tip["blocks"]))["result"]
        assert (await talk.rpc("getblockhash", 0))["result"] == talk.world["btc"].chain.identity
        assert (await talk.rpc("getblockhash", tip["blocks"] + 100))["error"]["code"] == -8

    converse(story, NODE)


def test_one_pass_at_a_time_which_can_be_watched_and_aborted() -> None:
    async def story(talk: Talk) -> None:
        assert (await talk.rpc("scantxoutset", "status"))["result"] is None
        assert (await talk.rpc("scantxoutset", "abort"))["result"] is False
        first = asyncio.create_task(scan(talk, 1, 2))
        while ("scantxoutset start",) not in [entry.methods for entry in talk.log]:
            assert (await talk.rpc("getblockchaininfo"))["result"]
        assert 0 <= (await talk.rpc("scantxoutset", "status"))["result"]["progress"] <= 100
        assert (await scan(talk, 3))["error"]["code"] == -8
        assert (await talk.rpc("scantxoutset", "abort"))["result"] is True
        assert (await talk.rpc("scantxoutset", "status"))["result"] is None
        assert (await first)["result"]["success"] is False
        assert (await scan(talk, 3))["result"]["success"] is True

    converse(story, SLOW)


def test_what_it_refuses_has_a_code() -> None:
    async def story(talk: Talk) -> None:
        assert (await talk.rpc("scantxoutset", "start", ["addr(nonsense)"]))["error"]["code"] == -5
        assert (await talk.rpc("getnothing"))["error"]["code"] == -32601
        assert (await talk.post([])).json["error"]["code"] == -32600

    converse(story, NODE)


@pytest.mark.parametrize(("fault", "code"), [(Fault.ERROR_OBJECT, -28), (Fault.NODE_STATE, -32603)])
def test_it_goes_wrong_in_its_own_words(fault: Fault, code: int) -> None:
    async def story(talk: Talk) -> None:
        assert (await scan(talk, 1))["error"]["code"] == code
        assert (await scan(talk, 1))["result"]["success"] is True

    converse(story, NODE, play(fault))


def test_where_too_much_waits_it_says_so() -> None:
    async def story(talk: Talk) -> None:
        answered = await talk.post({"jsonrpc": "2.0", "id": 1, "method": "scantxoutset", "params": ["start", ["addr(x)"]]})
        assert (answered.status, answered.body) == (503, b"Work queue depth exceeded")

    converse(story, NODE, play(Fault.BUSY_TEXT))


@pytest.mark.parametrize("fault", [Fault.FALSE_ZEROS, Fault.HIGHER_VALUES])
def test_lies_are_counted(fault: Fault) -> None:
    async def story(talk: Talk) -> None:
        true = sum(row.amounts["BTC"] for row in talk.world["btc"].truth())
        found = (await scan(talk, *range(60)))["result"]
        assert round(Decimal(str(found["total_amount"])) * COIN) != true
        assert talk.log[0].lies > 0

    converse(story, NODE, Rule(faults=(fault,), items=1.0), world=World(3, 60, funded=0.5))
