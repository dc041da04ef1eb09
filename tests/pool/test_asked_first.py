"""Who is asked first: the user's own node, and one whose call takes all there is."""

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Reply
from hdscan.model.reading import Kind, ReadError
from hdscan.pool.dispatcher import GATHER
from hdscan.pool.policy import Policy
from tests.pool.virtual import COIN, START, USDT, Scripted, World, balance, during, failing, good, readings


def told(provider: Scripted) -> set[int]:
    return {reading.index for _, asked in provider.asked for reading in asked}


def test_a_trusted_provider_reads_all_that_it_can_however_fast_the_others_are():
    own = Scripted("own", good("own"), trusted=True, capacity=5)
    public = Scripted("public", good("public"), capacity=100)
    world = World(own, public, rates={"own": 5.0, "public": 100.0}).read(readings(200))
    world.check(readings(200))
    assert told(own) == set(range(200))
    assert not public.asked


def test_others_read_what_a_trusted_one_failed_and_nothing_else():
    def no_seven(asked, now):
        bad = ReadError(ReadCode.ITEM_ERROR, "no")
        return Reply(tuple(bad if r.index == 7 else balance(r, now, "own") for r in asked))

    own, public = Scripted("own", no_seven, trusted=True), Scripted("public", good("public"))
    world = World(own, public).read(readings(50))
    world.check(readings(50))
    assert not world.unread()
    assert told(public) == {7}


def test_while_a_trusted_one_is_dead_the_others_read_and_when_it_is_back_it_is_first_again():
    own = Scripted("own", during(2, 20, failing(ReadCode.UNREACHABLE), good("own")), trusted=True)
    public = Scripted("public", good("public"))
    world = World(own, public, rates={"own": 2.0, "public": 1.0})
    world.pool.submit(0, readings(20))
    world.run(until=1.9)
    assert not public.asked
    world.pool.submit(0, readings(200, first=20))
    world.run()
    assert public.asked
    world.now = START + 60
    world.pool.submit(0, readings(30, first=220))  # of these one call to it is the probe
    world.run()
    asked = len(public.asked)
    world.pool.submit(0, readings(100, first=250))
    world.run()
    world.check(readings(350))
    assert not world.unread()
    assert len(public.asked) == asked
    assert set(range(250, 350)) <= told(own)


def test_others_do_not_wait_for_a_trusted_one_that_is_paused_for_long_or_cannot_prove_its_chain():
    paused = Scripted("paused", failing(ReadCode.THROTTLED, retry_after="3600"), trusted=True)
    syncing = Scripted("syncing", good("syncing"), trusted=True, prove=lambda now: CallError(ReadCode.STALE, "syncing"))
    for own in (paused, syncing):
        world = World(own, Scripted("public", good("public"))).read(readings(100))
        world.check(readings(100))
        assert not world.unread()
        assert world.elapsed < 10


def test_a_call_for_both_kinds_takes_nothing_that_a_trusted_one_serves():
    own = Scripted("own", good("own"), trusted=True, methods={Kind.NATIVE: "native"})
    public = Scripted("public", good("public"))
    world = World(own, public).read(readings(60, COIN, USDT))
    world.check(readings(60, COIN, USDT))
    assert {r.asset.symbol for _, asked in own.asked for r in asked} == {"BNB"}
    assert {r.asset.symbol for _, asked in public.asked for r in asked} == {"USDT"}


def test_a_call_that_takes_all_waits_for_what_still_comes_and_is_alone():
    whole = Scripted("whole", good("whole"), gathers=True, capacity=100)
    whole.hang = lambda now: 200.0 if now > START + GATHER / 2 else None  # but not of its proof
    public = Scripted("public", good("public"))
    world = World(whole, public)
    for number in range(5):
        world.pool.submit(number, readings(30, first=30 * number))
        world.run(until=0.5 * number)
    world.pool.submit(5, readings(30, first=150))
    world.run()
    world.check(readings(180))
    (at, first), (later, rest) = whole.asked
    assert (len(first), len(rest)) == (100, 80)
    assert at - START < 5 * 0.5 + GATHER
    assert later - at >= 200
    assert not public.asked


def test_a_call_of_minutes_is_no_outage():
    whole = Scripted("whole", good("whole"), gathers=True, capacity=10)
    whole.hang = lambda now: 400.0 if now > START else None  # but not its proof
    world = World(whole, policy=Policy(outage_limit=60.0)).read(readings(25))
    assert world.halt is None
    world.check(readings(25))
    assert not world.unread()


def test_what_it_failed_is_read_by_others_at_their_pace():
    dead = Scripted("dead", failing(ReadCode.UNREACHABLE), gathers=True, capacity=1000)
    public = Scripted("public", good("public"))
    world = World(dead, public).read(readings(300))
    world.check(readings(300))
    assert not world.unread()
    assert world.elapsed < 10


def test_a_call_that_takes_all_is_not_made_smaller_by_failures_which_would_make_many_of_it():
    whole = Scripted("whole", during(0, 40, failing(ReadCode.UNREACHABLE), good("whole")), gathers=True, capacity=1000)
    world = World(whole).read(readings(300))
    world.check(readings(300))
    assert not world.unread()
    assert max(len(asked) for at, asked in whole.asked if at > START + 40) >= 299  # a probe may have gone before
    assert sum(at > START + 40 for at, _ in whole.asked) <= 2
