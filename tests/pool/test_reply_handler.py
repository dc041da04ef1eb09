"""What an outcome means beyond its own call: trust, separate work, what is quarantined and what is discarded."""

from itertools import pairwise

import pytest

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head, Reply
from hdscan.model.reading import Kind, ReadError
from hdscan.pool.actions import FinalCheckDone, ProveCall, Quarantined, ReadCall, TipCall
from hdscan.pool.effects import Trust
from hdscan.pool.limiter import HOUR
from tests.pool.virtual import COIN, START, USDT, Scripted, World, balance, during, failing, good, readings

NATIVE_ONLY = {Kind.NATIVE: "n"}


def trusted(*providers, **more):
    """A world whose providers have proven their chain."""
    world = World(*providers, **more)
    world.pool.submit(0, readings(1))
    checks = [call for call in world.pool.step(START).calls if isinstance(call, ProveCall)]
    for call in checks:
        world.finish(call, Head(100), START)
    world.run()
    world.results.clear()
    return world


def calls(world, work, now=START + 10):
    world.pool.submit(0, work)
    return [call for call in world.pool.step(now).calls if isinstance(call, ReadCall)]


@pytest.mark.parametrize(
    "fault",
    [ReadCode.THROTTLED, ReadCode.QUOTA, ReadCode.BAD_KEY, ReadCode.WRONG_CHAIN, ReadCode.STALE, ReadCode.TOO_LARGE],
)
def test_what_says_nothing_of_the_provider_is_neutral_for_its_breaker(fault):
    world = trusted(Scripted("a", good("a")))
    breaker = world.upstreams["a"].breakers[Kind.NATIVE]
    for _ in range(3):
        breaker.failure(breaker.acquire(START - 100), START - 100)
    [call] = calls(world, readings(5))
    assert breaker.state == "half_open"
    world.finish(call, CallError(fault, "no"), START + 11)
    assert breaker.state == "half_open"
    assert breaker.allows(START + 11)


def test_throttling_without_retry_after_pauses_for_a_time_that_grows():
    a = Scripted("a", during(0, 40, failing(ReadCode.THROTTLED), good("a")), capacity=1)
    world = World(a, rates={"a": 10}).read(readings(5))
    world.check(readings(5))
    assert not world.unread()
    times = [t for t, _ in a.asked]
    waits = [b - a for a, b in pairwise(times) if b - a > 0.9]
    assert waits == sorted(waits)
    assert len(times) <= 7 + 5


def test_a_quota_with_retry_after_comes_back_when_it_says():
    a = Scripted("a", during(0, 5, failing(ReadCode.QUOTA, retry_after="90"), good("a")))
    world = World(a).read(readings(5))
    assert not world.unread()
    assert 90 < world.elapsed < 100


def test_a_quota_without_one_is_waited_for_an_hour():
    world = trusted(Scripted("a", good("a")))
    [call] = calls(world, readings(5))
    world.finish(call, CallError(ReadCode.QUOTA, "spent"), START + 11)
    assert world.limiters["a"].paused_until == START + 11 + HOUR


def test_a_refused_key_names_the_setting():
    world = trusted(Scripted("a", good("a")))
    [call] = calls(world, readings(5))
    world.finish(call, CallError(ReadCode.BAD_KEY, "HTTP 401"), START + 11)
    status = world.upstreams["a"].status(START + 11)
    assert (status.state, status.last_error) == ("disabled", "HTTP 401; check the key in its `url`")


def test_a_wrong_chain_found_while_reading_quarantines_and_what_is_on_the_wire_is_not_believed():
    a, b = Scripted("a", good("a"), capacity=3), Scripted("b", good("b"))
    world = trusted(a, b, rates={"b": 0.01})
    in_flight = []
    world.pool.submit(0, readings(9))
    for now in (START + 10, START + 10.5):
        in_flight += [call for call in world.pool.step(now).calls if call.upstream.name == "a"]
    first, second, *_ = in_flight
    world.finish(first, CallError(ReadCode.WRONG_CHAIN, "chain 97"), START + 11)
    world.finish(second, good("a")(second.readings, START + 11), START + 11)
    step = world.pool.step(START + 11)
    assert Quarantined("a", "chain 97") in step.events
    assert not [result for _, result in step.ended if result.outcome.source == "a"]
    assert world.upstreams["a"].trust is Trust.QUARANTINED


def test_who_speaks_to_the_host_of_a_wrong_chain_is_quarantined_with_it():
    a, b = Scripted("a", good("a"), endpoint="host", capacity=100), Scripted("b", good("b"), endpoint="host")
    world = trusted(a, b, Scripted("c", good("c")))
    a.behaviour = failing(ReadCode.WRONG_CHAIN)
    world.now = START + 100
    world.read(readings(500))
    assert world.upstreams["b"].trust is Trust.QUARANTINED
    assert {event.provider for event in world.events if isinstance(event, Quarantined)} == {"a", "b"}


@pytest.mark.parametrize("fault", [ReadCode.STALE, ReadCode.BAD_KEY, ReadCode.THROTTLED, ReadCode.TIMEOUT])
def test_nothing_that_comes_late_takes_a_provider_out_of_quarantine(fault):
    world = trusted(Scripted("a", good("a"), capacity=1), Scripted("b", good("b")))
    world.pool.submit(0, readings(100))
    late = [call for i in range(3) for call in world.pool.step(START + 10 + i).calls if call.upstream.name == "a"]
    world.finish(late[0], CallError(ReadCode.WRONG_CHAIN, "97"), START + 14)
    world.finish(late[1], CallError(fault, "late"), START + 14)
    world.finish(late[2], good("a", 10)(late[2].readings, START + 14), START + 14)
    assert world.upstreams["a"].trust is Trust.QUARANTINED


def test_a_provider_that_says_it_is_behind_is_not_trusted_before_it_has_proven_its_chain():
    def prove(now):
        return CallError(ReadCode.STALE, "node is behind") if now < START + 12 else CallError(ReadCode.WRONG_CHAIN, "97")

    a, b = Scripted("a", good("a"), prove=prove), Scripted("b", good("b"))
    world = World(a, b, rates={"b": 1}).read(readings(500))
    world.check(readings(500))
    assert not a.asked
    assert world.upstreams["a"].trust is Trust.QUARANTINED


def test_a_tip_is_no_proof():
    world = World(Scripted("a", good("a")))
    a = world.upstreams["a"]
    a.begin_check(START)
    world.finish(TipCall(a, START), Head(100), START + 1)
    assert a.trust is Trust.UNPROVEN


def test_a_provider_that_proves_its_chain_but_lags_is_set_aside_and_waited_for_no_longer_than_backoff_max():
    old = Scripted("old", good("old", 1), prove=lambda now: 1, latency=0.5)
    peers = [Scripted(n, good(n, 200), prove=lambda now: 200, latency=0.01) for n in ("p", "q")]
    world = World(old, *peers, rates={"p": 1, "q": 1}).read(readings(300))
    assert world.upstreams["old"].trust is Trust.LAGGING
    bad = readings(1, first=999)
    for peer in peers:
        peer.behaviour = lambda asked, now: Reply(tuple(ReadError(ReadCode.ITEM_ERROR, "no") for _ in asked))
    world.results.clear()
    begin = world.now = START + 200
    world.read(bad)
    [gap] = world.unread()
    assert world.now - begin < 31
    assert "behind its peers" in gap.error.providers["old"]


def test_a_stale_answer_leaves_its_readings_untouched():
    world = trusted(Scripted("a", good("a")))
    [call] = calls(world, readings(5))
    world.finish(call, CallError(ReadCode.STALE, "behind"), START + 11)
    assert all(not pending.tried for pending in call.batch)


def test_a_failed_call_that_mixed_the_kinds_goes_back_as_separate_work():
    def no_mixed(asked, now):
        return failing()(asked, now) if len({r.kind for r in asked}) > 1 else good("a")(asked, now)

    work = readings(30, COIN, USDT)
    a, b = Scripted("a", no_mixed), Scripted("b", no_mixed)
    world = World(a, b).read(work)
    world.check(work)
    assert not world.unread()


@pytest.mark.parametrize("fault", [ReadCode.THROTTLED, ReadCode.QUOTA, ReadCode.STALE])
def test_what_a_throttled_call_mixed_may_be_mixed_again(fault):
    world = trusted(Scripted("a", good("a")))
    [call] = calls(world, readings(5, COIN, USDT))
    assert call.kind is Kind.MIXED
    world.finish(call, CallError(fault, "no"), START + 11)
    assert not any(pending.separate for pending in call.batch)


def test_too_large_counts_neither_as_success_nor_as_failure_and_asks_the_same_again_in_halves():
    world = trusted(Scripted("a", good("a"), capacity=8))
    [call] = calls(world, readings(8))
    world.finish(call, CallError(ReadCode.TOO_LARGE, "4 at most"), START + 11)
    assert all(not pending.tried and pending.cap == 4 for pending in call.batch)
    again = next(c for c in world.pool.step(START + 12).calls if isinstance(c, ReadCall))
    assert again.readings == call.readings[:4]


def test_a_single_reading_that_is_too_large_goes_to_another_provider():
    a = Scripted("a", failing(ReadCode.TOO_LARGE), capacity=4)
    world = World(a, Scripted("b", good("b"), capacity=1, latency=3)).read(readings(12))
    world.check(readings(12))
    assert not world.unread()
    assert world.upstreams["a"].breakers[Kind.NATIVE].state == "closed"


def test_a_short_reply_of_one_reading_sends_it_to_another_provider():
    from_b = Scripted("b", good("b"), latency=2)
    world = World(Scripted("a", lambda asked, now: Reply((), None, 2, 1)), from_b).read(readings(5))
    world.check(readings(5))
    assert {r.outcome.source for r in world.results} == {"b"}


def test_a_reply_with_fewer_outcomes_than_readings_is_malformed_and_loses_nothing():
    def cut(asked, now):
        return Reply(tuple(balance(r, now, "a") for r in asked[1:]))

    world = World(Scripted("a", cut), Scripted("b", good("b"))).read(readings(60))
    world.check(readings(60))
    assert not world.unread()
    assert world.upstreams["a"].breakers[Kind.NATIVE].state == "open"


def test_a_reply_whose_items_all_fail_is_a_success_for_breaker_and_outage_clock():
    def refuse(asked, now):
        return Reply(tuple(ReadError(ReadCode.REVERTED, "reverted") for _ in asked))

    a = Scripted("a", refuse)
    world = World(a, rates={"a": 0.1}).read(readings(800))
    world.check(readings(800))
    assert world.halt is None
    assert len(world.unread()) == 800
    assert world.elapsed > 700
    assert world.upstreams["a"].breakers[Kind.NATIVE].state == "closed"


def test_a_throttled_proof_is_tried_again_after_the_pause():
    prove = lambda now: CallError(ReadCode.THROTTLED, "slow", retry_after="50") if now < START + 1 else 5  # noqa: E731
    a = Scripted("a", good("a"), prove=prove)
    world = World(a).read(readings(5))
    world.check(readings(5))
    assert not world.unread()
    assert 50 <= a.checks[1] - START < 52
    assert len(a.checks) == 2


def test_readings_do_not_wait_for_a_provider_whose_proof_was_throttled_for_long():
    slow = Scripted("slow", good("slow"), prove=lambda now: CallError(ReadCode.THROTTLED, "slow", retry_after="3600"))
    refuse = Scripted("b", lambda asked, now: Reply(tuple(ReadError(ReadCode.ITEM_ERROR, "no") for _ in asked)))
    world = World(slow, refuse).read(readings(5))
    world.check(readings(5))
    assert world.elapsed < 40
    assert all("paused until" in r.error.providers["slow"] or "slow" in r.error.providers["slow"] for r in world.unread())


@pytest.mark.parametrize("states_head", [True, False])
def test_a_stale_provider_that_spoke_first_is_judged_before_its_first_amount(states_head):
    """Its proof names no head, so it is asked for one; what its peers say then is held against it, though they say it later."""

    def names(head):
        answers = iter([None])
        return lambda now: next(answers, head)

    old = Scripted("old", good("old", 10), prove=names(10), latency=0.05, states_head=states_head)
    peers = [Scripted(n, good(n, 200), prove=names(200), latency=0.06, states_head=states_head) for n in "pq"]
    world = World(old, *peers, rates=dict.fromkeys(["old", "p", "q"], 5)).read(readings(200))
    world.check(readings(200))
    assert world.upstreams["old"].trust is Trust.LAGGING
    assert {r.outcome.source for r in world.results} == {"p", "q"}
    assert world.upstreams["old"].breakers[Kind.NATIVE].state == "closed"


def test_a_reading_that_is_always_answered_too_fast_ends_when_others_are_read():
    def touchy(asked, now):
        return CallError(ReadCode.THROTTLED, "Too many requests") if asked[0].index == 3 else good("a")(asked, now)

    world = World(Scripted("a", touchy, capacity=1)).read(readings(20))
    world.check(readings(20))
    assert [result.reading.index for result in world.unread()] == [3]
    assert world.unread()[0].error.code is ReadCode.THROTTLED


def absent(asked, now):
    """What a provider says that leaves zeros out: every reading but the first has to be stated by another."""
    left_out = ReadError(ReadCode.ABSENT, "not named")
    return Reply((balance(asked[0], now, "terse"), *[left_out] * (len(asked) - 1)))


def test_what_a_provider_leaves_out_as_a_zero_is_asked_of_another_at_once_and_as_no_retry():
    other = Scripted("other", good("other"), capacity=1)
    world = World(Scripted("terse", absent, capacity=100), other, rates={"terse": 1, "other": 50})
    world.read(readings(400))
    world.check(readings(400))
    assert not world.unread()
    assert world.upstreams["terse"].last_error is None
    assert world.upstreams["terse"].breakers[Kind.NATIVE].state == "closed"
    assert world.elapsed < 10  # 400 at 50 a second; within the retry budget alone it would take 30 s


def test_what_nobody_else_can_confirm_stays_unread_and_is_no_zero():
    world = World(Scripted("terse", absent, capacity=5), Scripted("dead", failing())).read(readings(5))
    unread = [result.error for result in world.unread()]
    assert len(unread) == 4
    assert all("not named" in error.providers["terse"] for error in unread)


# -- refusals without a word

BUSY = failing(ReadCode.SERVER_ERROR, wordless=True)


class LimitReq:
    """Refuses without a word whatever exceeds a rate, as nginx does."""

    def __init__(self, allowed, burst):
        self.allowed, self.burst = allowed, burst
        self.excess, self.at = 0.0, None

    def __call__(self, answer, now):
        excess = 0.0 if self.at is None else max(0.0, self.excess - self.allowed * (now - self.at)) + 1
        if excess > self.burst + 1:
            return BUSY((), now)
        self.excess, self.at = excess, now
        return answer


def test_a_host_that_allows_a_third_of_the_configured_rate_is_read_at_nearly_the_allowed_one():
    work = readings(300)
    took = {}
    for rate in (10, 30):
        gate = LimitReq(10, burst=5)
        a = Scripted("a", lambda asked, now, gate=gate: gate(good("a")(asked, now), now), capacity=1)
        world = World(a, rates={"a": rate}).read(work)
        world.check(work)
        assert not world.unread()
        assert world.upstreams["a"].breakers[Kind.NATIVE].since is None
        took[rate] = world.elapsed
    assert took[30] <= 1.3 * took[10]


def test_a_host_that_is_away_for_a_moment_is_asked_again_in_a_moment():
    a = Scripted("a", during(2, 5, BUSY, good("a")), capacity=1)
    world = World(a, rates={"a": 20}).read(readings(200))
    world.check(readings(200))
    assert not world.unread()
    assert world.upstreams["a"].breakers[Kind.NATIVE].since is None
    assert world.elapsed < 10 + 6
    assert sum(START + 2 <= at < START + 5 for at, _ in a.asked) < 10


@pytest.mark.parametrize("other", [True, False])
def test_a_host_that_dies_opens_its_breaker_after_a_few_cooldowns(other):
    a = Scripted("a", during(0, 2, good("a"), BUSY), capacity=1)
    world = World(a, *([Scripted("b", good("b"), capacity=1)] if other else []), rates={"a": 20, "b": 5})
    world.read(readings(200), until=12)
    status = world.upstreams["a"].status(world.now)
    assert status.breaker["native"] == "open"
    assert status.throttled < 20
    assert sum(at > START + 2 for at, _ in a.asked) < 20
    if other:
        world.run()
        world.check(readings(200))
        assert not world.unread()


def test_a_host_that_answers_its_checks_and_nothing_else_opens_its_breaker_too():
    world = World(Scripted("a", BUSY), Scripted("b", good("b"), capacity=1), rates={"b": 2}).read(readings(2000), until=10)
    assert world.upstreams["a"].breakers[Kind.NATIVE].since is not None


def test_a_host_that_has_not_answered_for_long_fails_at_once():
    world = trusted(Scripted("a", good("a")))
    [call] = calls(world, readings(5))
    world.finish(call, BUSY(call.readings, START + 11), START + 11)
    status = world.upstreams["a"].status(START + 11)
    assert (status.failed, status.throttled, status.state) == (1, 0, "ready")


def test_a_reading_that_a_host_never_answers_holds_up_nothing_else():
    def poisoned(asked, now):
        return (BUSY if any(r.index == 57 for r in asked) else good("a"))(asked, now)

    a = Scripted("a", poisoned, capacity=5)
    world = World(a, rates={"a": 10}).read(readings(100))
    world.check(readings(100))
    assert [result.reading.index for result in world.unread()] == [57]
    assert world.upstreams["a"].breakers[Kind.NATIVE].since is None
    assert world.elapsed < 2 + 10


def test_a_question_that_came_too_soon_after_another_is_asked_again_by_itself():
    gate = LimitReq(20, burst=0)
    a = Scripted(
        "a",
        lambda asked, now: gate(good("a")(asked, now), now),
        prove=lambda now: gate(100, now),
        states_head=False,
        names_blocks=True,
        latency=0.01,
    )
    a.block = lambda height, now: gate(f"block {height}", now)
    world = World(a, rates={"a": 30}).read(readings(1))
    world.now += 10
    world.pool.begin_final_check(world.now)
    began = world.now
    world.run()
    assert FinalCheckDone(()) in world.events
    assert world.now - began < 3
