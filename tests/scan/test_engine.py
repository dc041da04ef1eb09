"""A whole scan over real sockets: the truth, retries, failover, pauses and outages, and the events about them."""

from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from hdscan.app.demo import Verdict
from hdscan.model.events import ProviderChanged, ScanProgress, ScanState
from hdscan.model.scan import BalanceState, Status
from hdscan.sim.faults import Fault, Rule, always, poison, script
from hdscan.sim.host import HostSpec
from tests.scan.stage import (
    BSC,
    BTC,
    SOL,
    ends,
    errors,
    etherscan,
    host,
    multicall,
    of,
    played,
    stage,
    token_errors,
)

TOKENS = BSC[:2]  # those that read more than one token in a call


@pytest.mark.parametrize("faults", ["none", "mild"])
@played
async def test_a_scan_of_three_chains_equals_the_truth(tmp_path: Path, faults: str) -> None:
    async with stage(tmp_path, faults=faults, addresses=150) as on:
        events = await on.scan()
        on.assert_all_true()
        assert on.result.status is Status.COMPLETED
        assert {name: (c.addresses, c.readings, c.read, c.unread) for name, c in on.result.chains.items()} == {
            "btc": (150, 150, 150, 0),
            "bsc": (150, 450, 450, 0),
            "sol": (150, 450, 450, 0),
        }
        for name, chain in on.result.chains.items():
            funded = sum(any(true.amounts.values()) for true in on.world[name].truth())
            assert chain.funded == funded
            asked = sum(len(h.log) for h in on.city.hosts.values() if h.spec.chain == name)
            assert chain.requests == asked, "every request is counted"
        assert {end.status for end in ends(events).values()} == {Status.COMPLETED}


@played
async def test_a_wild_world_ends_without_a_false_reading(tmp_path: Path) -> None:
    async with stage(tmp_path, faults="wild", addresses=60) as on:
        await on.scan()
        verdicts = on.verdicts()
        assert verdicts[Verdict.EXACT] > 0.95 * verdicts.total()
        assert on.result.status in (Status.COMPLETED, Status.COMPLETED_WITH_GAPS)
        on.assert_no_limit_was_broken()


# -- events


@played
async def test_events_begin_with_the_state_and_end_with_every_chain(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        events = await on.scan()
        state = events[0]
        assert isinstance(state, ScanState)
        assert state.scan_id == on.result.scan_id
        assert set(state.chains) == {"btc", "bsc", "sol"}
        assert {status.name for status in state.providers} == set(on.city.hosts)
        assert not of(events[1:], ScanState)
        for chain in on.result.chains:
            mine = [event for event in of(events, ScanProgress) if event.chain == chain]
            totals = [event.read + event.unread for event in mine]
            assert totals[0] == 0
            assert all(0 <= after - before <= 20 * len(on.symbols(chain)) for before, after in pairwise(totals)), (
                "chunk by chunk"
            )
            assert totals[-1] == mine[-1].readings
            assert all(event.status is Status.RUNNING for event in mine)
            last = max(at for at, event in enumerate(events) if getattr(event, "chain", None) == chain and event in mine)
            assert events.index(ends(events)[chain]) > last


@played
async def test_a_failing_token_is_an_event_with_its_reason_and_providers(tmp_path: Path) -> None:
    async with stage(tmp_path, TOKENS, faults={h.name: [always(Fault.TOKENS_FAIL, token=True)] for h in TOKENS}) as on:
        events = await on.scan()
        event = token_errors(events)["bsc", "USDT"]
        data = msgspec.json.decode(msgspec.json.encode(event))
        assert {key: data[key] for key in ("event", "chain", "token", "addresses")} == {
            "event": "scan_token_error",
            "chain": "bsc",
            "token": "USDT",
            "addresses": 50,
        }
        assert set(data["providers"]) == {"bsc-multicall", "bsc-rpc"}
        assert all(data["providers"].values())
        assert data["code"]
        assert data["error"].startswith("no provider could read it")
        assert set(token_errors(events)) == {("bsc", "USDC"), ("bsc", "USDT")}


# -- item by item


@pytest.mark.parametrize("fault", [Fault.ITEM_ERRORS, Fault.REVERTED, Fault.EMPTY_DATA, Fault.NULL_RESULT])
@played
async def test_a_failed_item_alone_goes_to_another_provider(tmp_path: Path, fault: Fault) -> None:
    bad, good = host("bad", "bsc"), host("good", "bsc", rate=50)
    async with stage(tmp_path, (bad, good), faults={"bad": [Rule(faults=(fault,))]}) as on:
        await on.scan()
        on.assert_all_true()
        assert set(on.provider("bad").breaker.values()) == {"closed"}, "the call was a success"
        assert any(row.source == "bad" for row in on.wallet.balances("bsc")), "its other items count"


@played
async def test_a_poisoned_address_costs_only_itself(tmp_path: Path) -> None:
    hosts = (*BTC, *SOL)
    async with stage(tmp_path, hosts, outage_limit=20.0) as on:
        for chain in ("btc", "sol"):
            victim = on.world[chain].address(7)
            rules = {h.name: [poison(victim, Fault.SERVER_ERROR)] for h in hosts if h.chain == chain}
            on.city.set_faults(rules)
            await on.scan(chains=(chain,), restart=True)
            gaps = list(on.wallet.gaps(chain))
            assert {gap.index for gap in gaps} == {7}
            assert {gap.asset for gap in gaps} == {chain.upper()}, "token accounts have addresses of their own"
            for gap in gaps:
                assert set(gap.providers) == set(rules), "the error names every provider with its own reason"
            assert on.result.chains[chain].unread == len(gaps)
        on.verdicts()


@played
async def test_a_short_reply_is_fetched_again_at_once_in_halves(tmp_path: Path) -> None:
    lone = host("lone", "sol", rate=50)
    async with stage(tmp_path, (lone,), faults={"lone": [script(Fault.SHORT_LIST)]}, addresses=18, final_passes=0) as on:
        with capture_logs() as logs:
            await on.scan()
        on.assert_all_true()
        first, *again = [entry for entry in on.log("lone") if entry.asks]
        assert first.answered == Fault.SHORT_LIST
        warning = next(entry for entry in logs if entry["event"] == "short_reply")
        assert warning["log_level"] == "warning"
        assert warning["requested"] == first.items
        assert 0 < warning["received"] < first.items
        assert len(again) == 2, "in halves"
        halves = [set(entry.asks) for entry in again]
        assert not halves[0] & halves[1]
        assert halves[0] | halves[1] == set(first.asks)


@played
async def test_what_stays_missing_is_an_error_not_a_zero(tmp_path: Path) -> None:
    async with stage(tmp_path, SOL, faults={h.name: [Rule(faults=(Fault.SHORT_LIST,))] for h in SOL}, addresses=5) as on:
        await on.scan()
        verdicts = on.verdicts()
        assert verdicts[Verdict.UNREAD] > 0
        assert on.result.status is Status.COMPLETED_WITH_GAPS
        assert {gap.code for gap in on.wallet.gaps("sol")} == {"missing"}


# -- native and tokens


@pytest.mark.parametrize(("chain", "hosts", "coin"), [("bsc", TOKENS, "BNB"), ("sol", SOL, "SOL")])
@played
async def test_native_is_read_while_every_token_is_dead(
    tmp_path: Path, chain: str, hosts: tuple[HostSpec, ...], coin: str
) -> None:
    async with stage(tmp_path, hosts, faults={h.name: [always(Fault.TOKENS_FAIL, token=True)] for h in hosts}) as on:
        events = await on.scan()
        assert ends(events)[chain].status is Status.COMPLETED_WITH_GAPS
        states = {asset: {row.state for row in on.rows(chain).values() if row.asset == asset} for asset in on.symbols(chain)}
        assert states == {coin: {BalanceState.READ}, "USDC": {BalanceState.UNREAD}, "USDT": {BalanceState.UNREAD}}
        assert {name: event.addresses for (_, name), event in token_errors(events).items()} == {"USDC": 50, "USDT": 50}
        on.verdicts()


@played
async def test_tokens_are_read_while_native_is_dead(tmp_path: Path) -> None:
    hosts = (host("rpc-a", "bsc"), host("rpc-b", "bsc"), etherscan("scan"))
    dead = [always(Fault.SERVER_ERROR, method="eth_getBalance"), always(Fault.SERVER_ERROR, method="balancemulti")]
    async with stage(tmp_path, hosts, faults={h.name: dead for h in hosts}) as on:
        events = await on.scan()
        assert ends(events)["bsc"].status is Status.COMPLETED_WITH_GAPS
        assert {row.state for row in on.rows("bsc").values() if row.asset == "BNB"} == {BalanceState.UNREAD}
        assert {row.state for row in on.rows("bsc").values() if row.asset != "BNB"} == {BalanceState.READ}
        assert not token_errors(events)
        on.verdicts()


# -- outages


@played
async def test_a_dead_host_is_left_alone_and_asked_again_when_it_heals(tmp_path: Path) -> None:
    faults = {"btc-a": [always(Fault.SERVER_ERROR, until=0.6)]}
    hosts = (host("btc-a"), host("btc-b", rate=100))
    async with stage(tmp_path, hosts, faults=faults, addresses=200, breaker_cooldown=0.2) as on:
        events = await on.scan()
        on.assert_all_true()
        dead = [entry for entry in on.log("btc-a") if entry.answered == Fault.SERVER_ERROR]
        assert len(dead) < 40, "it was not asked at its 500 a second"
        assert on.provider("btc-a").ok > 0, "it was asked again"
        assert {event.name for event in of(events, ProviderChanged)} <= {"btc-a", "btc-b"}


@pytest.mark.parametrize("fault", [Fault.THROTTLED_SECONDS, Fault.THROTTLED_DATE, Fault.UNAVAILABLE])
@played
async def test_retry_after_holds_for_the_whole_endpoint(tmp_path: Path, fault: Fault) -> None:
    hosts = (host("lone", rate=20, pause=1.0),)
    async with stage(tmp_path, hosts, faults={"lone": [script(None, None, fault)]}, addresses=15) as on:
        await on.scan()
        on.assert_all_true()  # the judge counts what arrives within an announced pause
        at = next(entry for entry in on.log("lone") if entry.answered == fault)
        assert at.paused_until is not None
        assert at.sent is not None
        assert at.paused_until > at.sent
        assert on.result.status is Status.COMPLETED
        assert set(on.provider("lone").breaker.values()) == {"closed"}
        assert on.provider("lone").throttled >= 1


@played
async def test_two_protocols_on_one_host_share_its_pause(tmp_path: Path) -> None:
    both = msgspec.structs.replace(multicall("both"), protocols=(*multicall("m").protocols, *host("r", "bsc").protocols))
    faults = {"both": [script(None, Fault.THROTTLED_SECONDS)]}
    async with stage(tmp_path, (both,), faults=faults, addresses=60) as on:
        await on.scan()
        on.assert_all_true()


@played
async def test_while_nothing_succeeds_the_same_work_is_offered_again_ever_later(tmp_path: Path) -> None:
    hosts = (host("btc-a", rate=30), host("btc-b", rate=30), *TOKENS, *SOL)
    dead = [always(Fault.SERVER_ERROR, since=0.06, until=1.5)]
    async with stage(tmp_path, hosts, faults={h.name: dead for h in hosts}, addresses=30, backoff_base=0.1) as on:
        events = await on.scan()
        on.assert_all_true()
        assert on.result.status is Status.COMPLETED
        assert any("no provider of btc answers" in text for text in errors(events, "btc"))
        during = [e for h in BTC for e in on.log(h.name) if e.answered == Fault.SERVER_ERROR]
        assert 4 < len(during) < 60, "retries did not become the load"


@played
async def test_an_outage_beyond_its_limit_fails_the_chain_and_loses_nothing(tmp_path: Path) -> None:
    dead = [always(Fault.RESET, first=45)]
    async with stage(tmp_path, faults={h.name: dead for h in BTC}, addresses=120, outage_limit=0.8) as on:
        events = await on.scan()
        end = ends(events)["btc"]
        assert end.status is Status.FAILED
        assert on.result.status is Status.FAILED
        assert end.error is not None
        assert "no provider answered for" in end.error
        assert "btc-a: " in end.error
        assert "btc-b: " in end.error
        assert ends(events)["bsc"].status is Status.COMPLETED, "other chains go on"
        read = on.verdicts()[Verdict.EXACT]
        assert read >= on.result.chains["btc"].read
        known = [row for row in on.rows("btc").values() if row.state is BalanceState.READ]
        assert len(known) > end.read, "what was read of unfinished chunks is kept"
        on.city.set_faults("none")
        await on.scan()
        on.assert_all_true()
        assert on.result.status is Status.COMPLETED


@played
async def test_a_chain_whose_hosts_are_paused_for_longer_than_the_limit_says_when_to_come_back(tmp_path: Path) -> None:
    hosts = (host("a"), host("b"))
    async with stage(tmp_path, hosts, faults={h.name: [always(Fault.QUOTA)] for h in hosts}) as on:
        events = await on.scan()
        end = ends(events)["btc"]
        assert end.status is Status.FAILED
        assert "scan again at" in str(end.error)
        assert on.verdicts()[Verdict.UNREAD] == 50
