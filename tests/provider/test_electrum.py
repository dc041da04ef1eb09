"""Bitcoin through an Electrum host: one connection, many calls, and what becomes of them when it breaks."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hdscan.model.chain import Asset
from hdscan.model.endpoint import Cost
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import MISSING, Head
from hdscan.model.reading import Balance, Kind, ReadError, Reading, use_of
from hdscan.provider.connection import MOST_BYTES
from hdscan.provider.electrum import Electrum
from hdscan.provider.transport import AioTransport
from hdscan.sim.world import World
from tests.provider.lines import HANG_UP, Answer, LineServer, electrum, line, results, serving_lines
from tests.provider.server import BTC_GENESIS, NOW
from tests.sim.conversation import until
from tests.wire.samples import load

RECORDED: dict[str, Any] = load("electrum.json")
BTC = Asset("btc", "BTC", 8)
WORLD = World(seed=3, addresses={"btc": 20})["btc"]
READINGS = [Reading(at, address, BTC) for at, address in enumerate(WORLD.addresses())]
USES = [Reading(at, address, use_of("btc")) for at, address in enumerate(WORLD.addresses())]
BALANCE = RECORDED["balance"]


def converse(
    answer: Answer, story: Callable[[Electrum, LineServer], Awaitable[Any]], timeout: float = 5.0, **server: Any
) -> LineServer:
    """Let a provider talk to a server."""

    async def run() -> LineServer:
        async with serving_lines(answer, **server) as served, AioTransport(timeout) as transport:
            await story(electrum(served.url, transport), served)
            return served

    return asyncio.run(asyncio.wait_for(run(), 30))


async def fails(call: Awaitable[object]) -> CallError:
    with pytest.raises(CallError) as caught:
        await call
    return caught.value


def good(asked: Any) -> list[bytes]:
    return [results(asked, BALANCE)]


def silent(asked: Any) -> list[bytes]:
    return []


def test_balances_have_both_parts_the_given_height_and_the_time() -> None:
    async def story(provider: Electrum, server: LineServer) -> None:
        reply = await provider.read(READINGS[:3], 977_000)
        assert reply.outcomes == (Balance(103_873_966, -23_684_400, 977_000, NOW, "host"),) * 3
        assert reply.head is None

    server = converse(good, story)
    (asked,) = server.asked
    assert [each["method"] for each in asked] == ["blockchain.scripthash.get_balance"] * 3
    assert all(len(each["params"][0]) == 64 for each in asked)


def test_it_takes_a_hundred_readings_a_call_or_what_a_second_grants_where_items_are_counted() -> None:
    transport = AioTransport(1.0)
    provider = electrum("ssl://h:50002", transport)
    assert (provider.capacity, set(provider.methods)) == ({Kind.NATIVE: 100, Kind.USE: 100}, {Kind.NATIVE, Kind.USE})
    assert (provider.states_head, provider.costs_items) == (False, False)
    provider = electrum("ssl://h:50002", transport, rate=5.0, cost=Cost.ITEM)
    assert (provider.capacity, provider.costs_items) == ({Kind.NATIVE: 5, Kind.USE: 5}, True)


def test_one_connection_carries_many_calls_whose_replies_come_in_any_order() -> None:
    held: list[Any] = []

    def answer(asked: Any) -> list[bytes]:
        held.append(asked)
        if len(held) < 4:
            return []
        return [results(each, {"confirmed": len(each), "unconfirmed": 0}) for each in reversed(held)]

    async def story(provider: Electrum, server: LineServer) -> None:
        replies = await asyncio.gather(*(provider.read(READINGS[: n + 2], None) for n in range(4)))
        assert [[each.amount for each in reply.outcomes] for reply in replies] == [[n + 2] * (n + 2) for n in range(4)]
        assert len(server.clients) == 1

    server = converse(answer, story)
    ids = [each["id"] for asked in server.asked for each in asked]
    assert len(set(ids)) == len(ids) == 14


def test_items_of_a_batch_are_matched_by_id() -> None:
    def answer(asked: Any) -> list[bytes]:
        items = [
            {"jsonrpc": "2.0", "id": each["id"], "result": {"confirmed": at, "unconfirmed": 0}} for at, each in enumerate(asked)
        ]
        items[1] = {"jsonrpc": "2.0", "id": asked[1]["id"], "error": {"code": 2, "message": "daemon error"}}
        return [line([items[3], items[1], items[0]])]

    async def story(provider: Electrum, server: LineServer) -> None:
        first, second, third, fourth = (await provider.read(READINGS[:4], None)).outcomes
        assert (first.amount, fourth.amount) == (0, 3)
        assert (second.code, third.code) == (ReadCode.SERVER_ERROR, ReadCode.MISSING)

    converse(answer, story)


def test_an_address_that_cannot_be_asked_for_fails_alone() -> None:
    async def story(provider: Electrum, server: LineServer) -> None:
        wrong = Reading(9, "1nonsense", BTC)
        bad, fine = (await provider.read([wrong, READINGS[0]], None)).outcomes
        assert isinstance(bad, ReadError)
        assert bad.code is ReadCode.ITEM_ERROR
        assert isinstance(fine, Balance)
        (bad,) = (await provider.read([wrong], None)).outcomes
        assert isinstance(bad, ReadError)

    server = converse(good, story)
    assert len(server.asked) == 1


# -- use


def test_an_address_was_used_if_it_has_a_history() -> None:
    def answer(asked: Any) -> list[bytes]:
        return [line([{"id": each["id"], "result": [tx] * at} for at, each in enumerate(asked)])]

    async def story(provider: Electrum, server: LineServer) -> None:
        reply = await provider.read([*USES[:3], Reading(9, "1nonsense", use_of("btc"))], 977_000)
        *told, bad = reply.outcomes
        assert told == [Balance(at, None, 977_000, NOW, "host", used=at > 0) for at in range(3)]
        assert isinstance(bad, ReadError)

    tx = {"tx_hash": "ab" * 32, "height": 5}
    server = converse(answer, story)
    assert [each["method"] for each in server.asked[0]] == ["blockchain.scripthash.get_history"] * 3


def test_what_a_long_reply_left_out_is_missing_and_alone_it_is_used() -> None:
    too_long = {"code": -32600, "message": "response too large (at least 1020631 bytes)"}

    def answer(asked: Any) -> list[bytes]:
        if isinstance(asked, dict):
            return [line({"id": asked["id"], "error": too_long})]
        first, *rest = asked
        return [line([{"id": first["id"], "result": []}, *({"id": each["id"], "error": too_long} for each in rest)])]

    async def story(provider: Electrum, server: LineServer) -> None:
        reply = await provider.read(USES[:3], None)
        assert [isinstance(each, Balance) for each in reply.outcomes] == [True, False, False]
        assert reply.outcomes[1:] == (MISSING, MISSING)
        assert (reply.requested, reply.received) == (3, 1)
        assert (await provider.read(USES[:1], None)).outcomes == (Balance(1, None, None, NOW, "host", used=True),)

    converse(answer, story)


@pytest.mark.parametrize("count", [1, 3])
def test_a_history_longer_than_a_line_may_be_is_that_of_a_used_address(count: int) -> None:
    async def story(provider: Electrum, server: LineServer) -> None:
        if count > 1:
            assert (await fails(provider.read(USES[:count], None))).fault is ReadCode.TOO_LARGE
        else:
            assert (await provider.read(USES[:1], None)).outcomes == (Balance(1, None, None, NOW, "host", used=True),)

    converse(lambda asked: [b" " * (MOST_BYTES + 1)], story)


def test_where_several_wait_a_line_that_is_too_long_is_nobodys() -> None:
    async def story(provider: Electrum, server: LineServer) -> None:
        calls = asyncio.gather(*(provider.read(USES[at : at + 1], None) for at in (0, 1)), return_exceptions=True)
        await until(lambda: len(server.asked) == 2)
        server.tell(b" " * (MOST_BYTES + 1))
        assert [each.fault for each in await calls if isinstance(each, CallError)] == [ReadCode.MALFORMED] * 2

    converse(silent, story)


# -- chain and tip


def test_the_first_blocks_header_proves_the_chain() -> None:
    async def story(provider: Electrum, server: LineServer) -> None:
        assert await provider.prove() is None

    server = converse(lambda asked: [results(asked, RECORDED["header"])], story)
    assert [(each["method"], each["params"]) for each in server.asked] == [("blockchain.block.header", [0])]


def test_another_header_is_the_wrong_chain() -> None:
    async def story(provider: Electrum, server: LineServer) -> None:
        error = await fails(provider.prove())
        assert error.fault is ReadCode.WRONG_CHAIN
        assert BTC_GENESIS in error.message

    converse(lambda asked: [results(asked, RECORDED["header"].replace("00000000", "00000001"))], story)


def test_the_tip_is_asked_for_once_and_told_from_then_on() -> None:
    def answer(asked: Any) -> list[bytes]:
        return [results(asked, RECORDED["tip"] if isinstance(asked, dict) else BALANCE)]

    async def story(provider: Electrum, server: LineServer) -> None:
        sent = []
        provider.sent = lambda: sent.append(1)
        assert await provider.tip() == Head(977_072)
        (reply,) = (await provider.read(READINGS[:1] * 2, 5)).outcomes[:1]
        assert reply.height == 977_072
        server.tell(RECORDED["notice"])
        await until(lambda: provider._connection is not None and provider._connection.tip == 977_073)
        assert await provider.tip() == Head(977_073)
        assert len(sent) == 3
        assert (await provider.read(READINGS[:2], 5)).outcomes[0].height == 977_073

    server = converse(answer, story)
    assert [each["method"] for each in server.asked if isinstance(each, dict)] == ["blockchain.headers.subscribe"]


def test_the_tip_is_asked_for_again_when_a_minute_is_over() -> None:
    async def story() -> None:
        heights, now = iter((5, 6, 7)), [NOW]
        async with (
            serving_lines(lambda asked: [results(asked, {"height": next(heights)})]) as server,
            AioTransport(5.0) as transport,
        ):
            provider = electrum(server.url, transport, clock=lambda: now[0])
            assert await provider.tip() == Head(5)
            now[0] += 59
            assert await provider.tip() == Head(5)
            now[0] += 2
            assert await provider.tip() == Head(6)

    asyncio.run(story())


def test_a_block_told_before_the_reply_to_the_question_is_not_forgotten() -> None:
    async def story(provider: Electrum, server: LineServer) -> None:
        assert await provider.tip() == Head(977_073)

    converse(lambda asked: [results(asked, RECORDED["tip"]) + line(RECORDED["notice"])], story)


def test_what_else_is_told_unasked_is_ignored() -> None:
    noise = line({"jsonrpc": "2.0", "method": "server.ping", "params": ["00" * 64]})

    async def story(provider: Electrum, server: LineServer) -> None:
        assert len((await provider.read(READINGS, None)).outcomes) == 20

    converse(lambda asked: [noise, results(asked, BALANCE), noise], story)


@pytest.mark.parametrize("version", [["any", "1.7"], ["any", "1.3"], "1.4", None])
def test_a_host_that_speaks_another_version_is_not_asked(version: object) -> None:
    async def story(provider: Electrum, server: LineServer) -> None:
        assert (await fails(provider.read(READINGS, None))).fault in (ReadCode.SERVER_ERROR, ReadCode.MALFORMED)
        assert not server.asked

    converse(good, story, version=version)


# -- what goes wrong


@pytest.mark.parametrize(
    ("answers", "fault"),
    [
        ([b"nonsense\n"], ReadCode.MALFORMED),
        ([b"\n"], ReadCode.MALFORMED),
        ([b"{}\n"], ReadCode.MALFORMED),
        ([b"[]\n"], ReadCode.MALFORMED),
        ([b"[5]\n"], ReadCode.MALFORMED),
        ([b"[" * 100_000 + b"\n"], ReadCode.MALFORMED),
        ([b'[{"id":999999,"result":{"confirmed":0,"unconfirmed":0}}]\n'], ReadCode.MALFORMED),
        ([b" " * (MOST_BYTES + 1)], ReadCode.TOO_LARGE),
        ([b'{"id":null,"error":{"code":-32700,"message":"invalid JSON"}}\n'], ReadCode.TOO_LARGE),
        ([HANG_UP], ReadCode.UNREACHABLE),
        ([b'[{"id":2', HANG_UP], ReadCode.UNREACHABLE),
    ],
)
def test_a_broken_reply_fails_the_call_and_the_next_one_has_a_new_connection(answers: list[bytes], fault: ReadCode) -> None:
    broken = iter([answers])

    async def story(provider: Electrum, server: LineServer) -> None:
        error = await fails(provider.read(READINGS, None))
        assert error.fault is fault, error.message
        assert error.wordless is (answers == [HANG_UP])
        assert len((await provider.read(READINGS, None)).outcomes) == 20
        assert len(server.clients) == 2

    converse(lambda asked: next(broken, [results(asked, BALANCE)]), story)


@pytest.mark.parametrize("change", [lambda items: [*items, items[0]], lambda items: [{**items[0], "id": 10**6}, *items[1:]]])
def test_an_id_twice_or_foreign_makes_a_batch_untrustworthy(change: Callable[[list[Any]], list[Any]]) -> None:
    def answer(asked: Any) -> list[bytes]:
        return [line(change([{"jsonrpc": "2.0", "id": each["id"], "result": BALANCE} for each in asked]))]

    async def story(provider: Electrum, server: LineServer) -> None:
        assert (await fails(provider.read(READINGS, None))).fault is ReadCode.MALFORMED

    converse(answer, story)


def test_a_line_that_comes_twice_ends_the_connection() -> None:
    async def story(provider: Electrum, server: LineServer) -> None:
        waiting = asyncio.create_task(fails(provider.read(READINGS[:3], None)))
        await until(lambda: len(server.asked) == 1)
        server.answer = lambda asked: [results(asked, BALANCE) * 2]
        assert len((await provider.read(READINGS[:4], None)).outcomes) == 4
        assert (await waiting).fault is ReadCode.MALFORMED

    converse(silent, story)


def test_a_broken_connection_fails_only_the_calls_on_it() -> None:
    def answer(asked: Any) -> list[bytes]:
        return [results(asked, BALANCE)] if len(asked) == 2 else [HANG_UP] if len(asked) == 5 else []

    async def story(provider: Electrum, server: LineServer) -> None:
        waiting = [asyncio.create_task(fails(provider.read(READINGS[:n], None))) for n in (3, 4)]
        await until(lambda: len(server.asked) == 2)
        assert len((await provider.read(READINGS[:2], None)).outcomes) == 2
        assert (await fails(provider.read(READINGS[:5], None))).fault is ReadCode.UNREACHABLE
        assert {(await each).fault for each in waiting} == {ReadCode.UNREACHABLE}
        assert len((await provider.read(READINGS[:2], None)).outcomes) == 2
        assert len(server.clients) == 2

    converse(answer, story)


def test_who_was_told_of_excessive_use_knows_why_the_host_hung_up() -> None:
    def answer(asked: Any) -> list[bytes]:
        if len(asked) == 3:
            return []
        refusal = {"code": -101, "message": "excessive resource usage"}
        return [line([{"jsonrpc": "2.0", "id": each["id"], "error": refusal} for each in asked]), HANG_UP]

    async def story(provider: Electrum, server: LineServer) -> None:
        waiting = asyncio.create_task(fails(provider.read(READINGS[:3], None)))
        await until(lambda: len(server.asked) == 1)
        assert (await fails(provider.read(READINGS[:4], None))).fault is ReadCode.THROTTLED
        assert (await waiting).fault is ReadCode.THROTTLED

    converse(answer, story)


@pytest.mark.parametrize("code", [-32600, -32601, -32700])
def test_a_host_that_takes_no_batches_wants_smaller_ones(code: int) -> None:
    def answer(asked: Any) -> list[bytes]:
        if isinstance(asked, dict):
            return [results(asked, BALANCE)]
        return [line({"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": "request object must be a dictionary"}})]

    async def story(provider: Electrum, server: LineServer) -> None:
        assert (await fails(provider.read(READINGS, None))).fault is ReadCode.TOO_LARGE
        assert len((await provider.read(READINGS[:1], None)).outcomes) == 1

    converse(answer, story)


def test_a_call_without_a_reply_times_out_and_the_next_one_has_a_new_connection() -> None:
    async def story(provider: Electrum, server: LineServer) -> None:
        assert (await fails(provider.read(READINGS[:3], None))).fault is ReadCode.TIMEOUT
        server.answer = good
        assert len((await provider.read(READINGS, None)).outcomes) == 20
        assert len(server.clients) == 2

    converse(silent, story, timeout=0.4)


def test_a_call_that_is_given_up_leaves_no_reply_behind_and_the_others_theirs() -> None:
    async def story(provider: Electrum, server: LineServer) -> None:
        given_up = asyncio.create_task(provider.read(READINGS[:3], None))
        await until(lambda: len(server.asked) == 1)
        kept = asyncio.create_task(provider.read(READINGS[:4], None))
        await until(lambda: len(server.asked) == 2)
        reply = results(server.asked[0], BALANCE)
        server.tell(reply[:40], client=0)  # half of it has come
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        server.tell(reply[40:], client=0)
        server.answer = good
        assert len((await provider.read(READINGS[:5], None)).outcomes) == 5
        server.tell(results(server.asked[1], BALANCE), client=0)
        assert len((await kept).outcomes) == 4
        assert len(server.clients) == 2

    converse(silent, story)


def test_a_host_that_never_greets_times_out() -> None:
    async def story() -> None:
        with socket.socket() as mute:
            mute.bind(("127.0.0.1", 0))
            mute.listen()
            async with AioTransport(0.2) as transport:
                provider = electrum(f"tcp://127.0.0.1:{mute.getsockname()[1]}", transport)
                errors = await asyncio.gather(*(fails(provider.read(READINGS, None)) for _ in range(3)))
                assert {error.fault for error in errors} == {ReadCode.TIMEOUT}

    asyncio.run(story())


def test_a_refused_connection_is_unreachable() -> None:
    async def story() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))  # bound and not listening: refused
            async with AioTransport(1.0) as transport:
                provider = electrum(f"tcp://127.0.0.1:{unused.getsockname()[1]}", transport)
                error = await fails(provider.tip())
                assert error.fault is ReadCode.UNREACHABLE
                assert "127.0.0.1" not in error.message

    asyncio.run(story())


def test_closing_the_transport_ends_what_waits() -> None:
    async def story(provider: Electrum, server: LineServer) -> None:
        waiting = asyncio.create_task(fails(provider.read(READINGS, None)))
        await until(lambda: len(server.asked) == 1)
        await provider._transport.__aexit__()
        assert (await waiting).fault is ReadCode.UNREACHABLE

    converse(silent, story)
