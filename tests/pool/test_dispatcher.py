"""The calls to make: one tip per endpoint, windows used to their last unit, the only provider left for a retry first."""

from itertools import pairwise

from hdscan.model.errors import ReadCode
from hdscan.model.provider import Reply
from hdscan.model.reading import Kind, ReadError
from hdscan.pool.actions import ReadCall
from hdscan.pool.limiter import MINUTE
from tests.pool.virtual import COIN, START, USDT, Scripted, World, balance, failing, good, readings


def test_one_tip_call_per_endpoint_every_twenty_seconds():
    a = Scripted("a", good("a"), endpoint="host", states_head=False, latency=1.0, capacity=1)
    b = Scripted("b", good("b"), endpoint="host", states_head=False, latency=1.0, capacity=1)
    world = World(a, b, rates={"host": 10}).read(readings(1))
    a.checks.clear()
    b.checks.clear()
    world.pool.submit(0, readings(1_000))
    world.run(until=70)
    tips = sorted(a.checks + b.checks)
    assert 3 <= len(tips) <= 4
    assert all(later - earlier >= 20 for earlier, later in pairwise(tips))


def test_no_amount_is_read_without_a_height_while_the_first_tip_is_on_its_way():
    heights = []
    a = Scripted("a", good("a"), states_head=False, latency=0.5, prove=lambda now: None if now < START + 0.1 else 100)
    world = World(a, rates={"a": 50})
    decide = world.pool.step

    def step(now):
        decided = decide(now)
        heights.extend(call.height for call in decided.calls if isinstance(call, ReadCall))
        return decided

    world.pool.step = step
    world.read(readings(50))
    assert set(heights) == {100}


def test_a_tip_that_is_not_answered_does_not_keep_readings_waiting():
    answers = iter([None])
    a = Scripted("a", good("a"), states_head=False, prove=lambda now: next(answers, failing()((), now)))
    world = World(a).read(readings(50))
    world.check(readings(50))
    assert not world.unread()
    assert world.elapsed < 5


def test_a_window_is_never_exceeded_though_everybody_looks_ahead():
    a = Scripted("a", good("a"), capacity=1)
    b = Scripted("b", failing(), capacity=1)
    world = World(a, b, rates={"a": 10, "b": 1}, windows={"a": [(MINUTE, 20)]}).read(readings(70))
    world.check(readings(70))
    times = [t for t, _ in a.asked] + a.checks
    assert all(sum(t <= other < t + MINUTE for other in times) <= 20 for t in times)


def test_a_batch_is_cut_to_what_is_left_of_a_window():
    a = Scripted("a", good("a"), capacity=20, costs_items=True)
    world = World(a, rates={"a": 1000}, windows={"a": [(MINUTE, 51)]}).read(readings(100))
    world.check(readings(100))
    assert [len(asked) for _, asked in a.asked][:3] == [20, 20, 10]  # and the proof
    assert not world.unread()
    assert world.elapsed < 2.1 * MINUTE


def test_a_reading_that_weighs_more_than_what_is_left_of_a_window_waits_for_the_next():
    a = Scripted("a", good("a"), capacity=9, costs_items=True, methods={Kind.NATIVE: "n", Kind.TOKEN: "t"})
    a.weight = {Kind.NATIVE: 1, Kind.TOKEN: 2}
    world = World(a, rates={"a": 1000}, windows={"a": [(MINUTE, 6)]}).read(readings(4, USDT))
    world.check(readings(4, USDT))
    assert not world.unread()


def test_what_one_protocol_of_a_host_failed_is_not_crowded_out_by_it_from_the_other():
    def no_seven(asked, now):
        bad = ReadError(ReadCode.REVERTED, "no")
        return Reply(tuple(bad if r.index == 7 else balance(r, now, "multi") for r in asked))

    multi = Scripted("multi", no_seven, endpoint="host", capacity=100, latency=0.01)
    single = Scripted("single", good("single"), endpoint="host", capacity=20, latency=0.01)
    world = World(multi, single, rates={"host": 2}).read(readings(5000))
    world.check(readings(5000))
    seven = next(r for r in world.results if r.reading.index == 7)
    assert seven.outcome.source == "single"
    assert seven.outcome.observed_at < START + 5
    assert len(single.asked) <= 2


def test_a_dead_multicall_never_stops_single_calls_on_the_same_host():
    multi = Scripted("multi", failing(), endpoint="host", capacity=100)
    single = Scripted("single", good("single"), endpoint="host", capacity=20)
    world = World(multi, single, rates={"host": 10}).read(readings(500, COIN, USDT))
    world.check(readings(500, COIN, USDT))
    assert not world.unread()
    assert world.upstreams["single"].breakers[Kind.NATIVE].state == "closed"


def test_no_batch_waits_for_a_slow_provider():
    slow = Scripted("slow", good("slow"), latency=14.0, capacity=1)
    quick = Scripted("quick", good("quick"), latency=0.1, capacity=1)
    world = World(slow, quick, rates={"slow": 2, "quick": 10}).read(readings(300))
    world.check(readings(300))
    by_quick = [r.outcome.observed_at for r in world.results if r.outcome.source == "quick"]
    assert len(by_quick) > 250
    assert world.elapsed < 45


def test_the_last_work_is_shared_not_taken_by_one():
    a, b = Scripted("a", good("a"), capacity=2), Scripted("b", good("b"), capacity=2)
    World(a, b).read(readings(4))
    assert len(a.asked) == len(b.asked) == 1


def test_everybody_reaches_its_rate():
    providers = [Scripted(n, good(n), capacity=1, methods={Kind.NATIVE: "n"}, latency=0.3) for n in "abc"]
    world = World(*providers, rates={"a": 5, "b": 3, "c": 5}).read(readings(1300))
    assert world.elapsed < 100 / 0.97 + 1


def test_tokens_do_not_starve_behind_natives_where_kinds_cannot_be_mixed():
    a = Scripted("a", good("a"), methods={Kind.NATIVE: "n", Kind.TOKEN: "t"})
    world = World(a, rates={"a": 10}).read(readings(200, COIN, USDT))
    first_token = next(i for i, (_, asked) in enumerate(a.asked) if not asked[0].asset.is_native)
    assert first_token <= 2
    world.check(readings(200, COIN, USDT))
