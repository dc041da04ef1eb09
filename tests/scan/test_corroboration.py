"""No operator is believed alone: a changed amount, or a first one above zero, stands only with a second word."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from hdscan.model.endpoint import Cost
from hdscan.model.events import ScanProgress
from hdscan.model.scan import BalanceState, Status
from hdscan.sim.faults import Fault, Rule, always
from hdscan.sim.host import HostSpec
from tests.scan.stage import FAMILIES, Stage, errors, host, multicall, played, stage

LIES = (Fault.FALSE_ZEROS, Fault.OLD_VALUES, Fault.HIGHER_VALUES, Fault.SHIFTED_VALUES)
KINDS = [*FAMILIES, "multicall"]


def hosts_of(kind: str, *names: str) -> tuple[HostSpec, ...]:
    return tuple(multicall(name) if kind == "multicall" else host(name, kind) for name in names)


def lying(fault: Fault) -> list[Rule]:
    return [Rule(faults=(fault,), items=1.0)]


def trust(on: Stage, *names: str) -> None:
    """Have the next scan trust these endpoints."""
    settings = on.wallet.settings
    endpoints = tuple(msgspec.structs.replace(each, trusted=each.name in names) for each in settings.endpoints)
    on.wallet.settings = msgspec.structs.replace(settings, endpoints=endpoints)


def amounts(on: Stage) -> dict[tuple[str, int, str], str | None]:
    return {(row.chain, row.index, row.asset): row.amount for row in on.wallet.balances()}


def changed(on: Stage, before: Iterable[tuple[tuple[str, int, str], int]]) -> set[tuple[str, int, str]]:
    truth = on.world.truth()
    return {key for key, amount in before if truth[key] != amount}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("kind", KINDS)
@played
async def test_a_host_that_begins_to_lie_changes_nothing_beside_two_honest_ones(tmp_path: Path, kind: str, lie: Fault) -> None:
    async with stage(tmp_path, hosts_of(kind, "liar", "one", "two"), addresses=60) as on:
        await on.scan()
        on.assert_all_true()
        on.city.set_faults({"liar": lying(lie)})
        events = await on.scan()
        on.assert_all_true()
        assert on.result.status is Status.COMPLETED
        chain = next(iter(on.result.chains))
        assert on.provider("liar").state == "quarantined"
        assert any("liar is quarantined: it said" in text for text in errors(events, chain))
        assert on.wallet.store.check() == []


@pytest.mark.parametrize("kind", KINDS)
@played
async def test_beside_one_honest_host_a_lie_is_disputed_and_settled_by_no_single_word(tmp_path: Path, kind: str) -> None:
    async with stage(tmp_path, hosts_of(kind, "liar", "honest"), addresses=60) as on:
        await on.scan()
        before = amounts(on)
        on.city.set_faults({"liar": lying(Fault.FALSE_ZEROS)})
        for _ in range(3):  # what is disputed is not settled by the next scan's first answer
            await on.scan()
            rows = {(row.chain, row.index, row.asset): row for row in on.wallet.balances()}
            assert all(row.amount == before[key] for key, row in rows.items() if row.amount is not None)
            assert {row.state for row in rows.values()} <= {BalanceState.READ, BalanceState.DISPUTED}
            assert on.wallet.store.check() == []
        on.city.set_faults("none")
        await on.scan(retry=True)
        on.assert_all_true()
        disputed = [key for key, row in rows.items() if row.state is BalanceState.DISPUTED]
        after = {(row.chain, row.index, row.asset): row.operators for row in on.wallet.balances()}
        assert {after[key] for key in disputed} <= {2}


@pytest.mark.parametrize("kind", KINDS)
@played
async def test_what_moved_is_read_with_a_second_word_and_nothing_else_is_asked_twice(tmp_path: Path, kind: str) -> None:
    async with stage(tmp_path, hosts_of(kind, "a", "b"), addresses=60) as on:
        await on.scan()
        assert {row.operators for row in on.wallet.balances(funded=True)} == {2}
        before = on.world.truth()
        on.world.move(0.1, seed=3)
        moved = changed(on, before.items())
        assert moved
        on.city.reset()
        await on.scan()
        on.assert_all_true()
        rows = {(row.chain, row.index, row.asset): row for row in on.wallet.balances()}
        assert all(rows[key].operators == 2 and len(rows[key].said_by) == 2 for key in moved)
        result = next(iter(on.result.chains.values()))
        assert (result.audited, result.unaudited, result.disputed) == (len(moved), 0, 0)
        assert sum(times > 1 for times in on.asked(next(iter(on.result.chains))).values()) == len(moved)


@pytest.mark.parametrize("kind", KINDS)
@played
async def test_a_change_that_nobody_else_can_be_asked_about_leaves_the_earlier_amount(tmp_path: Path, kind: str) -> None:
    hosts = hosts_of(kind, "a", "b")
    async with stage(tmp_path, hosts, addresses=60) as on:
        await on.scan()
        before = on.world.truth()
        on.world.move(0.1, seed=3)
        moved = changed(on, before.items())
        on.city.set_faults({"b": [always(Fault.SERVER_ERROR)]})
        await on.scan()
        assert on.result.status is Status.COMPLETED_WITH_GAPS
        rows = {(row.chain, row.index, row.asset): row for row in on.wallet.balances()}
        for key in moved:
            assert (rows[key].state, rows[key].amount) == (BalanceState.STALE, str(before[key]))
            assert f"a claims {on.world.truth()[key]}" in (rows[key].error or "")
            assert f"where {before[key]} was known, and no second operator could be asked: " in (rows[key].error or "")
        assert {(gap.chain, gap.index, gap.asset) for gap in on.wallet.gaps()} == moved
        assert {gap.code for gap in on.wallet.gaps()} == {"unconfirmed"}
        assert all(row.amount == str(before[key]) for key, row in rows.items())
        on.city.set_faults("none")
        await on.scan(retry=True)
        on.assert_all_true()
        assert on.result.status is Status.COMPLETED
        assert on.wallet.store.check() == []


@played
async def test_a_first_amount_above_zero_that_nobody_else_can_be_asked_about_is_one_operators_word(tmp_path: Path) -> None:
    async with stage(tmp_path, hosts_of("btc", "a", "b"), addresses=40) as on:
        on.city.set_faults({"b": [always(Fault.SERVER_ERROR)]})
        await on.scan()
        on.assert_all_true()
        assert on.result.status is Status.COMPLETED
        held = list(on.wallet.balances(funded=True))
        assert {row.operators for row in held} == {1}
        assert on.result.chains["btc"].unaudited == len(held) > 0
        on.city.set_faults("none")
        on.city.reset()
        await on.scan(retry=True)
        assert {row.operators for row in on.wallet.balances(funded=True)} == {2}
        assert on.result.chains["btc"].unaudited == 0
        assert on.asked("btc").total() == len(held), "only what had no second word is asked"


@pytest.mark.parametrize("kind", KINDS)
@played
async def test_one_operator_alone_is_believed_and_counted_as_one(tmp_path: Path, kind: str) -> None:
    async with stage(tmp_path, hosts_of(kind, "a"), addresses=40) as on:
        await on.scan()
        on.world.move(0.2, seed=3)
        on.city.reset()
        await on.scan()
        on.assert_all_true()
        assert set(on.asked(next(iter(on.result.chains))).values()) == {1}
        assert {row.operators for row in on.wallet.balances()} == {1}
        assert next(iter(on.result.chains.values())).unaudited == 0, "nobody could be asked at all"


@played
async def test_two_hosts_of_one_operator_bear_nothing_out_for_each_other(tmp_path: Path) -> None:
    hosts = (host("a1", operator="Acme"), host("a2", operator="acme"), host("b"))
    async with stage(tmp_path, hosts, addresses=60) as on:
        await on.scan()
        before = amounts(on)
        on.city.set_faults({"a1": lying(Fault.FALSE_ZEROS), "a2": lying(Fault.FALSE_ZEROS), "b": [always(Fault.SERVER_ERROR)]})
        await on.scan()
        assert amounts(on) == before
        assert {row.operators for row in on.wallet.balances(funded=True)} == {2}


@pytest.mark.parametrize("kind", KINDS)
@played
async def test_a_trusted_endpoint_is_enough_and_wins_against_one_other(tmp_path: Path, kind: str) -> None:
    async with stage(tmp_path, hosts_of(kind, "own", "liar"), addresses=60) as on:
        await on.scan()
        trust(on, "own")
        on.world.move(0.2, seed=3)
        on.city.set_faults({"liar": lying(Fault.FALSE_ZEROS)})
        await on.scan()
        on.assert_all_true()
        assert not any(row.state is BalanceState.DISPUTED for row in on.wallet.balances())


@played
async def test_a_host_that_is_far_behind_bears_nothing_out(tmp_path: Path) -> None:
    """Its old head shows only beside two others; beside one, its height does."""
    async with stage(tmp_path, hosts_of("multicall", "a", "behind"), addresses=60) as on:
        await on.scan()
        before = amounts(on)
        on.city.set_faults({"a": lying(Fault.OLD_VALUES), "behind": [always(Fault.STALE)]})  # both say half
        await on.scan()
        after = amounts(on)
        assert all(amount in (before[key], None) for key, amount in after.items())


@played
async def test_a_chunk_waits_seconds_for_its_second_words_and_they_come_later(tmp_path: Path) -> None:
    """A second operator that is slow delays no commit."""
    hosts = (multicall("fast"), host("slow", "bsc", rate=4.0, cost=Cost.ITEM, batch=1, published_batch=1))
    async with stage(tmp_path, hosts, addresses=40, chunk=20) as on:
        seen: list[tuple[float, int]] = []
        clock = asyncio.get_running_loop().time
        began = clock()
        await on.scan(lambda event: seen.append((clock() - began, event.read)) if isinstance(event, ScanProgress) else None)
        on.assert_all_true()
        held = list(on.wallet.balances(funded=True))
        assert len(held) / 4.0 > 12, "the slow one needs so many seconds"
        assert next(at for at, read in seen if read == 120) < 8
        assert {row.operators for row in held} == {2}
        assert on.result.chains["bsc"].unaudited == 0
        assert on.wallet.store.check() == []
