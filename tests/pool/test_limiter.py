"""The limiter never exceeds a rate in any window, whatever the calls; pauses hold everybody; a restart forgets nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdscan.pool.limiter import CHANCE, CUT, DAY, HOUR, MINUTE, MONTH, OWN_PAUSE, RECHECK, SLACK, UNSENT_FOR, Limiter, Window

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
    limiter.succeeded(now)
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


@pytest.mark.parametrize(("ceiling", "least"), [(10, 0.1), (1, 1 / 30), (0.02, 0.02)])
def test_the_rate_never_falls_so_low_that_a_host_which_recovers_is_not_asked(ceiling, least):
    limiter, now = Limiter(ceiling), NOW
    for _ in range(200):
        limiter.throttled(now, 1)
        now += 2
    assert limiter.rate == pytest.approx(least)


@pytest.mark.parametrize("ceiling", [0.2, 5.0, 100.0])
def test_a_cut_rate_grows_back_quickly_to_what_was_refused_and_slowly_past_it(ceiling):
    limiter = Limiter(ceiling)
    for refusal in range(3):
        limiter.throttled(NOW + 50 * refusal, 10)
    refused = limiter.rate / CUT
    drain(limiter, NOW + 110 + 10 * max(1.0, 1.0 / ceiling), NOW + 110)
    assert limiter.rate > 0.95 * refused
    assert limiter.rate < 1.2 * refused
    drain(limiter, NOW + 110 + 60 * max(1.0, 1.0 / ceiling), limiter._grown_at)
    assert limiter.rate == ceiling


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


def test_a_restart_right_after_a_call_that_left_early_keeps_the_distance_to_it() -> None:
    limiter, now = Limiter(0.8), NOW
    for _ in range(3):
        now = max(now, limiter.ready_at(1, now))
        limiter.take(1, now)
    again = Limiter(0.8)
    again.restore(limiter.memory(), now)
    assert again.ready_at(1, now) == limiter.ready_at(1, now)


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


# -- refusals without a word

THRESHOLD = 3


class Bucket:
    """A host as nginx's limit_req is: a call that comes too early is refused, and counts for nothing."""

    def __init__(self, allowed: float, burst: float) -> None:
        self.allowed, self.burst = allowed, burst
        self._excess, self._at = 0.0, NOW

    def admits(self, now: float) -> bool:
        excess = max(0.0, self._excess - self.allowed * (now - self._at)) + 1.0
        if self._at > NOW and excess > self.burst + 1.0:
            return False
        self._excess, self._at = excess, now
        return True


def converse(limiter: Limiter, host: Bucket, calls: int, now: float = NOW, *, says: bool = False) -> tuple[float, int]:
    """Make calls as early as they may be until so many were answered; how long that took, and how many were refused."""
    limiter.answered(now)
    begun, refused = now, 0
    while calls:
        now = max(now, limiter.ready_at(1, now))
        limiter.take(1, now)
        sent, now = now, now + 0.005
        if host.admits(now):
            calls -= 1
            limiter.succeeded(now)
        else:
            refused += 1
            if says:
                limiter.throttled(now, None)
            else:
                assert limiter.refused(sent, now, THRESHOLD), "this host is not dead"
        assert limiter.rate <= limiter.ceiling
    return now - begun, refused


@pytest.mark.parametrize("burst", [1, 5, 20])
@pytest.mark.parametrize("times", [1.2, 3.0, 5.0])
@pytest.mark.parametrize("allowed", [2.0, 10.0, 30.0])
def test_a_rate_that_is_too_high_costs_little_time_and_few_refusals(allowed: float, times: float, burst: int) -> None:
    took, refused = converse(Limiter(allowed * times), Bucket(allowed, burst), 300)
    assert took <= 1.25 * 300 / allowed
    assert refused < CHANCE * 300 + 5


def test_what_says_that_it_is_too_fast_is_learned_from_as_well() -> None:
    took, refused = converse(Limiter(30), Bucket(10, 5), 300, says=True)
    assert took <= 1.3 * 30
    assert refused <= 8


@pytest.mark.parametrize("says", [True, False])
def test_the_rate_grows_again_once_more_is_allowed(says: bool) -> None:
    limiter, host = Limiter(30), Bucket(10, 5)
    took, _ = converse(limiter, host, 200, says=says)
    host.allowed = 1000
    converse(limiter, host, 300, NOW + took, says=says)
    assert limiter.rate == 30


def test_what_is_refused_by_chance_leaves_the_rate() -> None:
    limiter, now = Limiter(100), NOW
    for call in range(1, 2000):
        now = max(now, limiter.ready_at(1, now))
        limiter.take(1, now)
        if call % 20:
            limiter.succeeded(now)
        else:
            assert limiter.refused(now, now, THRESHOLD)
    assert limiter.rate == 100
    assert now - NOW < 1.25 * 20


@settings(max_examples=150, derandomize=True)
@given(st.floats(0.1, 100), st.lists(st.tuples(waits, st.sampled_from(["ok", "refused", "throttled", "late"])), max_size=120))
def test_the_rate_is_cut_at_most_once_a_pause_and_never_above_what_is_configured(ceiling, moves) -> None:
    limiter, now, cut_until = Limiter(ceiling), NOW, 0.0
    for wait, outcome in moves:
        now = max(now + wait, limiter.ready_at(1, now) if outcome != "late" else now)
        limiter.take(1, now)
        before, began = limiter.rate, limiter._paused_at - 1 if outcome == "late" else now
        if outcome == "ok":
            limiter.succeeded(now)
        elif outcome == "throttled":
            limiter.throttled(now, None)
        else:
            limiter.refused(began, now, THRESHOLD)
        assert ceiling / 100 <= limiter.rate <= ceiling
        if limiter.rate < before:
            assert now >= cut_until
            assert limiter.rate >= before * CUT - 1e-9
            cut_until = limiter.paused_until


def test_a_host_that_does_not_answer_any_more_fails_after_so_many_cooldowns_that_grow() -> None:
    limiter, now, pauses = Limiter(10), NOW, []
    limiter.take(1, now)
    limiter.succeeded(now)
    while limiter.refused(now, now, THRESHOLD):
        pauses.append(limiter.paused_until - now)
        now = limiter.paused_until
    assert pauses[0] < OWN_PAUSE
    assert pauses[1:] == [1, 2, 4]
    assert not limiter.refused(now + 100, now + 100, THRESHOLD), "until it answers"
    limiter.succeeded(now + 200)
    assert limiter.refused(now + 201, now + 201, THRESHOLD)
    assert limiter.paused_until - now - 201 < OWN_PAUSE


def test_a_check_that_is_answered_does_not_end_the_cooldowns() -> None:
    limiter, now = Limiter(10), NOW
    limiter.answered(now)
    while limiter.refused(now, now, THRESHOLD):
        now = limiter.paused_until
        limiter.answered(now)
    assert now - NOW == pytest.approx(7, abs=0.5)


def test_a_host_that_never_answered_or_not_lately_is_not_overloaded() -> None:
    limiter = Limiter(10)
    assert not limiter.refused(NOW, NOW, THRESHOLD)
    limiter.succeeded(NOW)
    assert not limiter.refused(NOW + 60, NOW + 60, THRESHOLD)
    assert limiter.rate == 10
    assert limiter.ready_at(1, NOW + 60) == NOW + 60


def test_what_was_in_flight_when_a_pause_began_is_overload_and_counts_for_nothing() -> None:
    limiter = Limiter(10)
    for call in range(5):
        limiter.take(1, NOW + call / 10)
    limiter.succeeded(NOW + 0.5)
    for call in range(1, 5):
        assert limiter.refused(NOW + call / 10, NOW + 0.6 + call / 100, THRESHOLD)
    assert limiter.paused_until < NOW + 1
    assert limiter.rate == pytest.approx(7)


def test_a_refusal_in_words_is_not_cut_short_by_one_without_before_it() -> None:
    limiter = Limiter(10)
    limiter.succeeded(NOW)
    limiter.take(1, NOW)
    limiter.take(1, NOW + 0.1)
    assert limiter.refused(NOW, NOW + 0.2, THRESHOLD)
    rate = limiter.rate
    limiter.throttled(NOW + 0.3, None)
    assert limiter.paused_until - NOW == pytest.approx(0.3 + OWN_PAUSE, abs=1e-3)
    assert limiter.rate == rate, "both are of one overload"


def test_a_clock_set_back_makes_no_dead_host_overloaded_for_good() -> None:
    limiter, now = Limiter(10), NOW
    limiter.succeeded(now)
    limiter.refused(now, now, THRESHOLD)
    outcomes = [limiter.refused(now - 3600 + 10 * i, now - 3600 + 10 * i, THRESHOLD) for i in range(6)]
    assert outcomes == [True, True, True, False, False, False]


def test_a_learned_rate_survives_a_restart_within_what_is_configured_then() -> None:
    limiter = Limiter(30)
    took, _ = converse(limiter, Bucket(10, 5), 100)
    for configured in (30.0, 4.0):
        again = Limiter(configured)
        again.restore(limiter.memory(), NOW + took + 100)
        assert again.rate == min(limiter.rate, configured)
    later = Limiter(30)
    later.restore(limiter.memory(), NOW + took + 3600)
    assert later.rate == 30, "an hour after the last refusal it is tried anew"
    fresh = Limiter(30)
    fresh.restore(Limiter(20).memory(), NOW)
    assert fresh.rate == 30, "nothing was learned"


def test_a_pause_that_comes_with_an_answer_holds_every_caller_and_leaves_the_rate():
    limiter = Limiter(10.0)
    limiter.hold(NOW, 30.0)
    limiter.hold(NOW + 1, 5.0)
    assert limiter.ready_at(1, NOW + 2) == NOW + 30
    assert limiter.announced_at(NOW + 2)
    assert limiter.rate == limiter.ceiling
    limiter.succeeded(NOW + 3)
    assert limiter.paused_until == NOW + 30
    limiter.hold(NOW, 1e9)
    assert limiter.paused_until == NOW + DAY


def test_a_burst_goes_at_once_and_comes_back_at_the_rate() -> None:
    limiter = Limiter(1.0, burst=900)
    assert limiter.at_once(NOW) == 900
    for _ in range(9):
        assert limiter.ready_at(100, NOW) <= NOW
        limiter.take(100, NOW)
    assert limiter.at_once(NOW) == 1.0
    assert limiter.ready_at(1, NOW) == pytest.approx(NOW + 1, abs=0.02)
    assert limiter.ready_at(50, NOW + 49) > NOW + 49
    assert limiter.ready_at(50, NOW + 50) <= NOW + 50
    assert limiter.at_once(NOW + 2_000) == 900


def test_a_burst_that_was_refused_is_lowered_and_the_rate_is_not_and_that_is_kept_for_a_day() -> None:
    limiter = Limiter(1.0, burst=900)
    limiter.take(500, NOW)
    limiter.throttled(NOW, None)
    assert limiter.rate == 1.0
    assert limiter.burst == pytest.approx(350, abs=1)
    assert limiter.at_once(NOW) == 1.0  # what went is not given back by the refusal
    for age, kept in ((3_600, 350), (90_000, 900)):
        again = Limiter(1.0, burst=900)
        again.restore(limiter.memory(), NOW + age)
        assert again.burst == pytest.approx(kept, abs=1)


def test_a_burst_outlives_the_process_and_a_clock_set_back_makes_no_longer_wait() -> None:
    limiter = Limiter(1.0, burst=900)
    limiter.take(900, NOW)
    again = Limiter(1.0, burst=900)
    again.restore(limiter.memory(), NOW + 60)
    assert again.at_once(NOW + 60) == pytest.approx(60, abs=1)
    again.restore(limiter.memory(), NOW - 10_000)
    assert again.at_once(NOW - 10_000 + 900) >= 899


def test_of_two_rows_the_smaller_burst_holds() -> None:
    limiter = Limiter(1.0, burst=900)
    limiter.tighten(1.0, (), 100)
    assert limiter.burst == 100


def test_a_burst_below_a_second_s_worth_is_not_added_to_it() -> None:
    limiter = Limiter(4.5, burst=3)
    assert limiter.at_once(NOW) == 4.5
    limiter.take(3, NOW)
    assert limiter.at_once(NOW + 0.4) == pytest.approx(1.8, abs=0.1)


def test_a_refusal_gives_nothing_of_a_burst_back() -> None:
    limiter = Limiter(2.0, burst=3)
    limiter.take(3, NOW)
    limiter.throttled(NOW, 0.0)
    assert limiter.ready_at(1, NOW) >= NOW + 0.9 - SLACK
