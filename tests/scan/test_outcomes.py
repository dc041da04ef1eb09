"""The first table of RESILIENCE.md over real sockets: what every outcome of a call means for the provider and the readings."""

import socket
from pathlib import Path

import pytest

from hdscan.app.demo import Verdict
from hdscan.model.endpoint import Cost, Endpoint
from hdscan.model.errors import ReadCode
from hdscan.model.events import ScanComplete
from hdscan.model.scan import Status
from hdscan.sim.faults import Fault, Rule, always, script
from hdscan.sim.host import HostSpec, Throttle
from tests.scan.stage import errors, etherscan, host, multicall, played, stage

# a host that fails is slow enough for few calls to be in flight with it: the retry budget lets them come back one by one
BAD, GOOD = host("bad", rate=20), host("good", rate=100)
PAIRS = {
    "btc": (BAD, GOOD),
    "bsc": (host("bad", "bsc", rate=20), host("good", "bsc")),
    "etherscan": (etherscan("bad", rate=20), etherscan("good")),
    "sol": (host("bad", "sol", rate=20), host("good", "sol")),
}
LISTS = (Fault.MISSING_ID, Fault.SHORT_LIST, Fault.DUPLICATE_ID, Fault.FOREIGN_ID, Fault.SHIFTED_LIST)
BROKEN = (
    Fault.HANG,
    Fault.RESET_MID_BODY,
    Fault.CLOSED_MID_BODY,
    Fault.MALFORMED,
    Fault.TRUNCATED,
    Fault.EMPTY_BODY,
    Fault.EMPTY_OBJECT,
    Fault.OVERSIZED,
)


@played
async def test_success_is_read_and_counted(tmp_path: Path) -> None:
    async with stage(tmp_path, (GOOD,)) as on:
        await on.scan()
        on.assert_all_true()
        status = on.provider("good")
        assert (status.state, set(status.breaker.values())) == ("ready", {"closed"})
        assert status.ok == status.calls == len(on.log("good"))
        assert status.amounts >= 50
        assert (status.failed, status.throttled, status.last_error) == (0, 0, None)


@pytest.mark.parametrize("fault", BROKEN)
@played
async def test_a_broken_call_counts_against_the_breaker_and_its_readings_go_to_another(tmp_path: Path, fault: Fault) -> None:
    async with stage(tmp_path, (BAD, GOOD), faults={"bad": [Rule(faults=(fault,))]}, breaker_cooldown=20.0) as on:
        await on.scan()
        on.assert_all_true()
        status = on.provider("bad")
        assert status.breaker["address"] == "open"
        assert status.state == "open"
        assert status.failed >= 3
        assert status.throttled == 0
        assert status.last_error
        assert {row.source for row in on.wallet.balances("btc")} == {"good"}


@pytest.mark.parametrize("fault", [Fault.OVERLOADED, Fault.RESET])
@played
async def test_a_refusal_without_a_word_is_overload_first(tmp_path: Path, fault: Fault) -> None:
    async with stage(tmp_path, (host("one", rate=20),), faults={"one": [script(None, fault)]}) as on:
        await on.scan()
        on.assert_all_true()
        status = on.provider("one")
        assert set(status.breaker.values()) == {"closed"}
        assert (status.throttled, status.failed) == (1, 0)
        assert status.last_error


@pytest.mark.parametrize("fault", [Fault.OVERLOADED, Fault.RESET])
@played
async def test_a_host_that_never_reads_anything_is_a_failure_after_a_few_cooldowns(tmp_path: Path, fault: Fault) -> None:
    faults = {"bad": [Rule(faults=(fault,))]}
    hosts = (host("bad", rate=20), host("good", rate=5))
    async with stage(tmp_path, hosts, faults=faults, breaker_cooldown=20.0, addresses=100) as on:
        await on.scan()
        on.assert_all_true()
        status = on.provider("bad")
        assert status.breaker["address"] == "open"
        assert status.failed >= 3
        assert status.throttled >= 4


@played
async def test_a_refused_connection_and_a_failed_handshake_go_to_another(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: refused
        closed = Endpoint("closed", "btc", ("esplora",), f"http://127.0.0.1:{unused.getsockname()[1]}", 100.0)
        async with stage(tmp_path, (GOOD,), more=(closed,)) as on:
            plain = on.city.hosts["good"].endpoint.url.replace("http://", "https://")
            await on.scan()
            on.assert_all_true()
            assert on.provider("closed").ok == 0
            assert on.provider("closed").failed > 0
    tls = Endpoint("tls", "btc", ("esplora",), plain, 100.0)
    (tmp_path / "tls").mkdir()
    async with stage(tmp_path / "tls", (GOOD,), more=(tls,)) as on:
        await on.scan()
        on.assert_all_true()
        assert on.provider("tls").ok == 0


@pytest.mark.parametrize("fault", [Fault.THROTTLED_SECONDS, Fault.THROTTLED_DATE, Fault.THROTTLED_BARE, Fault.UNAVAILABLE])
@played
async def test_throttling_is_neutral_pauses_the_endpoint_and_lowers_its_rate(tmp_path: Path, fault: Fault) -> None:
    async with stage(tmp_path, (BAD, GOOD), faults={"bad": [script(fault)]}, addresses=80) as on:
        await on.scan()
        on.assert_all_true()
        status = on.provider("bad")
        assert set(status.breaker.values()) == {"closed"}
        assert status.throttled >= 1
        assert status.failed == 0
        assert status.rate < 20
        first, second = [entry for entry in on.log("bad") if entry.asks][:2]
        assert second.at - first.at >= 0.9, "for as long as it was paused"


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        (etherscan("bad", throttle=Throttle.TEXT), etherscan("good")),
        (host("bad", throttle=Throttle.TEXT), host("good")),
        (host("bad", "bsc", throttle=Throttle.TEXT), host("good", "bsc")),
        (host("bad", "sol", throttle=Throttle.TEXT), host("good", "sol")),
    ],
    ids=["etherscan", "esplora", "evm-rpc", "solana-rpc"],
)
@played
async def test_a_200_that_says_rate_limit_is_throttling(tmp_path: Path, bad: HostSpec, good: HostSpec) -> None:
    async with stage(tmp_path, (bad, good), faults={"bad": [script(Fault.THROTTLED_TEXT)]}, addresses=20) as on:
        await on.scan()
        on.assert_all_true()
        status = on.provider("bad")
        assert status.throttled == 1
        assert set(status.breaker.values()) == {"closed"}


@played
async def test_a_spent_quota_is_a_long_cooldown(tmp_path: Path) -> None:
    async with stage(tmp_path, (BAD, GOOD), faults={"bad": [script(Fault.QUOTA)]}) as on:
        await on.scan()
        on.assert_all_true()
        status = on.provider("bad")
        assert set(status.breaker.values()) == {"closed"}
        assert status.state == "paused"
        asked = len(on.log("bad"))
        await on.scan()
        assert len(on.log("bad")) == asked, "the pause survives a restart"


@played
async def test_a_refused_key_disables_the_provider(tmp_path: Path) -> None:
    async with stage(tmp_path, (BAD, GOOD), faults={"bad": [always(Fault.BAD_KEY)]}) as on:
        await on.scan()
        on.assert_all_true()
        status = on.provider("bad")
        assert status.state == "disabled"
        assert status.last_error
        assert len(on.log("bad")) == 1, "it is not asked again"


@pytest.mark.parametrize(
    "hosts", [(BAD, GOOD), (host("bad", "bsc"), host("good", "bsc")), (host("bad", "sol"), host("good", "sol"))]
)
@played
async def test_a_provider_of_another_chain_is_quarantined_before_its_first_reading(
    tmp_path: Path, hosts: tuple[HostSpec, ...]
) -> None:
    async with stage(tmp_path, hosts, faults={"bad": [always(Fault.WRONG_CHAIN)]}) as on:
        events = await on.scan()
        on.assert_all_true()
        assert on.provider("bad").state == "quarantined"
        assert not any(entry.asks for entry in on.log("bad")), "it was never asked for a balance"
        assert any("bad is quarantined" in text for text in errors(events, hosts[0].chain))


@played
async def test_an_unanswered_chain_check_is_unknown_and_tried_again(tmp_path: Path) -> None:
    faults = {"bad": [always(Fault.SERVER_ERROR, method="block-height", stop=2)]}
    async with stage(tmp_path, (BAD, GOOD), faults=faults, addresses=400) as on:
        await on.scan()
        on.assert_all_true()
        assert on.provider("bad").state == "ready"
        assert any("bad" in row.said_by for row in on.wallet.balances("btc"))


@pytest.mark.parametrize("chain", ["btc", "sol"])
@played
async def test_a_stale_head_is_set_aside(tmp_path: Path, chain: str) -> None:
    hosts = (host("stale", chain), host("one", chain), host("two", chain))
    async with stage(tmp_path, hosts, faults={"stale": [always(Fault.STALE)]}, addresses=100) as on:
        await on.scan()
        assert on.provider("stale").state == "stale"
        assert set(on.provider("stale").breaker.values()) == {"closed"}
        assert {row.source for row in on.wallet.balances(chain)} <= {"one", "two"}
        on.assert_all_true()


@played
async def test_a_batch_that_is_too_large_is_halved_and_the_size_is_remembered(tmp_path: Path) -> None:
    async with stage(tmp_path, (multicall("lone", gas_cap=40),), addresses=100) as on:
        await on.scan()
        on.assert_all_true()
        assert on.provider("lone").failed <= 1 + 2 + 4, "240 readings in one call, halved until 30 fit"
        assert set(on.provider("lone").breaker.values()) == {"closed"}
        on.city.reset()
        await on.scan()
        sizes = {len(entry.asks) for entry in on.log("lone")}
        assert max(sizes) <= 40, "it survives a restart"
        on.assert_all_true()


@played
async def test_a_json_rpc_batch_cap_that_comes_as_http_500_is_no_server_error(tmp_path: Path) -> None:
    async with stage(tmp_path, (host("capped", "bsc", batch=3),), addresses=40) as on:
        await on.scan()
        on.assert_all_true()
        assert set(on.provider("capped").breaker.values()) == {"closed"}
        assert max(entry.items for entry in on.log("capped") if entry.answered == "ok") <= 3


@played
async def test_a_host_that_counts_items_is_not_asked_for_more_than_its_rate(tmp_path: Path) -> None:
    counting = host("counting", "bsc", rate=60, cost=Cost.ITEM)
    async with stage(tmp_path, (counting,), addresses=40) as on:
        await on.scan()
        on.assert_all_true()


@pytest.mark.parametrize(
    "fault", [Fault.MISSING_ID, Fault.SHORT_LIST, Fault.DUPLICATE_ID, Fault.FOREIGN_ID, Fault.SHIFTED_LIST]
)
@pytest.mark.parametrize("kind", ["bsc", "etherscan", "sol"])
@played
async def test_a_list_that_lost_gained_or_moved_items_gives_no_false_amount(tmp_path: Path, kind: str, fault: Fault) -> None:
    async with stage(tmp_path, PAIRS[kind], faults={"bad": [Rule(faults=(fault,))]}, addresses=30) as on:
        await on.scan()
        on.assert_all_true()


@played
async def test_replies_whose_items_all_fail_are_successes_for_the_outage_clock(tmp_path: Path) -> None:
    hosts = (host("a", "bsc"), host("b", "bsc"))
    rules = [Rule(faults=(Fault.ITEM_ERRORS,), items=1.0)]
    async with stage(tmp_path, hosts, faults={h.name: rules for h in hosts}, addresses=20, outage_limit=0.5) as on:
        await on.scan()
        assert on.result.status is Status.COMPLETED_WITH_GAPS, "nothing to wait for: the hosts are well"
        assert on.verdicts() == {Verdict.UNREAD: 60}
        assert {gap.code for gap in on.wallet.gaps()} == {ReadCode.ITEM_ERROR}
        assert set(on.provider("a").breaker.values()) == {"closed"}


@played
async def test_a_cancelled_call_leaves_breaker_and_readings_untouched(tmp_path: Path) -> None:
    hosts = (host("bad"), host("good", rate=20), host("sol", "sol"))
    faults = {"bad": [Rule(faults=(Fault.HANG,))]}
    async with stage(tmp_path, hosts, faults=faults, request_timeout=20.0) as on:
        await on.scan(on.stop_after(1, ScanComplete))  # that of sol, while btc hangs
        assert on.result.chains["btc"].status is Status.STOPPED
        assert any(entry.answered == Fault.HANG for entry in on.log("bad"))
        status = on.provider("bad")
        assert set(status.breaker.values()) == {"closed"}
        assert status.failed == 0
        assert not list(on.wallet.gaps())
        on.city.set_faults("none")
        await on.scan()
        assert on.result.status is Status.COMPLETED
        on.assert_all_true()


BLOCKCHAIR = host("terse", protocols=("blockchair",), rate=50, published_batch=3)


@pytest.mark.parametrize("fault", [None, Fault.SHORT_LIST, Fault.FOREIGN_ID, Fault.ERROR_OBJECT, Fault.EMPTY_OBJECT])
@played
async def test_zeros_that_are_left_out_count_only_once_another_states_them(tmp_path: Path, fault: Fault | None) -> None:
    faults = {"terse": [script(fault)]} if fault else "none"
    async with stage(tmp_path, (BLOCKCHAIR, host("good", rate=100)), faults=faults, addresses=100) as on:
        await on.scan()
        on.assert_all_true()
        sources = {row.source for row in on.wallet.balances("btc") if row.amount == "0"}
        assert sources == {"good"}
        assert "terse" in {row.source for row in on.wallet.balances("btc")}


@played
async def test_who_leaves_zeros_out_reads_alone_only_what_is_funded(tmp_path: Path) -> None:
    async with stage(tmp_path, (BLOCKCHAIR,), addresses=40) as on:
        await on.scan()
        empty = sum(not row.amounts["BTC"] for row in on.world["btc"].truth())
        assert on.verdicts() == {Verdict.EXACT: 40 - empty, Verdict.UNREAD: empty}
        assert {gap.code for gap in on.wallet.gaps("btc")} == {ReadCode.ABSENT}
