"""Conversations with a simulated Electrum host, over TCP and TLS."""

import asyncio
import hashlib
import json
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hdscan.model.endpoint import Cost
from hdscan.sim.chains import BTC, EPOCH, MAINNET
from hdscan.sim.city import City
from hdscan.sim.electrum import BALANCE, HEADER, HISTORY, LONGEST, script_hash
from hdscan.sim.faults import Fault, Rule, always, script
from hdscan.sim.host import Entry, HostSpec
from hdscan.sim.lines import HELLO, NOTICE, LineConnection
from hdscan.sim.world import World
from tests.sim.conversation import host

ELECTRUM = host(protocols=("electrum",))
GREETING = {"jsonrpc": "2.0", "id": 0, "method": HELLO, "params": ["test", ["1.4", "1.6"]]}


class Talk:
    """One client of one host, with no opinion on what comes back."""

    def __init__(self, city: City, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.city, self.world, self._reader, self._writer = city, city.world["btc"], reader, writer

    @property
    def log(self) -> list[Entry]:
        return self.city.hosts["h"].log

    def connections(self) -> list[LineConnection]:
        return [peer for peer in self.city.hosts["h"].listener._peers if isinstance(peer, LineConnection)]

    def say(self, message: Any) -> None:
        self._writer.write((message if isinstance(message, bytes) else json.dumps(message).encode()) + b"\n")

    async def raw(self) -> bytes:
        return await asyncio.wait_for(self._reader.readline(), 5)

    async def hear(self) -> Any:
        return json.loads(await self.raw())

    async def ask(self, method: str, *params: Any) -> Any:
        self.say({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        return await self.hear()

    async def balances(self, *indices: int) -> Any:
        hashes = [script_hash(self.world.address(index), self.world.chain) for index in indices]
        self.say([{"jsonrpc": "2.0", "id": at, "method": BALANCE, "params": [each]} for at, each in enumerate(hashes)])
        return await self.hear()


def converse(
    story: Callable[[Talk], Awaitable[None]],
    *rules: Rule,
    spec: HostSpec = ELECTRUM,
    world: World | None = None,
    greet: bool = True,
) -> None:
    async def run() -> None:
        async with City(world or World(1, 60, funded=0.5), [spec], faults={"h": rules}) as city:
            _, _, port = city.endpoints[0].url.rpartition(":")
            context = None
            if spec.tls:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            reader, writer = await asyncio.open_connection("127.0.0.1", int(port), ssl=context, limit=2**20)
            talk = Talk(city, reader, writer)
            if greet:
                talk.say(GREETING)
                assert (await talk.hear())["result"][1] == "1.6"
            try:
                await story(talk)
            finally:
                writer.transport.abort()

    asyncio.run(asyncio.wait_for(run(), 30))


@pytest.mark.parametrize("tls", [False, True])
def test_balances_are_known_by_script_hash(tls: bool) -> None:
    async def story(talk: Talk) -> None:
        rows = list(talk.world.truth())
        got = {item["id"]: item["result"] for item in await talk.balances(*range(60))}
        assert got == {r.index: {"confirmed": r.amounts["BTC"], "unconfirmed": r.unconfirmed} for r in rows}
        (entry,) = talk.log
        assert (entry.methods, entry.items, entry.answered) == ((BALANCE,), 60, "ok")
        assert entry.asks[0] == (rows[0].address, "BTC")
        unknown = await talk.ask(BALANCE, "00" * 32)
        assert unknown["result"] == {"confirmed": 0, "unconfirmed": 0}
        assert (await talk.ask(BALANCE, "nonsense"))["error"]["code"] == 1
        assert (await talk.ask("blockchain.nothing"))["error"]["code"] == -32601

    spec = host(protocols=("electrum",), tls=tls)
    converse(story, spec=spec, world=World(2, 60, funded=0.5))


def test_a_history_is_as_long_as_an_address_was_used() -> None:
    emptied, waiting, busy = (World(9, 3)["btc"].address(at) for at in range(3))
    explicit = {emptied: {"used": 3}, waiting: {"unconfirmed": 7}, busy: {"used": LONGEST + 1}}

    async def story(talk: Talk) -> None:
        async def history(text: str) -> Any:
            return await talk.ask(HISTORY, script_hash(text, talk.world.chain))

        for row in talk.world.truth():
            if row.address == busy:
                assert (await history(busy))["error"] == {"code": 1, "message": "history too large"}
                continue
            found = (await history(row.address))["result"]
            mined = [tx for tx in found if tx["height"] > 0]
            assert len({tx["tx_hash"] for tx in found}) == len(found)
            assert len(mined) == talk.world.holdings(row.address).transactions
            assert len(found) - len(mined) == bool(row.unconfirmed)
        assert talk.log[0].asks == ((talk.world.address(0), "use"),)
        assert (await talk.ask(HISTORY, "00" * 32))["result"] == []
        assert (await talk.ask(HISTORY, "nonsense"))["error"]["code"] == 1

    converse(story, world=World(2, 60, funded=0.3, explicit={"btc": explicit}))


def test_an_address_that_comes_to_be_used_has_a_history_from_then_on() -> None:
    new = World(9, 1)["btc"].address(0)

    async def story(talk: Talk) -> None:
        asked = script_hash(new, talk.world.chain)
        assert (await talk.ask(HISTORY, asked))["result"] == []
        talk.world.state({new: {"BTC": 5, "used": 2}})
        assert len((await talk.ask(HISTORY, asked))["result"]) == 2
        assert (await talk.ask(BALANCE, asked))["result"]["confirmed"] == 5

    converse(story)


def test_every_kind_of_address_has_its_script_hash() -> None:
    first = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
    example = "8b01df4e368ea28f8dc0423bcf7a4923e3a12d307c875e47a0cfbf90b5c39161"  # the protocol's
    assert script_hash(first, BTC.chain) == example
    explicit = {first: {"BTC": 5}, "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy": {"BTC": 6}}

    async def story(talk: Talk) -> None:
        assert [item["result"]["confirmed"] for item in await talk.balances(0, 1)] == [5, 6]

    converse(story, world=World(1, {}, explicit={"btc": explicit}))


def test_head_and_first_block_are_those_of_the_chain() -> None:
    async def story(talk: Talk) -> None:
        assert abs((await talk.ask(NOTICE))["result"]["height"] - talk.world.height(time.time())) <= 1
        header = bytes.fromhex((await talk.ask(HEADER, 0))["result"])
        assert hashlib.sha256(hashlib.sha256(header).digest()).digest()[::-1].hex() == talk.world.chain.identity
        assert (await talk.ask("server.features"))["result"]["genesis_hash"] == talk.world.chain.identity

    converse(story)


def test_a_node_of_another_chain_has_another_first_block() -> None:
    async def story(talk: Talk) -> None:
        header = bytes.fromhex((await talk.ask(HEADER, 0))["result"])
        assert hashlib.sha256(hashlib.sha256(header).digest()).digest()[::-1].hex() != talk.world.chain.identity

    converse(story, always(Fault.WRONG_CHAIN))


@pytest.mark.parametrize(("rules", "behind"), [((), 0), ((always(Fault.STALE),), 12)])
def test_a_block_is_told_to_who_subscribed_as_its_node_sees_it(rules: tuple[Rule, ...], behind: int) -> None:
    async def story(talk: Talk) -> None:
        await talk.ask(NOTICE)
        (connection,) = talk.connections()
        assert connection._next_block is not None
        until_next = connection._next_block.when() - asyncio.get_running_loop().time()
        age = (time.time() - EPOCH) % MAINNET[0].interval
        assert abs(until_next - (MAINNET[0].interval - age)) < 5
        connection.tell()
        told = await talk.hear()
        assert (told["method"], "id" in told) == (NOTICE, False)
        assert abs(told["params"][0]["height"] - talk.world.height(time.time()) + behind) <= 1

    converse(story, *rules)


def test_who_does_not_greet_is_shown_the_door() -> None:
    async def story(talk: Talk) -> None:
        assert "server.version" in (await talk.ask(NOTICE))["error"]["message"]
        assert await talk.raw() == b""
        assert not talk.log

    converse(story, greet=False)


@pytest.mark.parametrize(
    "fault", [Fault.THROTTLED_SECONDS, Fault.THROTTLED_BARE, Fault.THROTTLED_TEXT, Fault.UNAVAILABLE, Fault.QUOTA]
)
def test_who_asks_too_much_is_told_so_and_hung_up_on(fault: Fault) -> None:
    async def story(talk: Talk) -> None:
        assert {item["error"]["code"] for item in await talk.balances(1, 2)} == {-101}
        assert await talk.raw() == b""
        assert talk.log[0].paused_until is None

    converse(story, script(fault))


def test_the_rate_counts_items_and_the_greeting_is_none() -> None:
    async def story(talk: Talk) -> None:
        await talk.balances(*range(40))
        assert "result" in (await talk.balances(1))[0]
        assert "error" in (await talk.balances(*range(30)))[0]

    converse(story, spec=host(protocols=("electrum",), rate=50, burst=1, cost=Cost.ITEM))


def test_a_batch_is_too_large() -> None:
    async def story(talk: Talk) -> None:
        assert "too large" in (await talk.balances(1, 2, 3))[0]["error"]["message"]
        assert "result" in (await talk.balances(1, 2))[0]

    converse(story, spec=host(protocols=("electrum",), batch=2))


@pytest.mark.parametrize("fault", [Fault.MALFORMED, Fault.TRUNCATED, Fault.EMPTY_BODY])
def test_a_line_is_not_json(fault: Fault) -> None:
    async def story(talk: Talk) -> None:
        with pytest.raises(json.JSONDecodeError):
            await talk.balances(1, 2)
        assert len(await talk.balances(1, 2)) == 2

    converse(story, script(fault))


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.RESET_MID_BODY, Fault.CLOSED_MID_BODY])
def test_a_connection_breaks(fault: Fault) -> None:
    async def story(talk: Talk) -> None:
        with pytest.raises((ConnectionError, ValueError)):
            await talk.balances(1, 2)
        with pytest.raises((ConnectionError, ValueError)):
            await talk.balances(1, 2)

    converse(story, script(fault))


def test_a_line_goes_on_without_end() -> None:
    async def story(talk: Talk) -> None:
        with pytest.raises(ValueError, match="limit"):
            await talk.balances(1, 2)

    converse(story, script(Fault.OVERSIZED))


def test_errors_and_ids_go_wrong_as_in_any_json_rpc() -> None:
    async def story(talk: Talk) -> None:
        assert (await talk.balances(1, 2))[0]["error"]["code"] == -32603
        assert (await talk.balances(1, 2))[1]["error"]["code"] == 2
        assert "internal server error" in (await talk.balances(1, 2))[0]["error"]["message"]
        assert "temporarily unavailable" in (await talk.balances(1, 2))[1]["error"]["message"]
        assert "error" not in (await talk.balances(1, 2))[0], "there are no pages in this protocol"
        assert "error" not in (await talk.balances(1, 2))[0], "nor headers"
        items = await talk.balances(*range(10))
        assert sum("error" in item for item in items) == 2
        assert len(await talk.balances(*range(10))) == 8
        assert [item["id"] for item in await talk.balances(*range(10))] == list(range(10))[::-1]
        ids = [item["id"] for item in await talk.balances(*range(10))]
        assert len(set(ids) - set(range(10))) == 2
        assert await talk.balances(1) == {}

    converse(
        story,
        script(
            Fault.SERVER_ERROR,
            Fault.ERROR_OBJECT,
            Fault.NODE_STATE,
            Fault.BUSY_TEXT,
            Fault.CHALLENGE,
            Fault.ANSWER_AND_PAUSE,
            Fault.ITEM_ERRORS,
            Fault.SHORT_LIST,
            Fault.SHIFTED_LIST,
            Fault.FOREIGN_ID,
            Fault.EMPTY_OBJECT,
        ),
    )


def test_what_is_no_request_has_an_answer_too() -> None:
    async def story(talk: Talk) -> None:
        for nonsense in (b"nonsense", b"[]", b"5", b'{"method":5}', b"[5]"):
            talk.say(nonsense)
            answer = await talk.hear()
            assert "error" in (answer[0] if isinstance(answer, list) else answer)

    converse(story)
