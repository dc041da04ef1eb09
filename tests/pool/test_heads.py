"""Who lags: judged by the second-highest of the others."""

import pytest

from hdscan.pool.heads import Heads

NOW = 1_700_000_000.0


def heads(**named: int) -> Heads:
    found = Heads(tolerance=5)
    for name, head in named.items():
        found.record(name, head, NOW, NOW)
    return found


@pytest.mark.parametrize(("head", "lag"), [(100, 0), (95, 0), (94, 6), (10, 90), (10**9, 0)])
def test_a_head_lags_when_it_is_behind_its_peers_by_more_than_the_tolerance(head, lag):
    assert heads(p=100, q=100).lag("x", head) == lag


def test_one_lying_leader_makes_nobody_stale():
    assert heads(liar=10**9, p=100).lag("x", 98) == 0
    assert heads(liar=10**9, p=100, x=98).lag("p", 100) == 0


def test_the_second_highest_decides():
    assert heads(liar=10**9, p=100, q=80).lag("x", 90) == 10


def test_with_fewer_than_two_peers_nobody_is_judged():
    assert heads().lag("x", 0) == 0
    assert heads(p=100).lag("x", 0) == 0


def test_an_endpoint_is_not_its_own_peer():
    assert heads(x=10**9, p=10**9).lag("x", 1) == 0


def test_an_endpoint_of_another_chain_is_no_peer():
    found = heads(p=100, q=100)
    found.forget("q")
    found.forget("never heard of")
    assert found.lag("x", 1) == 0


def test_the_latest_head_and_its_time_are_known():
    found = heads(p=100)
    found.record("p", 120, NOW + 20, NOW + 20)
    assert (found.of("p"), found.at("p")) == (120, NOW + 20)
    assert (found.of("x"), found.at("x")) == (None, None)


def test_peers_that_speak_later_judge_those_that_spoke_just_before():
    found = heads(x=10)
    found.record("p", 100, NOW + 1, NOW + 1)
    assert found.laggards(NOW + 1) == []
    found.record("q", 101, NOW + 2, NOW + 2)
    assert found.laggards(NOW + 2) == [("x", 10, 90)]


def test_a_head_of_a_while_ago_is_not_held_against_anybody():
    found = heads(x=10)
    found.record("p", 100, NOW + 20, NOW + 20)
    found.record("q", 100, NOW + 20, NOW + 20)
    assert found.laggards(NOW + 20) == []


@pytest.mark.parametrize(
    ("head", "asked", "fell", "sinks"),
    [(100, 1, False, False), (99, 1, True, False), (95, 1, True, False), (94, 1, True, True), (94, 0, False, True)],
)
def test_a_head_falls_below_one_that_was_named_when_it_was_asked_for(head, asked, fell, sinks):
    found = heads(x=100)
    assert found.has_sunk("x", head) is sinks
    assert found.record("x", head, NOW + asked, NOW + 2) is fell
    assert found.level("x") is not fell


def test_a_head_that_is_back_where_it_was_is_level_again():
    found = heads(x=100)
    found.record("x", 99, NOW + 1, NOW + 1)
    found.record("x", 98, NOW, NOW + 2)
    assert not found.level("x")
    assert not found.record("x", 100, NOW + 3, NOW + 3)
    assert found.level("x")


def test_who_is_merely_late_has_not_sunk():
    found = heads(x=100, p=100, q=100)
    assert not found.has_sunk("x", 50)
    found.record("p", 60, NOW + 1, NOW + 1)
    found.record("q", 60, NOW + 1, NOW + 1)
    assert found.has_sunk("x", 60), "its peers fell too"
    assert found.record("x", 60, NOW + 1, NOW + 1)
    assert found.roll_back("x") == (100, 60)
    assert not found.record("x", 60, NOW + 2, NOW + 2)
    assert found.level("x")
