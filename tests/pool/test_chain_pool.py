"""The pool's decisions, row by row of docs/resilience.md, under virtual time."""

import itertools

import pytest

from hdscan.model.chain import Finality
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import MISSING, Head, Reply
from hdscan.model.reading import Kind, ReadError
from hdscan.pool.actions import Quarantined, ShortReply
from hdscan.pool.chain_pool import ChainPool
from hdscan.pool.effects import Trust
from hdscan.pool.policy import Policy
from tests.pool.virtual import CHAIN, COIN, START, USDT, Scripted, World, balance, during, failing, good, readings


@pytest.mark.parametrize("n", [0, 1, 9, 10, 11, 31])
def test_readings_out_are_readings_in(n):
    work = readings(n, COIN, USDT)
    world = World(Scripted("a", good("a"))).read(work)
    world.check(work)
    assert not world.unread()


def test_work_is_shared_by_all_that_are_free():
    a, b = Scripted("a", good("a"), latency=0.1), Scripted("b", good("b"), latency=2.0)
    world = World(a, b, rates={"a": 10, "b": 10}).read(readings(500))
    assert len(a.asked) + len(b.asked) == 50
    assert len(b.asked) >= 10
    world.check(readings(500))


@pytest.mark.parametrize("fault", [ReadCode.TIMEOUT, ReadCode.UNREACHABLE, ReadCode.SERVER_ERROR, ReadCode.MALFORMED])
def test_a_failed_call_goes_to_another_provider_and_counts_for_the_breaker(fault):
    bad = Scripted("bad", failing(fault))
    world = World(bad, Scripted("good", good("good"))).read(readings(200))
    world.check(readings(200))
    assert not world.unread()
    assert world.upstreams["bad"].breakers[Kind.NATIVE].state == "open"
    assert len(bad.asked) <= 12  # those in flight before the third failure came back


def test_throttling_is_neutral_pauses_the_endpoint_and_lowers_its_rate():
    slow = Scripted("slow", during(0, 1, failing(ReadCode.THROTTLED, retry_after="7"), good("slow")), endpoint="host")
    other = Scripted("other", good("other"), endpoint="host", methods={Kind.NATIVE: "n"}, capacity=2)
    world = World(slow, other, rates={"host": 10}).read(readings(100))
    world.check(readings(100))
    assert not world.unread()
    assert world.upstreams["slow"].breakers[Kind.NATIVE].state == "closed"
    first = slow.asked[0][0]
    after = [t for t, _ in slow.asked + other.asked if t > first + 0.1]  # calls on the wire are finished
    assert min(after) >= first + 0.1 + 7
    assert world.limiters["host"].rate < 10


def test_a_lone_paused_provider_is_waited_for_not_given_up():
    lone = Scripted("lone", during(0.5, 1, failing(ReadCode.THROTTLED, retry_after="120"), good("lone")))
    world = World(lone, rates={"lone": 5}).read(readings(200))
    world.check(readings(200))
    assert not world.unread()
    assert world.elapsed > 120


def test_a_pause_longer_than_the_outage_limit_stops_and_says_when_to_come_back():
    world = World(Scripted("lone", failing(ReadCode.THROTTLED, retry_after="3600"))).read(readings(5))
    assert world.halt is not None
    assert "scan again at 2023-11-14T23:1" in world.halt.reason
    assert not world.results


def test_time_in_announced_pauses_does_not_count_as_outage():
    lone = Scripted("lone", during(0, 1200, failing(ReadCode.THROTTLED, retry_after="300"), good("lone")))
    world = World(lone).read(readings(5))
    world.check(readings(5))
    assert not world.unread()


def test_a_spent_quota_pauses_long_without_tripping_the_breaker():
    spent = Scripted("spent", failing(ReadCode.QUOTA))
    world = World(spent, Scripted("good", good("good"))).read(readings(100))
    world.check(readings(100))
    assert all(t <= spent.asked[0][0] + 0.1 for t, _ in spent.asked)
    assert world.limiters["spent"].paused_until >= START + 3600
    assert world.upstreams["spent"].breakers[Kind.NATIVE].state == "closed"


def test_a_bad_key_disables_the_provider():
    bad = Scripted("bad", failing(ReadCode.BAD_KEY))
    world = World(bad, Scripted("good", good("good"))).read(readings(100))
    world.check(readings(100))
    assert world.upstreams["bad"].trust is Trust.DISABLED


def test_all_providers_disabled_stops_at_once():
    world = World(Scripted("bad", failing(ReadCode.BAD_KEY))).read(readings(3))
    assert world.halt is not None
    assert "bad: it failed" in world.halt.reason
    assert world.elapsed < 5


def test_a_wrong_chain_is_quarantined_before_its_first_reading():
    wrong = Scripted("wrong", good("wrong"), prove=lambda now: CallError(ReadCode.WRONG_CHAIN, "chain 97, not 56"))
    world = World(wrong, Scripted("good", good("good"))).read(readings(30))
    world.check(readings(30))
    assert not wrong.asked
    assert Quarantined("wrong", "chain 97, not 56") in world.events


def test_an_unanswered_proof_is_tried_again_later():
    late = Scripted("late", good("late"), prove=during(0, 20, failing(), lambda a, now: 7).__get__(()))
    world = World(late).read(readings(30))
    world.check(readings(30))
    assert 20 < world.elapsed < 52


def test_a_lagging_provider_is_set_aside_until_it_catches_up():
    old = Scripted("old", during(0, 25, good("old", 10), good("old", 200)), prove=lambda now: 10 if now < START + 25 else 200)
    peers = [Scripted(n, good(n, 200), prove=lambda now: 200, latency=0.01) for n in ("p", "q")]
    world = World(old, *peers, rates={"p": 1, "q": 1, "old": 50}).read(readings(1000))
    world.check(readings(1000))
    assert not any(r.outcome.source == "old" and r.outcome.observed_at < START + 25 for r in world.results)
    assert any(r.outcome.source == "old" for r in world.results)


def test_one_lying_leader_makes_nobody_lag():
    world = World(Scripted("liar", good("liar", 10**9)), Scripted("a", good("a", 100)), Scripted("b", good("b", 101))).read(
        readings(100)
    )
    assert all(upstream.trust is Trust.TRUSTED for upstream in world.upstreams.values())


def test_too_large_halves_the_batch_at_the_same_provider_and_remembers():
    def capped(asked, now):
        return CallError(ReadCode.TOO_LARGE, "3 at most") if len(asked) > 3 else good("a")(asked, now)

    a = Scripted("a", capped, capacity=20)
    world = World(a, rates={"a": 10}).read(readings(200))
    world.check(readings(200))
    assert not world.unread()
    assert world.upstreams["a"].sizes[Kind.NATIVE].limit == 2
    assert sum(len(asked) > 3 for _, asked in a.asked) < 15
    assert world.upstreams["a"].breakers[Kind.NATIVE].state == "closed"


def test_an_item_error_goes_alone_to_another_provider():
    def one_bad(asked, now):
        return Reply(tuple(ReadError(ReadCode.ITEM_ERROR, "no") if r.index == 7 else balance(r, now, "a") for r in asked))

    b = Scripted("b", good("b"), latency=1)
    world = World(Scripted("a", one_bad), b, rates={"b": 0.5}).read(readings(100))
    world.check(readings(100))
    assert not world.unread()
    assert next(r for r in world.results if r.reading.index == 7).outcome.source == "b"


def test_an_item_that_everybody_fails_ends_unread_with_every_providers_reason():
    def one_bad(text):
        return lambda asked, now: Reply(
            tuple(ReadError(ReadCode.ITEM_ERROR, text) if r.index == 7 else balance(r, now, "x") for r in asked)
        )

    world = World(Scripted("a", one_bad("a says no")), Scripted("b", one_bad("b says no"))).read(readings(40))
    world.check(readings(40))
    [result] = world.unread()
    assert result.reading.index == 7
    assert result.error.providers == {"a": "a says no", "b": "b says no"}
    assert result.error.code is ReadCode.ITEM_ERROR


def test_a_poisonous_reading_costs_only_itself():
    def poisoned(asked, now):
        return CallError(ReadCode.SERVER_ERROR, "500") if any(r.index == 13 for r in asked) else good("x")(asked, now)

    world = World(Scripted("a", poisoned), Scripted("b", poisoned)).read(readings(60))
    world.check(readings(60))
    assert [r.reading.index for r in world.unread()] == [13]


def test_a_poisonous_reading_among_the_last_costs_only_itself():
    def poisoned(asked, now):
        return CallError(ReadCode.SERVER_ERROR, "500") if any(r.index == 0 for r in asked) else good("x")(asked, now)

    world = World(Scripted("a", poisoned)).read(readings(8))
    assert world.halt is None or len(world.amounts()) == 7


def test_a_short_reply_is_fetched_again_in_halves_and_what_stays_missing_is_an_error():
    def short(asked, now):
        outcomes = [MISSING if len(asked) > 2 or r.index == 5 else balance(r, now, "a") for r in asked]
        return Reply(tuple(outcomes), None, len(asked) + 1, len(asked))

    a = Scripted("a", short, capacity=8)
    world = World(a).read(readings(8))
    world.check(readings(8))
    assert [len(asked) for _, asked in a.asked][:2] == [8, 4]
    [gap] = world.unread()
    assert gap.reading.index == 5
    assert gap.error.code is ReadCode.MISSING
    assert ShortReply("a", 9, 8) in world.events


def test_dead_tokens_never_stop_native_reads():
    def tokens_dead(asked, now):
        dead = any(not r.asset.is_native for r in asked)
        return CallError(ReadCode.SERVER_ERROR, "tokens are down") if dead else good("a")(asked, now)

    work = readings(100, COIN, USDT)
    world = World(Scripted("a", tokens_dead), Scripted("b", tokens_dead)).read(work)
    world.check(work)
    assert world.halt is None
    assert {r.reading.asset.symbol for r in world.unread()} == {"USDT"}
    assert len(world.unread()) == 100
    assert world.elapsed < 120


def test_while_nothing_succeeds_nothing_ends_and_the_same_work_is_offered_again():
    lone = Scripted("lone", during(0, 300, failing(), good("lone")))
    world = World(lone).read(readings(30))
    world.check(readings(30))
    assert not world.unread()
    assert world.elapsed < 300 + 31
    assert len(lone.asked) < 40


def test_an_outage_in_the_middle_loses_nothing():
    providers = [Scripted(n, during(2, 100, failing(), good(n))) for n in "abc"]
    world = World(*providers, rates=dict.fromkeys("abc", 5.0)).read(readings(600, COIN, USDT))
    world.check(readings(600, COIN, USDT))
    assert len(world.unread()) <= 30  # only what was in flight at its edge
    assert world.elapsed < 100 + 31 + 100


def test_a_chain_without_success_stops_after_the_outage_limit():
    world = World(Scripted("a", failing()), policy=Policy(outage_limit=100)).read(readings(30))
    assert world.halt is not None
    assert "no provider answered for 100 s: a: it failed" in world.halt.reason
    assert 99 < world.elapsed < 131
    assert not world.results


def test_an_open_breaker_lets_one_call_through_at_a_time():
    a = Scripted("a", during(0, 60, failing(ReadCode.TIMEOUT), good("a")), latency=3, methods={Kind.NATIVE: "n"})
    world = World(a).read(readings(300))
    world.check(readings(300))
    probes = [t for t, _ in a.asked if START + 10 < t < START + 60]
    assert all(later - earlier > 3 for earlier, later in itertools.pairwise(probes))


def test_retries_do_not_become_the_load():
    def half(asked, now):
        return Reply(tuple(ReadError(ReadCode.ITEM_ERROR, "no") for _ in asked))

    b = Scripted("b", good("b"), capacity=1)
    world = World(Scripted("a", half, capacity=1), b, rates={"a": 100, "b": 100}).read(readings(400))
    world.check(readings(400))


def test_an_asset_that_nobody_serves_ends_at_once():
    native_only = Scripted("a", good("a"), methods={Kind.NATIVE: "n"})
    work = readings(10, COIN, USDT)
    world = World(native_only).read(work)
    world.check(work)
    assert {r.error.code for r in world.unread()} == {ReadCode.NO_PROVIDER}
    assert len(world.unread()) == 10


def test_cancelled_calls_leave_their_readings_untouched():
    a = Scripted("a", failing())
    world = World(a)
    world.pool.submit(0, readings(5))
    [check] = world.pool.step(START).calls
    world.finish(check, Head(1), START)
    [call] = world.pool.step(START + 1).calls
    world.pool.replies.cancelled(call)
    assert world.upstreams["a"].breakers[Kind.NATIVE].state == "closed"
    a.behaviour = good("a")
    world.now = START + 2
    world.run()
    world.check(readings(5))


def test_who_is_off_is_named_where_nobody_is_left():
    pool = ChainPool(CHAIN, Finality(), [], Policy(), jitter=lambda: 0.0, off=["helius: HELIUS_API_KEY is not set"])
    pool.submit(0, readings(1))
    stop = pool.step(START).halt
    assert stop is not None
    assert stop.reason == "no provider is left: helius: HELIUS_API_KEY is not set"


def test_what_nobody_may_be_asked_ends_at_once_while_somebody_is_able() -> None:
    world = World(Scripted("a", good("a")), Scripted("b", good("b")))
    work = readings(3)
    world.read(work, excluded=frozenset({"a", "b"}))
    assert {result.error.code for result in world.results if result.error} == {ReadCode.NO_PROVIDER}
    assert len(world.results) == 3
    assert not any(provider.asked for provider in world.providers)
    (error,) = {result.error.message for result in world.results if result.error}
    assert "a: not asked: this question was for another operator" in error


def test_what_only_a_dead_provider_may_be_asked_ends_while_another_lives() -> None:
    world = World(Scripted("alive", good("alive")), Scripted("dead", failing()))
    world.pool.remember(readings(1, first=9)[0])  # what was read before tells who is alive
    world.read(readings(2), excluded=frozenset({"alive"}))
    assert [result.error is not None for result in world.results] == [True, True]
    assert world.halt is None
    assert world.elapsed < 120


def test_two_lost_audits_put_a_host_out_of_service_with_all_its_protocols() -> None:
    world = World(
        Scripted("a", good("a"), endpoint="host"), Scripted("a2", good("a2"), endpoint="host"), Scripted("b", good("b"))
    )
    assert world.pool.contradict("a", "it said 0") == []
    assert world.upstreams["a"].trust is not Trust.QUARANTINED
    assert [(n.provider, n.code) for n in world.pool.contradict("a", "again")] == [
        ("a", ReadCode.CONTRADICTED),
        ("a2", ReadCode.CONTRADICTED),
    ]
    assert world.pool.contradict("gone", "it is configured no more") == []
    world.read(readings(5))
    assert not world.providers[0].asked
