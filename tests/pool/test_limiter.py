"""The limiter never exceeds a rate in any window, whatever the calls; pauses hold everybody; a restart forgets nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdscan.pool.limiter import DAY, HOUR, MINUTE, MONTH, RECHECK, SLACK, UNSENT_FOR, Limiter, Window

NOW = 1_700_000_000.0
EPSILON = 1e-5  # of a float that counts seconds since 1970

waits = st.floats(0, 3) | st.floats(0, 120) | st.sampled_from([0.0, 0.001, SLACK, 0.25, 1.0])


def drain(limiter: Limiter, until: float, now: float = NOW, cost: int = 1) -> list[float]:
    """Call as early as it may be until then; when the calls were made."""
    calls = []
    while (now := max(now, limiter.ready_at(cost, now))) < until:
        limiter.take(cost, now)
        calls.append(now)
    return calls


@settings(max_examples=150, derandomize=True)
@given(st.floats(0.05, 50), st.lists(st.tuples(waits, st.integers(1, 5)), max_size=80))
def test_the_rate_is_exceeded_in_no_window(rate, moves):
    """Burst 1: n units within T seconds are at most 1 call + rate * (T + twice the slack)."""
    limiter, now, taken = Limiter(rate), NOW, []
    for wait, cost in moves:
        now += wait
        if limiter.ready_at(cost, now) <= now:
            limiter.take(cost, now)
            taken.append((now, cost))
    for i in range(len(taken)):
        units = 0
        for when, cost in taken[i:]:
            # what was begun before `when` fits in between
            assert units <= rate * (when - taken[i][0] + 2 * SLACK) + EPSILON * rate + 1e-6
            units += cost


@settings(max_examples=100, derandomize=True)
@given(
    st.sampled_from([MINUTE, HOUR, DAY, MONTH]),
    st.integers(1, 20),
    st.lists(st.tuples(st.floats(0, 1), st.integers(1, 4)), max_size=120),
)
def test_a_longer_window_is_exceeded_at_no_time(seconds, limit, moves):
    window, now, taken = Window(seconds, limit), NOW, []
    for share, cost in moves:
        now += share * seconds / 10
        window.ready_at(cost, now + seconds)  # looking ahead forgets nothing
        if cost <= limit and window.ready_at(cost, now) <= now:
            assert window.room(now) >= cost
            window.take(cost, now)
            taken.append((now, cost))
    for when, _ in taken:
        assert sum(cost for other, cost in taken if when <= other < when + seconds) <= limit


@pytest.mark.parametrize("seconds", [MINUTE, HOUR, DAY, MONTH])
def test_a_window_is_used_whole_and_again_when_it_has_passed(seconds):
    window = Window(seconds, 10)
    for _ in range(10):
        assert window.ready_at(1, NOW) == NOW
        window.take(1, NOW)
    ready = window.ready_at(1, NOW)
    assert NOW + seconds <= ready <= NOW + seconds * 62 / 60
    assert window.ready_at(1, ready) == ready
    assert window.room(ready) == 10


def test_a_call_above_a_whole_window_waits_for_it_to_be_empty():
    window = Window(MINUTE, 5)
    assert window.ready_at(8, NOW) == NOW
    window.take(1, NOW)
    assert window.ready_at(8, NOW) >= NOW + MINUTE


def test_several_windows_hold_together():
    limiter = Limiter(10, [(MINUTE, 20), (HOUR, 50)])
    calls = drain(limiter, NOW + 3 * MINUTE)
    assert sum(when < NOW + MINUTE for when in calls) == 20
    assert len(calls) == 50


def test_looking_ahead_changes_nothing():
    limiter = Limiter(1000, [(MINUTE, 20)])
    assert len(drain(limiter, NOW + 1)) == 20
    limiter.blocked_until(1, NOW + 90)
    limiter.announced_at(NOW + 90)
    assert limiter.blocked_until(1, NOW + 1) >= NOW + MINUTE


def test_the_rate_is_used_to_the_full():
    assert len(drain(Limiter(5), NOW + 100)) in (500, 501)
    assert len(drain(Limiter(0.5), NOW + 100)) in (50, 51)


def test_calls_that_come_late_by_a_timers_inaccuracy_lose_nothing():
    limiter, now = Limiter(10), NOW
    for _ in range(100):
        now = max(now, limiter.ready_at(1, now)) + 0.004
        limiter.take(1, now)
    assert now - NOW < 10.1


def test_where_items_are_counted_a_batch_costs_its_items():
    calls = drain(Limiter(10), NOW + 10, cost=5)
    assert len(calls) in (20, 21)


def test_a_pause_holds_every_caller_and_is_never_shortened():
    limiter = Limiter(10)
    limiter.throttled(NOW, 30)
    limiter.throttled(NOW + 1, 5)
    assert limiter.ready_at(1, NOW + 2) == NOW + 30
    assert limiter.announced_at(NOW + 2)
    limiter.throttled(NOW + 3, 60)
    assert limiter.ready_at(1, NOW + 4) == NOW + 63


def test_a_pause_is_a_day_at_most():
    limiter = Limiter(10)
    limiter.throttled(NOW, 10 * DAY)
    assert limiter.paused_until == NOW + DAY


def test_without_retry_after_the_own_pause_grows_to_a_minute_and_starts_small_after_a_success():
    limiter, now, pauses = Limiter(10), NOW, []
    for _ in range(9):
        limiter.throttled(now, None)
        pauses.append(limiter.paused_until - now)
        now = limiter.paused_until
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert not limiter.announced_at(now - 1)
    limiter.succeeded()
    limiter.throttled(now, None)
    assert limiter.paused_until - now == 1


def test_throttled_answers_to_calls_that_were_on_the_wire_neither_grow_the_pause_nor_cut_again():
    limiter = Limiter(10)
    for i in range(5):
        limiter.throttled(NOW + i / 10, None)
    assert limiter.paused_until == NOW + 1
    assert limiter.rate == pytest.approx(7)


def test_the_rate_falls_to_seven_tenths_at_most_once_per_pause():
    limiter = Limiter(10)
    limiter.throttled(NOW, 20)
    limiter.throttled(NOW + 10, 20)
    assert limiter.rate == pytest.approx(7)
    limiter.throttled(NOW + 31, 20)
    assert limiter.rate == pytest.approx(4.9)


def test_the_rate_never_falls_to_nothing():
    limiter, now = Limiter(10), NOW
    for _ in range(200):
        limiter.throttled(now, 1)
        now += 2
    assert limiter.rate == pytest.approx(0.01)


@pytest.mark.parametrize("ceiling", [0.2, 5.0, 100.0])
def test_the_rate_grows_five_percent_a_second_while_it_is_what_limits_us(ceiling):
    limiter = Limiter(ceiling)
    limiter.throttled(NOW, 10)
    limiter.throttled(NOW + 50, 10)
    limiter.throttled(NOW + 100, 10)
    begin = NOW + 110
    drain(limiter, begin + 10 / ceiling, begin)  # the first call after the pause is not held by the rate
    first, then = limiter.rate, limiter._grown_at
    drain(limiter, begin + 10 + 10 / ceiling, then)
    grown = limiter.rate / first
    assert limiter.rate == limiter.ceiling or grown == pytest.approx(1.05 ** (limiter._grown_at - then), rel=0.02)
    drain(limiter, begin + 200)
    assert limiter.rate == limiter.ceiling


def test_the_rate_does_not_grow_while_calls_are_rare():
    limiter = Limiter(10)
    limiter.throttled(NOW, 1)
    for i in range(100):
        limiter.take(1, NOW + 10 + 5 * i)
    assert limiter.rate == pytest.approx(7)


def test_a_spent_quota_pauses_for_an_hour_and_leaves_the_rate():
    limiter = Limiter(10)
    limiter.throttled(NOW, None, quota=True)
    assert limiter.paused_until == NOW + HOUR
    assert limiter.rate == 10
    assert limiter.announced_at(NOW)


def test_two_rows_of_one_endpoint_share_the_stricter_figures():
    limiter = Limiter(10, [(HOUR, 100)])
    limiter.tighten(4, [(MINUTE, 30)])
    assert limiter.ceiling == 4
    assert len(drain(limiter, NOW + MINUTE)) == 30


@settings(max_examples=80, derandomize=True)
@given(st.lists(st.floats(0, 30), min_size=1, max_size=60), st.integers(0, 59), st.floats(0, 200))
def test_a_restart_forgets_no_quota(moves, cut, off):
    """The same calls with and without a restart in the middle: the window holds over both."""
    limiter, now, taken = Limiter(100, [(MINUTE, 10), (HOUR, 40)]), NOW, []
    for i, wait in enumerate(moves):
        now += wait
        if i == cut:
            memory = limiter.memory()
            now += off
            limiter = Limiter(100, [(MINUTE, 10), (HOUR, 40)])
            limiter.restore(memory, now)
        if limiter.ready_at(1, now) <= now:
            limiter.take(1, now)
            taken.append(now)
    for when in taken:
        assert sum(when <= other < when + MINUTE for other in taken) <= 10
        assert sum(when <= other < when + HOUR for other in taken) <= 40


def test_a_pause_survives_a_restart():
    limiter = Limiter(10)
    limiter.throttled(NOW, 500)
    again = Limiter(10)
    again.restore(limiter.memory(), NOW + 100)
    assert again.ready_at(1, NOW + 100) == NOW + 500
    assert again.announced_at(NOW + 100)


@settings(max_examples=80, derandomize=True)
@given(st.floats(0, 10 * DAY), st.integers(1, 30), st.booleans())
def test_after_a_clock_was_set_back_no_wait_is_longer_than_it_was(back, calls, paused):
    limiter = Limiter(1, [(MINUTE, 20)])
    drain(limiter, NOW + calls)
    if paused:
        limiter.throttled(NOW + calls, 300)
    then = NOW - back
    again = Limiter(1, [(MINUTE, 20)])
    again.restore(limiter.memory(), then)
    assert again.ready_at(1, then) <= then + (300 if paused else 2 * MINUTE)
    again.take(1, again.ready_at(1, then))


def test_a_clock_set_back_while_it_runs_never_raises_the_rate():
    limiter = Limiter(10)
    limiter.throttled(NOW, 1)
    limiter.take(1, NOW + 2)
    limiter.take(1, NOW - 100)
    assert limiter.rate == pytest.approx(7)


def test_a_call_that_goes_out_late_keeps_the_next_one_away_from_it() -> None:
    limiter = Limiter(8.0)
    limiter.take(1, 1000.0)
    limiter.sent(1000.1)
    assert limiter.ready_at(1, 1000.1) == pytest.approx(1000.1 + 0.125 - 2 * SLACK)


def test_calls_that_have_not_gone_out_yet_hold_back_the_next_so_that_they_go_in_no_bunch() -> None:
    limiter = Limiter(100.0)
    limiter.hears_sent = True
    now = 1000.0
    for _ in range(2):
        now = max(now, limiter.ready_at(1, now))
        limiter.take(1, now)
    assert limiter.ready_at(1, now + 0.1) == now + 0.1 + RECHECK
    limiter.sent(now + 0.1)
    assert limiter.ready_at(1, now + 0.2) == now + 0.2
    assert limiter.ready_at(1, now + UNSENT_FOR) == now + UNSENT_FOR


def test_a_slow_host_gets_no_second_call_before_the_first_has_gone_out() -> None:
    limiter = Limiter(5.0)
    limiter.hears_sent = True
    limiter.take(1, 1000.0)
    assert limiter.ready_at(1, 1000.3) == 1000.3 + RECHECK
    limiter.sent(1000.3)
    assert limiter.ready_at(1, 1000.3) == pytest.approx(1000.5 - 2 * SLACK)


def test_a_call_that_goes_out_late_counts_in_every_window_from_then_on() -> None:
    limiter = Limiter(10.0, [(60.0, 2)])
    limiter.hears_sent = True
    limiter.take(1, 1000.0)
    limiter.sent(1020.0)
    assert limiter.room(1020.1) == 1, "once"
    limiter.take(1, 1020.2)
    limiter.sent(1020.2)
    assert limiter.ready_at(1, 1061.0) >= 1080.0
