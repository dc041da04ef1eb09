"""No provider is asked for amounts before its peers have named the heads by which it is judged."""

from hdscan.model.errors import CallError, ReadCode
from tests.pool.virtual import START, Scripted, World, good, readings


def test_a_provider_that_lags_from_the_start_is_never_asked() -> None:
    stale = Scripted("stale", good("stale", 10), prove=lambda now: 10, latency=0.01)
    peers = [Scripted(name, good(name, 500), prove=lambda now: 500, latency=0.8) for name in ("p", "q")]
    world = World(stale, *peers).read(readings(100))
    world.check(readings(100))
    assert not stale.asked
    assert not world.unread()


def test_one_that_never_answers_delays_the_others_by_three_seconds_at_most() -> None:
    hangs = Scripted("hangs", good("hangs"), prove=lambda now: CallError(ReadCode.TIMEOUT, "no reply"), latency=15)
    peers = [Scripted(name, good(name, 500), prove=lambda now: 500, latency=0.1) for name in ("p", "q")]
    world = World(hangs, *peers).read(readings(100))
    world.check(readings(100))
    assert 3.0 <= min(peers[0].asked[0][0], peers[1].asked[0][0]) - START < 3.2


def test_two_hosts_have_nobody_to_judge_them_and_need_not_wait() -> None:
    slow = Scripted("slow", good("slow"), latency=10)
    quick = Scripted("quick", good("quick"), latency=0.1)
    World(slow, quick).read(readings(20))
    assert quick.asked[0][0] - START < 0.2


def test_one_whose_rate_keeps_it_from_naming_its_head_in_time_is_not_waited_for() -> None:
    rare = Scripted("rare", good("rare"), prove=lambda now: None, latency=0.1)
    peers = [Scripted(name, good(name, 500), prove=lambda now: 500, latency=0.1) for name in ("p", "q")]
    world = World(rare, *peers, rates={"rare": 0.1, "p": 100.0, "q": 100.0}).read(readings(100))
    world.check(readings(100))
    assert min(peers[0].asked[0][0], peers[1].asked[0][0]) - START < 0.5
