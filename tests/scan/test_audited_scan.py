"""Audits over real sockets: another operator is asked, two that agree decide, and a dispute leaves no amount."""

from pathlib import Path

import msgspec
import pytest

from hdscan.app.demo import Verdict
from hdscan.model.events import ScanComplete, ScanProgress
from hdscan.model.reading import Reading
from hdscan.model.scan import BalanceState, Status
from hdscan.scan.audit import sampled
from hdscan.sim.faults import Fault, Rule, always
from hdscan.sim.host import HostSpec
from tests.scan.stage import EVERYBODY, FAMILIES, errors, host, multicall, of, played, stage

LIES = (Fault.FALSE_ZEROS, Fault.OLD_VALUES, Fault.SHIFTED_VALUES)


def three(chain: str) -> tuple[HostSpec, ...]:
    return tuple(host(name, chain) for name in ("liar", "one", "two"))


@played
async def test_an_audit_asks_another_operator_about_everything(tmp_path: Path) -> None:
    async with stage(tmp_path, addresses=40) as on:
        await on.scan(audit=100)
        on.assert_all_true()
        assert on.result.status is Status.COMPLETED
        assert {(c.audited, c.disputed, c.unaudited) for n, c in on.result.chains.items() if n != "btc"} == {(120, 0, 0)}
        assert on.result.chains["btc"].audited == 40
        for chain in on.world.chains:
            for ask, times in on.asked(chain).items():
                assert times >= 2, ask
        assert on.wallet.store.check() == []


@played
async def test_without_zeros_only_what_is_held_is_audited(tmp_path: Path) -> None:
    async with stage(tmp_path, addresses=40) as on:
        await on.scan(audit=0)
        held = sum(row.amount != "0" or row.unconfirmed not in (None, "0") for row in on.wallet.balances())
        assert sum(chain.audited for chain in on.result.chains.values()) == held > 0
        await on.scan()
        assert all(chain.audited == chain.unaudited == 0 for chain in on.result.chains.values()), "an audit is asked for"


@played
async def test_hosts_of_one_operator_are_one_voice(tmp_path: Path) -> None:
    hosts = tuple(host(name, operator="Acme") for name in "ab")
    async with stage(tmp_path, hosts, addresses=20) as on:
        await on.scan(audit=100)
        chain = on.result.chains["btc"]
        assert (chain.audited, chain.unaudited, chain.status) == (0, 20, Status.COMPLETED)
        assert set(on.asked("btc").values()) == {1}, "nobody was asked in vain"
        on.assert_all_true()


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("chain", FAMILIES)
@played
async def test_what_a_liar_said_is_corrected_by_two_others_who_put_it_out_of_service(
    tmp_path: Path, chain: str, lie: Fault
) -> None:
    async with stage(tmp_path, three(chain), faults={"liar": [Rule(faults=(lie,), items=0.3)]}, addresses=80) as on:
        events = await on.scan(audit=100)
        assert set(on.verdicts()) == {Verdict.EXACT}
        assert on.result.status is Status.COMPLETED
        assert on.provider("liar").state == "quarantined"
        assert any("liar is quarantined: it said" in text for text in errors(events, chain))
        assert "liar" not in {row.source for row in on.wallet.balances(chain)}
        done = on.result.chains[chain]
        assert (done.audited, done.unaudited, done.disputed) == (done.readings, 0, 0)
        assert on.wallet.store.check() == []
        on.assert_no_limit_was_broken()


@played
async def test_two_operators_that_disagree_leave_a_dispute_and_no_amount(tmp_path: Path) -> None:
    hosts = (host("liar"), host("honest"))
    async with stage(tmp_path, hosts, faults={"liar": [Rule(faults=(Fault.FALSE_ZEROS,), items=0.5)]}) as on:
        events = await on.scan(audit=100)
        done = on.result.chains["btc"]
        rows = on.rows("btc").values()
        disputed = [row for row in rows if row.state is BalanceState.DISPUTED]
        assert done.disputed == len(disputed) > 0
        assert done.read + done.disputed == done.readings
        assert done.status is on.result.status is Status.COMPLETED_WITH_GAPS
        for row in disputed:
            assert row.amount is row.source is row.height is row.observed_at is None
            assert row.answers is not None
            assert {answer.source for answer in row.answers} == {"liar", "honest"}
            assert {answer.amount for answer in row.answers} == {"0", str(true(on.world, row.index))}
            assert row.error is not None
            assert "operators disagree: " in row.error
        assert {row.amount for row in rows} >= {None, "0"}
        (total,) = on.wallet.totals("btc")
        assert (total.disputed, total.read, total.unread) == (len(disputed), done.read, 0)
        assert total.amount == str(sum(int(row.amount or 0) for row in rows))
        assert of(events, ScanComplete)[0].disputed == len(disputed)
        assert on.provider("liar").state == "ready", "two cannot outvote each other"
        assert set(on.verdicts()) == {Verdict.EXACT, Verdict.UNREAD}
        assert on.wallet.store.check() == []
        on.city.set_faults("none")
        await on.scan(retry=True)
        on.assert_all_true()
        assert on.result.chains["btc"].disputed == 0
        assert on.result.status is Status.COMPLETED


def true(world: object, index: int) -> int:
    amounts: dict[int, int] = {each.index: each.amounts["BTC"] for each in world["btc"].truth()}  # type: ignore[index]
    return amounts[index]


@played
async def test_a_disputed_reading_is_settled_by_the_next_scan_that_reads_it(tmp_path: Path) -> None:
    hosts = (host("liar"), host("honest"))
    async with stage(tmp_path, hosts, faults={"liar": [Rule(faults=(Fault.FALSE_ZEROS,), items=0.5)]}) as on:
        await on.scan(audit=0)
        assert any(row.state is BalanceState.DISPUTED for row in on.wallet.balances())
        on.city.set_faults("none")
        await on.scan()
        on.assert_all_true()
        assert not any(row.answers for row in on.wallet.balances())
        assert on.wallet.totals("btc")[0].disputed == 0


@played
async def test_a_scan_stopped_during_its_audit_goes_on_with_it(tmp_path: Path) -> None:
    hosts = (host("btc-a", rate=150), host("btc-b", rate=150))
    async with stage(tmp_path, hosts, addresses=100) as on:

        def stop(event: object) -> None:
            if isinstance(event, ScanProgress) and event.audit_requests:
                on.wallet.stop()

        await on.scan(stop, audit=100)
        before = on.result.chains["btc"]
        assert before.status is Status.STOPPED
        assert 0 < before.audited < 100
        assert before.read == 100
        asked = on.asked("btc").total()
        await on.scan()
        after = on.result.chains["btc"]
        assert (after.status, after.audited, after.unaudited) == (Status.COMPLETED, 100, 0)
        assert on.result.scan_id == 1
        assert on.asked("btc").total() - asked <= 100, "what was audited is not asked again"
        on.assert_all_true()


@played
async def test_an_audit_can_be_asked_for_when_a_scan_is_gone_on_with(tmp_path: Path) -> None:
    hosts = (host("btc-a"), host("btc-b"))
    async with stage(tmp_path, hosts, addresses=100) as on:
        await on.scan(on.stop_after(2))
        assert on.result.status is Status.STOPPED
        await on.scan(audit=100)
        assert on.result.scan_id == 1
        assert on.result.chains["btc"].audited == 100
        await on.scan(retry=True)
        assert on.result.chains["btc"].requests == on.wallet.store.scans.latest("btc").requests  # type: ignore[union-attr]


@played
async def test_what_could_not_be_audited_is_said_and_tried_again(tmp_path: Path) -> None:
    hosts = (host("a"), host("b", rate=50))
    async with stage(tmp_path, hosts, addresses=30) as on:
        on.city.set_faults({"b": [always(Fault.SERVER_ERROR)]})
        await on.scan(audit=100)
        done = on.result.chains["btc"]
        assert (done.audited, done.unaudited, done.disputed) == (0, 30, 0)
        assert done.status is Status.COMPLETED
        on.city.set_faults("none")
        await on.scan(retry=True)
        assert (on.result.chains["btc"].audited, on.result.chains["btc"].unaudited) == (30, 0)
        on.assert_all_true()


@pytest.mark.parametrize("faults", ["mild", "wild"])
@played
async def test_an_audit_in_a_faulty_world_ends_and_lets_nothing_false_stand(tmp_path: Path, faults: str) -> None:
    async with stage(tmp_path, EVERYBODY, faults=faults, addresses=40) as on:
        await on.scan(audit=100)
        on.verdicts()
        for chain in on.result.chains.values():
            assert chain.audited + chain.unaudited + chain.unread == chain.readings
        assert on.wallet.store.check() == []


@played
async def test_multicalls_of_a_liar_and_single_calls_of_others_are_compared(tmp_path: Path) -> None:
    hosts = (multicall("liar"), host("one", "bsc"), host("two", "bsc"))
    async with stage(tmp_path, hosts, faults={"liar": [Rule(faults=(Fault.FALSE_ZEROS,), items=0.3)]}, addresses=40) as on:
        await on.scan(audit=0)
        lies = {row.index for row in on.wallet.balances() if row.source == "liar"}
        assert not lies or on.provider("liar").state != "quarantined"
        assert msgspec.json.decode(msgspec.json.encode(on.result))["chains"]["bsc"]["disputed"] == 0


@pytest.mark.parametrize("percent", [0, 30])
@played
async def test_a_sample_finds_every_lie_that_it_holds_and_no_other(tmp_path: Path, percent: float) -> None:
    """Over real sockets, and by the seed of the scan: with it, the promise of the sampling is one of the pure test."""
    hosts = (host("liar"), host("honest"))
    faults = {"liar": [Rule(faults=(Fault.FALSE_ZEROS,), items=0.5)]}
    async with stage(tmp_path, hosts, faults=faults, addresses=120, final_passes=0) as on:
        await on.scan(audit=percent)
        plan = on.wallet.store.audits.plan_of(1, "btc")
        assert plan.percent == percent
        asset, amounts = on.world["btc"].assets[0], {each.index: each.amounts["BTC"] for each in on.world["btc"].truth()}
        kept = lost = 0
        for row in on.wallet.balances():
            drawn = sampled(plan.seed, Reading(row.index, row.address, asset), percent)
            if row.state is BalanceState.DISPUTED:
                assert row.answers is not None
                first = row.answers[0]
                plain_zero = (first.amount, first.unconfirmed) == ("0", "0")
                assert drawn or not plain_zero
                kept += plain_zero
            elif row.amount != str(amounts[row.index]):
                assert row.unconfirmed == "0", "what is about to come is audited too"
                assert not drawn
                lost += 1
        assert lost > 0
        assert (kept > 0) == (percent > 0)
