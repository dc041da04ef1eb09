"""The demo: its judgement of every reading, and that nothing of it stays."""

import asyncio
import tempfile
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from hdscan.app.demo import QUICK, Demo, DemoRequest, Verdict, chain_report, compare
from hdscan.model.scan import BalanceRow, BalanceState, ChainResult, Status
from hdscan.sim.judge import Judgement
from hdscan.sim.world import Truth

TRUE = Truth(0, "a", {"BTC": 5}, -2)
ROW = BalanceRow("btc", 0, None, "a", "BTC", "5", "-2", 8, 1, "2026-01-01T00:00:00Z", "h", BalanceState.READ, None)


def judged(**changes: object) -> Counter[Verdict]:
    return compare([TRUE], [msgspec.structs.replace(ROW, **changes)])


def test_the_true_amount_is_exact() -> None:
    assert judged() == {Verdict.EXACT: 1}


def test_an_amount_without_a_notion_of_unconfirmed_is_exact() -> None:
    assert judged(unconfirmed=None) == {Verdict.EXACT: 1}


@pytest.mark.parametrize("changes", [{"amount": "6"}, {"amount": "05"}, {"unconfirmed": "0"}, {"address": "b"}, {"index": 1}])
def test_another_amount_or_address_is_wrong(changes: dict[str, object]) -> None:
    assert judged(**changes)[Verdict.WRONG] == 1


def test_a_zero_where_there_is_money_is_a_false_zero() -> None:
    assert judged(amount="0") == {Verdict.FALSE_ZERO: 1}


@pytest.mark.parametrize("state", [BalanceState.UNREAD, BalanceState.STALE])
def test_what_was_not_read_is_unread_whatever_amount_stands_there(state: BalanceState) -> None:
    assert judged(state=state) == {Verdict.UNREAD: 1}


def test_a_lost_reading_is_wrong() -> None:
    assert compare([TRUE], []) == {Verdict.WRONG: 1}


def test_an_address_of_nobody_is_wrong() -> None:
    assert compare([], [ROW]) == {Verdict.WRONG: 1}


def test_a_lie_is_stored_or_caught() -> None:
    result = ChainResult(
        addresses=12, readings=12, read=12, unread=0, funded=3, seconds=1.0, requests=9, status=Status.COMPLETED
    )
    hosts = [Judgement(name, "btc", 9, 9, {}, 0, 0, 0, lies) for name, lies in (("honest", 0), ("liar", 7))]

    def lies(**verdicts: int) -> tuple[int, int, int]:
        told = chain_report(Counter({Verdict(name): count for name, count in verdicts.items()}), result, hosts)
        return told.lies_told, told.lies_caught, told.lies_stored

    assert lies(exact=12) == (7, 7, 0)
    assert lies(exact=10, wrong=1, false_zero=2, unread=1) == (7, 4, 3)


@pytest.mark.parametrize("faults", ["none", "mild"])
def test_a_small_demo_is_flawless_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faults: str) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    async def play() -> None:
        async with Demo(DemoRequest(60, 3, faults)) as demo:
            assert list(tmp_path.iterdir())
            await demo.add_wallets()
            async for _ in demo.wallet.scan():
                pass
            report = await demo.reconcile()
        assert report.flawless
        assert report.status in (Status.COMPLETED, Status.COMPLETED_WITH_GAPS)
        assert {name: chain.readings for name, chain in report.chains.items()} == {"btc": 60, "bsc": 180, "sol": 180}
        for chain in report.chains.values():
            assert chain.exact + chain.unread == chain.readings
            assert chain.requests > 0

    asyncio.run(asyncio.wait_for(play(), 30))
    assert not list(tmp_path.iterdir())


def test_of_the_lies_in_a_wild_demo_none_is_stored() -> None:
    async def play() -> None:
        async with Demo(DemoRequest(80, 2, "wild")) as demo:
            await demo.add_wallets()
            async for _ in demo.wallet.scan():
                pass
            report = await demo.reconcile()
        told = sum(chain.lies_told for chain in report.chains.values())
        assert told == sum(chain.lies_caught for chain in report.chains.values()) > 0
        assert report.flawless

    asyncio.run(asyncio.wait_for(play(), 120))


def test_an_import_that_is_told_to_end_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    async def play() -> None:
        async with Demo(DemoRequest(50)) as demo:
            await demo.add_wallets(until=lambda: True)
            assert demo.wallet.store.addresses.count("btc") == 0

    asyncio.run(asyncio.wait_for(play(), 30))


def test_a_demo_that_fails_to_begin_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    async def play() -> None:
        async with Demo(DemoRequest(5, faults="no such profile")):
            raise AssertionError("it began")

    with pytest.raises(RuntimeError, match="did not start"):
        asyncio.run(asyncio.wait_for(play(), 30))
    assert not list(tmp_path.iterdir())


def test_the_quicker_settings_keep_every_rule_of_the_pool() -> None:
    assert QUICK.backoff_max >= QUICK.backoff_base
    assert QUICK.breaker_threshold == 3
