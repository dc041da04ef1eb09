"""The model of a scan: what it takes where nothing goes wrong, by the limits of its hosts."""

import math
from collections.abc import Sequence

import pytest

from hdscan.model.reading import Kind
from hdscan.pool.limiter import DAY, HOUR, Limiter
from hdscan.pool.policy import Policy
from hdscan.pool.upstream import Upstream
from hdscan.scan import outlook
from hdscan.scan.forecast import Tank, Work, foresee
from tests.pool.virtual import START, Scripted, good

NATIVE = {Kind.NATIVE: "native"}
TOKEN = {Kind.TOKEN: "token"}


def upstream(
    name: str, rate: float = 10.0, windows: Sequence[tuple[float, int]] = (), burst: float = 1.0, **made: object
) -> Upstream:
    given = {"capacity": 1, "methods": NATIVE, **made}
    return Upstream(Scripted(name, good(name), **given), "scripted", Limiter(rate, windows, burst), Policy())  # type: ignore[arg-type] # keywords


def play(
    *upstreams: Upstream, native: float = 1000.0, token: float = 0.0, doubts: float = 0.0, patience: float = 600.0
) -> tuple[Work, dict[str, Tank]]:
    left = {Kind.NATIVE: native, Kind.TOKEN: token}
    work = outlook.work("bsc", upstreams, left, START, policy=Policy(outage_limit=patience), doubts=doubts)
    tanks = outlook.tanks({"bsc": upstreams}, [work], START)
    foresee([work], tanks)
    return work, tanks


def took(work: Work) -> float:
    assert work.ends is not None
    return work.ends - work.tail


def test_providers_share_the_work_by_their_rates() -> None:
    work, _ = play(upstream("fast", 30.0), upstream("slow", 10.0))
    assert took(work) == pytest.approx(1000 / 40, rel=0.02)
    assert {lane.provider: round(lane.readings, -1) for lane in work.lanes} == {"fast": 750, "slow": 250}


def test_a_call_takes_as_much_as_it_may_hold() -> None:
    work, _ = play(upstream("a", 2.0, capacity=20), native=1000)
    assert took(work) == pytest.approx((1000 / 20 - 1) / 2, rel=0.02)
    assert sum(lane.calls for lane in work.lanes) == pytest.approx(50)


def test_an_endpoint_that_counts_items_reads_no_more_in_larger_calls() -> None:
    work, _ = play(upstream("a", 20.0, capacity=100, costs_items=True), native=1000)
    assert took(work) == pytest.approx((1000 - 100) / 20, rel=0.05)
    assert sum(lane.calls for lane in work.lanes) == pytest.approx(10)


def test_a_quota_is_spent_and_comes_back_after_its_hour() -> None:
    work, tanks = play(upstream("a", 10.0, [(HOUR, 500)]), native=800, patience=math.inf)
    assert HOUR * 1.01 < took(work) < HOUR * 1.06 + 30
    assert tanks["a"].windows[0].lost > 0


def test_what_earlier_scans_used_of_a_quota_is_not_there() -> None:
    used = upstream("a", 10.0, [(HOUR, 500)])
    used.limiter.take(400, START - 600)
    work, tanks = play(used, native=450, patience=math.inf)
    assert tanks["a"].windows[0].before == 400
    assert HOUR - 600 < took(work) < HOUR


def test_a_chain_whose_quotas_are_all_spent_ends_and_goes_on_when_the_first_comes_back() -> None:
    work, _ = play(upstream("a", 10.0, [(DAY, 600)]), upstream("b", 5.0, [(HOUR, 200)]), native=1000)
    assert work.halts is not None
    assert work.resumes is not None
    assert work.read == pytest.approx(800, rel=0.05)
    assert work.halts < 90
    assert HOUR < work.resumes < HOUR * 1.03


def test_a_paused_provider_takes_part_once_its_pause_ends() -> None:
    paused = upstream("paused", 10.0)
    paused.limiter.hold(START, 50.0)
    work, _ = play(paused, upstream("open", 10.0))
    assert took(work) == pytest.approx(75, rel=0.05)


def test_a_rate_that_was_cut_is_taken_as_soon_back() -> None:
    cut = upstream("a", 10.0)
    cut.limiter.throttled(START, 0.0)
    assert cut.limiter.rate == 7.0
    work, _ = play(cut)
    assert took(work) == pytest.approx(1000 / 9, rel=0.02)


def test_second_words_take_calls_too_but_hold_up_nobody_who_reads_more() -> None:
    even, _ = play(upstream("a"), upstream("b"), doubts=0.5)
    assert took(even) == pytest.approx(1500 / 20, rel=0.05)
    uneven, _ = play(upstream("a", 100.0), upstream("b", 1.0), doubts=0.5)
    assert took(uneven) == pytest.approx(1000 / 100, rel=0.05)
    alone, _ = play(upstream("a"), doubts=0.5)
    assert took(alone) == pytest.approx(1000 / 10, rel=0.05)


def test_kinds_end_together_where_somebody_reads_both() -> None:
    both = upstream("both", 10.0, methods={**NATIVE, **TOKEN})
    work, _ = play(both, upstream("coins", 10.0), native=1000, token=500)
    assert took(work) == pytest.approx(1500 / 20, rel=0.05)
    work, _ = play(both, upstream("coins", 10.0), native=100, token=900)
    assert took(work) == pytest.approx(90, rel=0.05)


def test_what_nobody_reads_is_not_waited_for() -> None:
    work, _ = play(upstream("coins", 10.0), native=100, token=900)
    assert took(work) == pytest.approx(10, rel=0.1)


def test_chains_share_the_limiter_of_a_host() -> None:
    shared = upstream("a", 10.0)
    works = [outlook.work(name, [shared], {Kind.NATIVE: 300.0}, START, policy=Policy()) for name in ("one", "two")]
    tanks = outlook.tanks({"one": [shared], "two": [shared]}, works, START)
    foresee(works, tanks)
    assert [took(work) for work in works] == pytest.approx([60.0, 60.0], rel=0.05)


def test_a_large_wallet_is_forecast_as_a_small_one_is() -> None:
    work, _ = play(upstream("a", 10.0), native=10_000_000)
    assert took(work) == pytest.approx(1_000_000, rel=0.01)


def test_the_last_call_of_a_burst_waits_for_no_turn() -> None:
    servers = [upstream(name, 1.0, burst=900.0, capacity=100, costs_items=True) for name in ("a", "b", "c")]
    work, _ = play(*servers, doubts=0.1)
    assert work.ends is not None
    assert work.ends < 3.0
    spent, _ = play(*servers, native=3000.0)
    assert spent.ends is not None
    assert spent.ends > (3000 - 2700) / 3
