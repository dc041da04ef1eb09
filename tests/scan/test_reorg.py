"""A chain that is reorganised while it is read, over real sockets: what was read of the orphaned blocks is read again."""

from itertools import takewhile
from pathlib import Path

import msgspec
import pytest

from hdscan.model.events import ScanError, ScanProgress
from hdscan.model.scan import BalanceState, Status
from hdscan.pool import chain_watch, dispatcher, endpoint_chain
from hdscan.pool.chain_pool import PoolMemory
from hdscan.sim.chains import BSC, BTC, TRON
from hdscan.sim.faults import Fault, always
from tests.scan.stage import host, of, played, stage

QUICK_BLOCKS = tuple(msgspec.structs.replace(each, interval=0.2) for each in (BTC, BSC, TRON))


@pytest.fixture
def tips_are_asked_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "TIP_AGE", 0.1)
    monkeypatch.setattr(endpoint_chain, "EVERY", 0.1)


CASES = [
    ("btc", "esplora", None),
    ("btc", "esplora", 100),
    ("btc", "electrum", None),
    ("bsc", "evm-rpc", None),
    ("bsc", "evm-multicall", None),
    ("bsc", "etherscan", None),
    ("tron", "tron-rpc", None),
]


async def orphaned(path: Path, chain: str, protocol: str, audit: float | None) -> None:
    """What was read of a branch that is gone 0.8 s after the beginning is noticed, and read again."""
    few = {"batch": 1 if chain == "btc" else 3, "published_batch": 1 if chain == "btc" else 3, "rate": 60}
    hosts = (host("forked", chain, protocols=(protocol,), **few), host("other", chain, **few))
    faults = {"forked": [always(Fault.ORPHANED, until=0.8)]}
    async with stage(path, hosts, faults=faults, addresses=400 if chain == "btc" else 200, played_chains=QUICK_BLOCKS) as on:
        events = await on.scan(audit=audit)
        assert any(entry.answered == Fault.ORPHANED and entry.asks for entry in on.log("forked")), "it was believed at first"
        said = [event for event in of(events, ScanError) if event.code == "reorg"]
        assert said
        assert "the chain of forked was reorganised" in said[0].error
        assert all("forked" in event.error for event in said)
        on.assert_all_true()
        assert on.result.status is Status.COMPLETED
        assert on.wallet.store.check() == []


@pytest.mark.usefixtures("tips_are_asked_often")
@pytest.mark.parametrize(("chain", "protocol", "audit"), CASES)
@played
async def test_what_was_read_of_an_orphaned_branch_is_read_again(
    tmp_path: Path, chain: str, protocol: str, audit: float | None
) -> None:
    await orphaned(tmp_path, chain, protocol, audit)


@pytest.mark.parametrize(("chain", "protocol", "audit"), [case for case in CASES if case[2] is None])
@played
async def test_a_reorganisation_that_nothing_but_the_final_check_can_see_is_seen(
    tmp_path: Path, chain: str, protocol: str, audit: float | None
) -> None:
    await orphaned(tmp_path, chain, protocol, audit)


@played
async def test_a_branch_that_comes_and_goes_between_two_checks_is_noticed_by_multicall(tmp_path: Path) -> None:
    hosts = (host("forked", "bsc", protocols=("evm-multicall",), batch=3, published_batch=3, rate=20),)
    faults = {"forked": [always(Fault.ORPHANED, since=0.8, until=1.6)]}
    async with stage(tmp_path, hosts, faults=faults, addresses=60, played_chains=QUICK_BLOCKS) as on:
        events = await on.scan()
        orphaned = [entry.answered == Fault.ORPHANED for entry in on.log("forked")]
        assert any(orphaned)
        assert orphaned[0] is orphaned[-1] is False
        before = list(takewhile(lambda event: not isinstance(event, ScanError), events))
        assert before != events
        assert all(event.read < event.readings for event in of(before, ScanProgress)), "long before the final check"
        on.assert_all_true()


@pytest.mark.usefixtures("tips_are_asked_often")
@played
async def test_blocks_that_only_follow_each_other_are_no_reorg(tmp_path: Path) -> None:
    hosts = (host("a", rate=60), host("b", rate=60))
    async with stage(tmp_path, hosts, addresses=100, played_chains=QUICK_BLOCKS) as on:
        events = await on.scan()
        assert not of(events, ScanError)
        assert any("/block-height/" in method and method != "/block-height/0" for e in on.log("a") for method in e.methods)
        assert set(on.asked("btc").values()) == {1, 2}, "what is held is asked twice"
        on.assert_all_true()


@played
async def test_a_reorganisation_between_two_runs_of_a_scan_is_noticed(tmp_path: Path) -> None:
    async with stage(tmp_path, (host("a", rate=200),), addresses=200) as on:
        await on.scan(on.stop_after(3))
        memory = on.wallet.store.runtime.load()
        scan_id, known = msgspec.json.decode(memory["chain:btc"], type=tuple[int, PoolMemory])
        (blocks,) = known.blocks.values()
        assert blocks
        blocks[max(blocks)] = "00" * 32  # as if the block had been another one then
        on.wallet.store.runtime.save({"chain:btc": msgspec.json.encode((scan_id, known))})
        read = sum(row.state is BalanceState.READ for row in on.wallet.balances("btc"))
        assert read
        events = await on.scan()
        assert [f"{read} balances" in event.error for event in of(events, ScanError)] == [True]
        on.assert_all_true()
        assert on.result.status is Status.COMPLETED


@played
async def test_who_could_not_be_asked_at_the_end_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_watch, "FINAL_CHECK", 0.5)
    faults = {"gone": [always(Fault.SERVER_ERROR, since=0.5)]}
    async with stage(tmp_path, (host("gone", rate=100), host("there", rate=100)), faults=faults, addresses=200) as on:
        events = await on.scan()
        (said,) = of(events, ScanError)
        assert said.code == "unavailable"
        assert said.error == (
            "gone could not be asked at the end whether its blocks are still of the chain; what it said of btc stands"
        )
        on.assert_all_true()
        assert on.result.status is Status.COMPLETED
