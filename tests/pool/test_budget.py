"""Retries wait so that they never become the load; backoff doubles up to its longest."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdscan.pool.budget import FIRST, LARGEST, PER_SECOND, SHARE, RetryBudget, backoff

NOW = 1_700_000_000.0


def spent(now: float = NOW) -> RetryBudget:
    budget = RetryBudget()
    while budget.ready_at(now) <= now:
        budget.retry(now)
    return budget


def test_a_few_retries_are_free_at_first():
    budget = RetryBudget()
    for _ in range(int(FIRST)):
        assert budget.ready_at(NOW) <= NOW
        budget.retry(NOW)
    assert budget.ready_at(NOW) > NOW


def test_one_retry_a_second_accrues():
    budget = spent()
    assert budget.ready_at(NOW) == NOW + 1 / PER_SECOND
    assert budget.ready_at(NOW + 1) == NOW + 1


def test_five_calls_earn_one_retry():
    budget = spent()
    for _ in range(int(1 / SHARE)):
        assert budget.ready_at(NOW) > NOW
        budget.first()
    assert budget.ready_at(NOW) == NOW


def test_it_delays_but_never_refuses():
    budget = spent()
    for _ in range(100):
        now = budget.ready_at(NOW)
        assert now <= NOW + 200
        budget.retry(now)


@settings(max_examples=150, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(["call", "retry", "wait"]), st.floats(0, 20)), max_size=200))
def test_retries_are_at_most_a_fifth_of_the_calls_and_one_a_second(moves):
    budget, now, calls, retries = RetryBudget(), NOW, 0, 0
    for move, seconds in moves:
        if move == "call":
            budget.first()
            calls += 1
        elif move == "wait":
            now += seconds
        elif budget.ready_at(now) <= now:
            budget.retry(now)
            retries += 1
        assert retries <= FIRST + SHARE * calls + PER_SECOND * (now - NOW) + 1e-6


def test_backoff_doubles_up_to_its_longest():
    assert [backoff(n, 1.0, 30.0, 0.0) for n in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert backoff(10**6, 1.0, 30.0, 0.0) == 30


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_jitter_shortens_a_wait_by_a_fifth_at_most(jitter):
    assert 24 < backoff(9, 1.0, 30.0, jitter) <= 30


def test_what_is_saved_up_has_an_end():
    budget = spent()
    assert budget.ready_at(NOW + 1e6) == NOW + 1e6
    for _ in range(int(LARGEST)):
        budget.retry(NOW + 1e6)
    assert budget.ready_at(NOW + 1e6) > NOW + 1e6
