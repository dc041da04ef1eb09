"""Who lags: judged by the second-highest of the others."""

import pytest

from hdscan.model.provider import Head
from hdscan.pool.chain_watch import ChainWatch, Lagging, RolledBack
from hdscan.pool.policy import Policy
from hdscan.pool.upstreams import Upstreams

NOW = 1_700_000_000.0


def watch(**named: int) -> ChainWatch:
    found = ChainWatch(Upstreams([], Policy()), 5, reorganises=True)
    for name, head in named.items():
        say(found, name, head)
    return found


def say(of: ChainWatch, name: str, head: int, after: float = 0) -> object:
    return of.head(name, Head(head), NOW + after, NOW + after, names_blocks=False)


@pytest.mark.parametrize(("head", "lag"), [(100, 0), (95, 0), (94, 6), (10, 90), (10**9, 0)])
def test_a_head_lags_when_it_is_behind_its_peers_by_more_than_the_tolerance(head, lag):
    assert watch(p=100, q=100).lag("x", head) == lag


def test_one_lying_leader_makes_nobody_lag():
    assert watch(liar=10**9, p=100).lag("x", 98) == 0
    assert watch(liar=10**9, p=100, x=98).lag("p", 100) == 0


def test_the_second_highest_decides():
    assert watch(liar=10**9, p=100, q=80).lag("x", 90) == 10


def test_with_fewer_than_two_peers_nobody_is_judged():
    assert watch().lag("x", 0) == 0
    assert watch(p=100).lag("x", 0) == 0


def test_an_endpoint_is_not_its_own_peer():
    assert watch(x=10**9, p=10**9).lag("x", 1) == 0


def test_a_peer_that_falls_further_than_any_chain_is_undone_still_shows_how_far_it_had_come():
    found = watch(p=900_000, q=900_000)
    say(found, "q", 900, 10)  # a reply that broke off
    say(found, "q", 900, 20)
    assert found.lag("x", 899_988) == 12
    say(found, "q", 899_000, 30)
    assert found.lag("x", 899_988) == 12
    say(found, "q", 899_001, 40)
    assert found.lag("x", 899_988) == 0, "its chain was undone"
    say(found, "q", 900, 50)
    say(found, "q", 900, 700)
    assert found.lag("x", 880_000) == 0, "so long ago that nobody remembers"


def test_an_endpoint_of_another_chain_is_no_peer():
    found = watch(p=100, q=100)
    found.forget("q")
    found.forget("never heard of")
    assert found.lag("x", 1) == 0


def test_the_latest_head_and_its_time_are_known():
    found = watch(p=100)
    say(found, "p", 120, 20)
    assert (found.at("p").height, found.at("p").named_at) == (120, NOW + 20)
    assert (found.at("x").height, found.at("x").named_at) == (None, None)


def test_peers_that_speak_later_judge_those_that_spoke_just_before():
    found = watch(x=10)
    say(found, "p", 100, 1)
    assert found.laggards(NOW + 1) == []
    say(found, "q", 101, 2)
    assert found.laggards(NOW + 2) == [Lagging("x", "its head 10 is 90 behind its peers'")]


def test_a_head_of_a_while_ago_is_not_held_against_anybody():
    found = watch(x=10)
    say(found, "p", 100, 20)
    say(found, "q", 100, 20)
    assert found.laggards(NOW + 20) == []


def test_who_is_merely_late_has_not_been_rolled_back():
    found = watch(x=100, p=100, q=100)
    found.final_check = True  # so that a fall within the tolerance may still come back
    assert say(found, "x", 50, 1) is None
    say(found, "p", 60, 2)
    say(found, "q", 60, 2)
    assert say(found, "x", 60, 3) == RolledBack("x", 61, 0, "its head fell from 100 to 60"), "its peers fell too"
    assert say(found, "x", 60, 4) is None
    assert not found.at("x").low


@pytest.mark.parametrize(("head", "rolled_back"), [(99, False), (95, False), (94, True)])
def test_a_head_that_falls_beyond_the_tolerance_is_rolled_back_at_once(head, rolled_back):
    found = watch(x=100)
    found.final_check = True
    assert (type(say(found, "x", head, 1)) is RolledBack) is rolled_back
