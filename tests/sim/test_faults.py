import asyncio
from typing import Any

import aiohttp
import msgspec
import pytest
from eth_abi import decode, encode

from hdscan.sim import abi
from hdscan.sim.city import DEMO, City
from hdscan.sim.contracts import MULTICALL3
from hdscan.sim.faults import ITEM_FAULTS, Asked, Fault, FaultPlan, Rule, always, poison, script
from hdscan.sim.host import FLOOD_MEGABYTES, HostSpec
from hdscan.sim.profile import PROFILES
from hdscan.sim.solana import CLOCK
from hdscan.sim.world import World, associated_account
from tests.sim.conversation import Talk, accounts, converse, host, until

AT = "0x" + MULTICALL3.hex()
HOSTS = {
    "esplora": host(),
    "blockchair": host(protocols=("blockchair",)),
    "blockchain-info": host(protocols=("blockchain-info",)),
    "etherscan": host("bsc", protocols=("etherscan",)),
    "evm": host("bsc"),
    "solana": host("sol"),
}


@pytest.fixture(params=HOSTS)
def spec(request: pytest.FixtureRequest) -> HostSpec:
    return HOSTS[request.param]


def balances(world: World, n: int = 10) -> list[dict[str, Any]]:
    return [
        {"jsonrpc": "2.0", "id": i, "method": "eth_getBalance", "params": [world["bsc"].address(i), "latest"]} for i in range(n)
    ]


def aggregate(world: World, n: int = 10) -> dict[str, Any]:
    calls: list[tuple[str, bool, bytes]] = [(AT, True, abi.GET_BLOCK_NUMBER)]
    for i in range(n):
        owner = encode(["address"], [world["bsc"].address(i)])
        calls += [
            (AT, True, abi.GET_ETH_BALANCE + owner),
            (world["bsc"].assets[1].contract or "", True, abi.BALANCE_OF + owner),
        ]
    data = "0x" + (abi.AGGREGATE3 + encode(["(address,bool,bytes)[]"], [calls])).hex()
    return {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [{"to": AT, "data": data}, "latest"]}


async def called(talk: Talk) -> list[tuple[bool, bytes]]:
    reply = (await talk.post(aggregate(talk.world))).json
    return list(decode(["(bool,bytes)[]"], bytes.fromhex(reply["result"][2:]))[0])


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        (Fault.SERVER_ERROR, {500, 502, 504}),
        (Fault.UNAVAILABLE, {503}),
        (Fault.OVERLOADED, {503}),
        (Fault.QUOTA, {402}),
        (Fault.BAD_KEY, {401}),
        (Fault.THROTTLED_SECONDS, {429}),
        (Fault.THROTTLED_DATE, {429}),
        (Fault.THROTTLED_BARE, {429}),
        (Fault.THROTTLED_TEXT, {200}),
        (Fault.CHALLENGE, {200, 403, 503}),
        (Fault.ANSWER_AND_PAUSE, {200}),
    ],
)
def test_a_status_is_sent(spec: HostSpec, fault: Fault, statuses: set[int]):
    async def story(talk: Talk) -> None:
        reply = await talk.ask()
        assert reply.status in statuses
        announced = (Fault.UNAVAILABLE, Fault.THROTTLED_SECONDS, Fault.THROTTLED_DATE, Fault.ANSWER_AND_PAUSE)
        assert ("Retry-After" in reply.headers) == (fault in announced)
        assert (talk.log[0].paused_until is not None) == (fault in announced)
        if fault is Fault.THROTTLED_TEXT:
            assert b"rate limit" in reply.body.lower() or b"too many requests" in reply.body.lower()
        assert talk.log[0].answered == fault
        assert talk.log[0].status == reply.status

    converse(story, spec, script(fault))


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.RESET_MID_BODY, Fault.CLOSED_MID_BODY])
def test_a_connection_breaks(spec: HostSpec, fault: Fault):
    async def story(talk: Talk) -> None:
        with pytest.raises((aiohttp.ClientError, ConnectionResetError)):
            await talk.ask()
        assert (await talk.ask()).status == 200

    converse(story, spec, script(fault))


@pytest.mark.parametrize("fault", [Fault.MALFORMED, Fault.TRUNCATED, Fault.EMPTY_BODY])
def test_a_body_is_not_json(spec: HostSpec, fault: Fault):
    async def story(talk: Talk) -> None:
        reply = await talk.ask()
        assert reply.status == 200
        with pytest.raises(msgspec.DecodeError):
            assert reply.json

    converse(story, spec, script(fault))


def test_an_empty_object_comes_with_200(spec: HostSpec):
    async def story(talk: Talk) -> None:
        assert (await talk.ask()).body == b"{}"
        assert len((await talk.ask()).body) > 2

    converse(story, spec, script(Fault.EMPTY_OBJECT, None))


def test_a_hang_lasts_until_the_client_goes_away():
    async def story(talk: Talk) -> None:
        asking = asyncio.create_task(talk.ask())
        await until(lambda: bool(talk.log))
        assert (await talk.ask(1)).status == 200
        assert not asking.done()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert talk.log[0].sent is None

    converse(story, host(), script(Fault.HANG))


def test_an_oversized_reply_stops_when_the_client_leaves():
    async def story(talk: Talk) -> None:
        async with aiohttp.ClientSession() as session:
            reply = await session.get(talk.url + "/address/" + talk.world["btc"].address(0))
            assert reply.content_length is not None
            assert reply.content_length > FLOOD_MEGABYTES * 10**6
            await reply.content.readexactly(3_000_000)
            reply.close()
        assert (await talk.ask()).status == 200

    converse(story, host(), script(Fault.OVERSIZED))


def test_an_error_for_the_whole_call_comes_with_200(spec: HostSpec):
    async def story(talk: Talk) -> None:
        reply = await talk.ask()
        assert reply.status == 200
        assert "error" in reply.json or reply.json.get("status") == "0" or "error" in reply.json["context"]

    converse(story, spec, script(Fault.ERROR_OBJECT))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.NODE_STATE, (b"missing trie", b"header not", b"No state", b"Internal", b"Loading", b"unhealthy", b"vailable")),
        (Fault.BUSY_TEXT, (b"maintenance", b"temporarily unavailable")),
    ],
)
def test_a_host_speaks_of_itself(spec: HostSpec, fault: Fault, words: tuple[bytes, ...]):
    async def story(talk: Talk) -> None:
        reply = await talk.ask()
        assert any(word in reply.body for word in words), reply.body
        assert talk.log[0].answered == fault

    converse(story, spec, script(fault))


def test_a_batch_is_too_large(spec: HostSpec):
    async def story(talk: Talk) -> None:
        reply = await talk.ask()
        assert reply.status in (413, 414, 500) or any(word in reply.body for word in (b"-32602", b"Too many", b"too large"))

    converse(story, spec, script(Fault.TOO_LARGE))


def test_a_cap_is_enforced_and_named():
    async def story(talk: Talk) -> None:
        reply = await talk.post(balances(talk.world, 4))
        assert (reply.status, reply.json["error"]["code"]) == (500, 31)
        assert (await talk.post(balances(talk.world, 3))).status == 200

    converse(story, host("bsc", batch=3))


def test_a_stale_node_has_an_older_head_and_older_balances():
    async def story(talk: Talk) -> None:
        world = talk.world["bsc"]
        rich = next(row for row in world.truth() if row.amounts["BNB"] > 1)
        head = int((await talk.rpc("eth_blockNumber"))["result"], 16)
        balance = int((await talk.rpc("eth_getBalance", rich.address, "latest"))["result"], 16)
        assert balance == rich.amounts["BNB"] // 2
        talk.city.set_faults("none")
        assert int((await talk.rpc("eth_blockNumber"))["result"], 16) - head > world.chain.head_tolerance

    converse(story, host("bsc"), always(Fault.STALE))


def test_a_node_of_another_chain_says_so_when_asked():
    async def evm(talk: Talk) -> None:
        assert (await talk.rpc("eth_chainId"))["result"] != "0x38"
        assert (
            int.from_bytes((await called(talk))[1][1], "big")
            == talk.world["bsc"].holdings(talk.world["bsc"].address(0)).amounts[0] + 7
        )

    async def solana(talk: Talk) -> None:
        genesis = (await talk.rpc("getGenesisHash"))["result"]
        assert genesis != talk.world["sol"].chain.identity

    async def bitcoin(talk: Talk) -> None:
        assert (await talk.get("/block-height/0")).body.decode() != talk.world["btc"].chain.identity

    converse(evm, host("bsc"), always(Fault.WRONG_CHAIN))
    converse(solana, host("sol"), always(Fault.WRONG_CHAIN))
    converse(bitcoin, host(), always(Fault.WRONG_CHAIN))


def test_some_items_of_a_batch_are_wrong():
    async def story(talk: Talk) -> None:
        items = (await talk.post(balances(talk.world))).json
        assert sum("error" in item for item in items) == 2
        items = (await talk.post(balances(talk.world))).json
        assert sum(item.get("result", 0) is None for item in items) == 2
        ids = [item["id"] for item in (await talk.post(balances(talk.world))).json]
        assert len(ids) == len(set(ids)) == 8
        ids = [item["id"] for item in (await talk.post(balances(talk.world))).json]
        assert len(ids) == 10
        assert len(set(ids)) < 10
        ids = [item["id"] for item in (await talk.post(balances(talk.world))).json]
        assert len(set(ids) - set(range(10))) == 2
        ids = [item["id"] for item in (await talk.post(balances(talk.world))).json]
        assert ids == list(range(10))[::-1]
        items = (await talk.post(balances(talk.world))).json
        assert sum("error" in item for item in items) == 2
        items = (await talk.post(balances(talk.world))).json
        assert sum(item.get("result") == "0x" for item in items) == 2

    steps = (
        Fault.ITEM_ERRORS,
        Fault.NULL_RESULT,
        Fault.MISSING_ID,
        Fault.DUPLICATE_ID,
        Fault.FOREIGN_ID,
        Fault.SHIFTED_LIST,
        Fault.REVERTED,
        Fault.EMPTY_DATA,
    )
    converse(story, host("bsc"), script(*steps))


def test_some_subcalls_of_an_aggregate_are_wrong():
    async def story(talk: Talk) -> None:
        good = await called(talk)
        assert len(good) == 21
        reverted = await called(talk)
        assert sum(not success for success, _ in reverted) == 4
        empty = await called(talk)
        assert [(success, len(data)) for success, data in empty].count((True, 0)) == 4
        assert len(await called(talk)) == 17
        tokens = await called(talk)
        assert [success for success, _ in tokens] == [True] + [True, False] * 10

    converse(story, host("bsc"), script(None, Fault.REVERTED, Fault.EMPTY_DATA, Fault.SHORT_LIST, Fault.TOKENS_FAIL))


def test_tokens_fail_while_native_works():
    async def etherscan(talk: Talk) -> None:
        usdt = talk.world["bsc"].assets[2].contract
        address = talk.world["bsc"].address(0)
        assert (await talk.ask()).json["status"] == "1"
        token = await talk.get(f"&module=account&action=tokenbalance&contractaddress={usdt}&address={address}")
        assert token.json["status"] == "0"

    async def solana(talk: Talk) -> None:
        address = talk.world["sol"].address(0)
        account = associated_account(
            address, talk.world["sol"].assets[1].contract or "", talk.world["sol"].assets[2].contract or ""
        )
        assert "result" in (await talk.ask()).json
        assert "result" in (await talk.post(accounts([address, CLOCK]))).json
        assert "error" in (await talk.post(accounts([address, account, CLOCK]))).json

    converse(etherscan, HOSTS["etherscan"], always(Fault.TOKENS_FAIL))
    converse(solana, HOSTS["solana"], always(Fault.TOKENS_FAIL))


def test_etherscan_rows_are_lost_doubled_foreign_or_no_number():
    async def story(talk: Talk) -> None:
        asked = [talk.world["bsc"].address(i) for i in range(10)]

        async def rows() -> Any:
            return (await talk.get("&module=account&action=balancemulti&address=" + ",".join(asked))).json["result"]

        assert len(await rows()) == 8
        assert len({row["account"] for row in await rows()}) < 10
        assert len({row["account"] for row in await rows()} - set(asked)) == 1
        assert sum(row["balance"] == "Error!" for row in await rows()) == 2
        assert sum(row["balance"] == "" for row in await rows()) == 2
        assert isinstance(await rows(), str)

    steps = (Fault.SHORT_LIST, Fault.DUPLICATE_ID, Fault.FOREIGN_ID, Fault.ITEM_ERRORS, Fault.EMPTY_DATA, Fault.STRING_RESULT)
    converse(story, HOSTS["etherscan"], script(*steps))


def test_solana_lists_are_short_or_shifted():
    async def story(talk: Talk) -> None:
        keys = [*(talk.world["sol"].address(i) for i in range(19)), CLOCK]

        async def value() -> list[Any]:
            return list((await talk.post(accounts(keys))).json["result"]["value"])

        good = await value()
        assert len(good) == 20
        assert len(await value()) == 16
        shifted = await value()
        assert len(shifted) == 20
        assert shifted[-1] == good[0]
        foreign = (await talk.post(accounts(keys))).json
        assert foreign["id"] != 1
        assert "id" not in (await talk.post(accounts(keys))).json

    steps = (None, Fault.SHORT_LIST, Fault.SHIFTED_LIST, Fault.FOREIGN_ID, Fault.MISSING_ID)
    converse(story, host("sol"), script(*steps))


def asked(number: int = 0, seconds: float = 0.0, **changes: Any) -> Asked:
    plain = {"methods": ("eth_getBalance",), "asks": (("0xAA", "BNB"),), "native": "BNB"}
    return Asked(number=number, seconds=seconds, **{**plain, **changes})


def picked(plan: FaultPlan, request: Asked) -> Fault | None:
    return plan.pick(request).fault


def test_a_script_is_played_once_and_only_for_balances():
    plan = FaultPlan([script(Fault.RESET, None, Fault.HANG)])
    assert picked(plan, asked(asks=())) is None
    assert [picked(plan, asked()) for _ in range(5)] == [Fault.RESET, None, Fault.HANG, None, None]


def test_rules_hold_in_their_window_for_their_method_address_and_kind():
    def hits(rule: Rule, **changes: Any) -> bool:
        return picked(FaultPlan([rule]), asked(**changes)) is not None

    window = always(Fault.RESET, since=1, until=2)
    assert [hits(window, seconds=t) for t in (0.9, 1.0, 1.9, 2.0)] == [False, True, True, False]
    counted = always(Fault.RESET, first=1, stop=3)
    assert [hits(counted, number=n) for n in range(4)] == [False, True, True, False]
    assert hits(always(Fault.RESET, method="getBalance"))
    assert not hits(always(Fault.RESET, method="eth_call"))
    assert hits(poison("0xaa"))
    assert not hits(poison("0xab"))
    token = (("0xAA", "BNB"), ("0xAA", "USDT"))
    assert hits(always(Fault.RESET, token=True), asks=token)
    assert not hits(always(Fault.RESET, token=False), asks=token)
    assert hits(always(Fault.RESET, token=False))


def test_a_share_of_requests_is_hit_and_the_seed_decides_which():
    def pattern(seed: int) -> list[bool]:
        plan = FaultPlan([Rule(faults=(Fault.RESET, Fault.HANG), share=0.3)], seed)
        return [plan.pick(asked(n)).fault is not None for n in range(1000)]

    assert 250 < sum(pattern(1)) < 350
    assert pattern(1) == pattern(1) != pattern(2)


def test_rules_travel_as_json():
    rules = (script(Fault.RESET, None), always(Fault.STALE), poison("0xaa"), Rule(faults=(Fault.HANG,), share=0.1))
    assert msgspec.json.decode(msgspec.json.encode(rules), type=tuple[Rule, ...]) == rules


def test_a_profile_is_decided_by_the_seed_and_leaves_an_honest_host():
    families = {name: chain.family for name, chain in World(1, 1).chains.items()}
    for name, choose in PROFILES.items():
        for seed in range(20):
            profile = choose(DEMO, families, seed)
            assert profile == choose(DEMO, families, seed)
            lying = {
                host
                for host, rules in profile.rules.items()
                if any({Fault.OLD_VALUES, Fault.HIGHER_VALUES} & set(rule.faults) for rule in rules)
            }
            assert name == "wild" or not lying
            for chain in families:
                mine = [spec.name for spec in profile.hosts if spec.chain == chain]
                assert len(lying & set(mine)) == (name == "wild" and len(mine) > 2)
    assert PROFILES["wild"](DEMO, families, 1) != PROFILES["wild"](DEMO, families, 2)


def test_item_faults_are_the_second_half_of_the_list():
    assert {Fault.ITEM_ERRORS, Fault.SHORT_LIST, Fault.STRING_RESULT} <= ITEM_FAULTS
    assert not {Fault.WRONG_CHAIN, Fault.ERROR_OBJECT, Fault.TOO_LARGE} & ITEM_FAULTS


def test_a_rule_for_an_unknown_host_is_refused():
    with pytest.raises(ValueError, match="nobody"):
        City(World(1, 1), [host()], faults={"nobody": []})
