"""Bitcoin through a node of one's own: passes over the unspent outputs, watched, waited for and aborted."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from hdscan.model.chain import Asset
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head
from hdscan.model.reading import Balance, Kind, ReadError, Reading
from hdscan.provider import bitcoind
from hdscan.provider.transport import AioTransport
from tests import virtual_time
from tests.provider.server import BTC_GENESIS, NOW, Asked, conversation, endpoint, http, provider, serving

COIN = Asset("btc", "BTC", 8)
READINGS = [
    Reading(3, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", COIN),  # BIP-173
    Reading(4, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", COIN),
]
SCRIPT = "0014751e76e8199196d454941c45d1b3a323f1433bd6"  # of the first
BLOCK, TIP = "00" * 16 + "ab" * 16, "00" * 16 + "cd" * 16
UNSPENT = f'{{"txid":"{"11" * 32}","vout":0,"scriptPubKey":"{SCRIPT}","amount":0.10000001,"height":5}}'
FOUND = f'{{"success":true,"height":900,"bestblock":"{BLOCK}","unspents":[{UNSPENT}],"total_amount":0.10000001}}'
BUSY = {"code": -8, "message": 'Scan already in progress, use action "abort" or "status"'}

Answers = Callable[[str, list[Any]], Any]


def result(text: str) -> bytes:
    return text.encode()


def node(answers: Answers) -> Callable[[Asked], bytes]:
    """A node by what it answers to a method: bytes are a result, a dict an error, None nothing ever; else as below."""

    def handle(asked: Asked) -> bytes:
        method, params, ident = asked.json["method"], asked.json["params"], asked.json["id"]
        said = answers(method, params)
        if said is None:
            return b"hang"
        if isinstance(said, dict):
            return http({"jsonrpc": "2.0", "id": ident, "error": said})
        return http(b'{"jsonrpc":"2.0","result":%s,"id":%d}' % (said, ident))

    return handle


def plain(method: str, params: list[Any]) -> Any:
    """A node in order, whose tip is two blocks above that of the pass."""
    match method, params:
        case "getblockhash", [0]:
            return result(f'"{BTC_GENESIS}"')
        case "getblockhash", [900]:
            return result(f'"{BLOCK}"')
        case "getblockchaininfo", []:
            tip = {"blocks": 902, "headers": 902, "bestblockhash": TIP, "initialblockdownload": False}
            return result(json.dumps(tip))
        case "scantxoutset", ["start", _]:
            return result(FOUND)
        case "scantxoutset", ["status"]:
            return result("null")
    raise AssertionError(method)


def but(**own: Any) -> Answers:
    """The same node but for some methods; a pass by its action."""

    def answers(method: str, params: list[Any]) -> Any:
        name = params[0] if method == "scantxoutset" else method
        return own[name] if name in own else plain(method, params)

    return answers


def read(answers: Answers) -> Any:
    return conversation("bitcoind", node(answers), lambda provider: provider.read(READINGS, None))[0]


def fails(answers: Answers) -> CallError:
    with pytest.raises(CallError) as caught:
        read(answers)
    return caught.value


def test_a_pass_reads_all_at_one_block_and_states_where_the_node_is_by_now() -> None:
    reply = read(plain)
    assert reply.outcomes == (Balance(10_000_001, None, 900, NOW, "host"), Balance(0, None, 900, NOW, "host"))
    assert reply.head == Head(902, {902: TIP, 900: BLOCK})


def test_it_takes_a_hundred_thousand_readings_a_call_and_no_other_beside_it() -> None:
    async def sizes(provider: Any) -> Any:
        return provider.capacity, provider.gathers, provider.states_head, provider.names_blocks

    found, _ = conversation("bitcoind", node(plain), sizes)
    assert found == ({Kind.NATIVE: 100_000}, True, True, True)


def test_the_first_block_and_the_tip_prove_the_chain() -> None:
    head, asked = conversation("bitcoind", node(plain), lambda provider: provider.prove())
    assert head == Head(902, {902: TIP})
    assert [each.json["method"] for each in asked] == ["getblockhash", "getblockchaininfo"]


def test_a_node_of_another_chain_or_without_its_chain_is_not_used() -> None:
    for own, fault in (
        ({"getblockhash": result('"000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943"')}, ReadCode.WRONG_CHAIN),
        (
            {
                "getblockchaininfo": result(
                    f'{{"blocks":5,"headers":900000,"bestblockhash":"{TIP}","initialblockdownload":true}}'
                )
            },
            ReadCode.STALE,
        ),
    ):
        with pytest.raises(CallError) as caught:
            conversation("bitcoind", node(but(**own)), lambda provider: provider.prove())
        assert caught.value.fault is fault


def test_an_address_that_is_none_costs_the_others_nothing() -> None:
    bad = Reading(5, "bc1qnonsense", COIN)
    reply, asked = conversation("bitcoind", node(plain), lambda provider: provider.read([bad, *READINGS], None))
    error, *balances = reply.outcomes
    assert isinstance(error, ReadError)
    assert error.code is ReadCode.ITEM_ERROR
    assert [each.amount for each in balances] == [10_000_001, 0]
    assert asked[0].json["params"] == ["start", [f"addr({each.address})" for each in READINGS]]


def test_a_pass_at_a_block_that_was_undone_meanwhile_counts_for_nothing() -> None:
    error = fails(but(getblockhash=result(f'"{TIP}"')))
    assert (error.fault, error.message) == (ReadCode.STALE, "the block 900 was undone while it read")


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (result("null"), ReadCode.MALFORMED),
        (result(FOUND.replace("true", "false")), ReadCode.SERVER_ERROR),
        ({"code": -28, "message": "Verifying blocks…"}, ReadCode.SERVER_ERROR),
        ({"code": -32601, "message": "Method not found"}, ReadCode.NOT_SERVED),
        ({"code": -5, "message": "Address is not valid"}, ReadCode.SERVER_ERROR),
    ],
)
def test_a_pass_that_found_nothing_out_is_an_error(said: object, fault: ReadCode) -> None:
    assert fails(but(start=said)).fault is fault


# -- time: the server's sockets are real, the clock is not


def talk(answers: Answers, story: Callable[[Any], Any], *, timeout: float = 1.0) -> tuple[Any, list[str]]:
    """Let a provider talk to a node in virtual time; what came of it, and the passes' actions as they were asked for."""

    actions: list[str] = []
    told = []

    async def run() -> None:
        async with serving(node(answers)) as server, AioTransport(timeout) as transport:
            made = provider(endpoint("bitcoind", server.url), transport)
            made._clock = asyncio.get_running_loop().time
            told.append(await story(made))
            actions.extend(each.json["params"][0] for each in server.asked if each.json["method"] == "scantxoutset")

    virtual_time.run(run())
    return told[0], actions


def moving(percents: list[int]) -> Callable[[], bytes]:
    left = iter(percents)
    return lambda: result(f'{{"progress":{next(left, percents[-1])}}}')


def test_a_pass_may_take_as_long_as_it_moves_and_no_longer() -> None:
    progress = moving(list(range(0, 100, 9)))

    def answers(method: str, params: list[Any]) -> Any:
        if params[:1] == ["start"]:
            return None
        return progress() if params == ["status"] else result("true") if params == ["abort"] else plain(method, params)

    async def story(made: Any) -> tuple[CallError, float]:
        began = asyncio.get_running_loop().time()
        with pytest.raises(CallError) as caught:
            await made.read(READINGS, None)
        return caught.value, asyncio.get_running_loop().time() - began

    (error, seconds), actions = talk(answers, story)
    assert (error.fault, error.message) == (ReadCode.TIMEOUT, "its pass has stood at 99 % for 180 s")
    assert 11 * bitcoind.POLL + bitcoind.STALLED < seconds < 14 * bitcoind.POLL + bitcoind.STALLED + bitcoind.ABORTING
    assert "abort" in actions


def test_who_stops_a_scan_has_the_node_abort_its_pass() -> None:
    state = {"runs": True, "aborts": 0}

    def answers(method: str, params: list[Any]) -> Any:
        if params[:1] == ["start"]:
            return None
        if params == ["abort"]:
            state["aborts"] += 1
            state["runs"] = state["aborts"] < 3  # the first ones come before it has begun to read
            return result("true")
        return result('{"progress":5}' if state["runs"] else "null")

    async def story(made: Any) -> None:
        reading = asyncio.create_task(made.read(READINGS, None))
        await asyncio.sleep(1)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    _, actions = talk(answers, story)
    assert actions == ["start", *["status", "abort"] * 3, "status"]


def test_somebody_elses_pass_is_waited_for_and_never_aborted() -> None:
    left = [3]

    def answers(method: str, params: list[Any]) -> Any:
        if params[:1] == ["start"]:
            return BUSY if left[0] else result(FOUND)
        if params == ["status"]:
            left[0] -= 1
            return result(f'{{"progress":{90 - left[0]}}}' if left[0] else "null")
        return plain(method, params)

    async def story(made: Any) -> Any:
        return await made.read(READINGS, None)

    reply, actions = talk(answers, story)
    assert [each.amount for each in reply.outcomes] == [10_000_001, 0]
    assert actions == ["start", "status", "status", "status", "start"]

    async def stopped(made: Any) -> None:
        reading = asyncio.create_task(made.read(READINGS, None))
        await asyncio.sleep(1)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    left[0] = 3
    assert talk(answers, stopped)[1] == ["start", "status"]


def test_an_answer_beyond_64_mib_was_asked_for_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hdscan.provider.exchange.LASTING_BYTES", 200)
    error = fails(plain)
    assert error.fault is ReadCode.TOO_LARGE


# -- user and password


def authorized(password: Callable[[], str], asked: list[str]) -> Callable[[Asked], bytes]:
    def handle(request: Asked) -> bytes:
        asked.append(request.headers.get("authorization", ""))
        if asked[-1] != "Basic " + b64encode(f"__cookie__:{password()}".encode()).decode():
            return http(b"", 401)
        return node(plain)(request)

    return handle


def with_cookie(path: Path, handler: Callable[[Asked], bytes], story: Callable[[Any], Any]) -> Any:
    async def run() -> Any:
        async with serving(handler) as server, AioTransport(2.0) as transport:
            return await story(provider(replace(endpoint("bitcoind", server.url), cookie=str(path)), transport))

    return asyncio.run(run())


def test_the_cookie_is_read_again_for_each_call_as_each_start_of_the_node_writes_another(tmp_path: Path) -> None:
    cookie, asked = tmp_path / ".cookie", list[str]()
    current = ["a" * 64]

    async def story(made: Any) -> None:
        for password in ("a" * 64, "b" * 64):
            current[0] = password
            cookie.write_text(f"__cookie__:{password}")
            await made.block_hash(0)

    with_cookie(cookie, authorized(lambda: current[0], asked), story)
    assert len(asked) == len(set(asked)) == 2


def test_a_node_that_starts_anew_in_the_moment_of_a_call_is_asked_again(tmp_path: Path) -> None:
    cookie, asked = tmp_path / ".cookie", list[str]()
    cookie.write_text("__cookie__:" + "a" * 64)

    def starts() -> str:
        cookie.write_text("__cookie__:" + "b" * 64)
        return "b" * 64

    async def story(made: Any) -> Any:
        return await made.block_hash(0)

    assert with_cookie(cookie, authorized(starts, asked), story) == BTC_GENESIS
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("content", "fault", "why"),
    [
        (None, ReadCode.UNREACHABLE, "its cookie file cannot be read (No such file or directory); does the node run?"),
        (b"\xff", ReadCode.UNREACHABLE, "its cookie file cannot be read (it is not text); does the node run?"),
        (b"", ReadCode.UNREACHABLE, "its cookie file holds no user and password"),
        (b"__cookie__:wrong-wrong", ReadCode.BAD_KEY, "HTTP 401"),
    ],
)
def test_a_cookie_that_does_not_help_is_an_error_without_it(
    tmp_path: Path, content: bytes | None, fault: ReadCode, why: str
) -> None:
    cookie = tmp_path / ".cookie"
    if content is not None:
        cookie.write_bytes(content)

    async def story(made: Any) -> Any:
        return await made.prove()

    with pytest.raises(CallError) as caught:
        with_cookie(cookie, authorized(lambda: "right", []), story)
    assert (caught.value.fault, caught.value.message[: len(why)]) == (fault, why)


def test_a_cookie_that_is_repeated_is_cut_out(tmp_path: Path) -> None:
    cookie = tmp_path / ".cookie"
    cookie.write_text("__cookie__:0123456789abcdef")

    async def story(made: Any) -> Any:
        return await made.prove()

    with pytest.raises(CallError) as caught:
        with_cookie(cookie, lambda asked: http(f"no entry for 0123456789abcdef ({asked.headers['authorization']})", 403), story)
    assert "0123456789abcdef" not in caught.value.message
    assert b64encode(b"__cookie__:0123456789abcdef").decode() not in caught.value.message
