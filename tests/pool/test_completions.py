"""When readings end: never while nothing succeeds, never late while something does."""

import pytest

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Reply
from hdscan.model.reading import Kind, ReadError
from hdscan.model.scan import ProviderState
from hdscan.pool.actions import OutageBegan, OutageEnded
from hdscan.pool.completions import UNTOLD
from hdscan.pool.limiter import DAY, HOUR, MINUTE
from hdscan.pool.policy import Policy
from tests.pool.virtual import COIN, START, USDT, USE, Scripted, World, balance, during, failing, good, readings

NATIVE = {Kind.NATIVE: "n"}
TOKEN = {Kind.TOKEN: "t"}


def refuse(*indices, text="no"):
    """PendingReading errors for these."""
    bad = ReadError(ReadCode.ITEM_ERROR, text)
    return lambda asked, now: Reply(tuple(bad if r.index in indices else balance(r, now, "x") for r in asked))


def poisoned(*indices, fault=ReadCode.SERVER_ERROR):
    """Whole calls that fail where they hold one of these."""
    return lambda asked, now: failing(fault)(asked, now) if {r.index for r in asked} & set(indices) else good("x")(asked, now)


def unread_indices(world):
    return {r.reading.index for r in world.unread()}


@pytest.mark.parametrize("providers", [1, 2, 3])
@pytest.mark.parametrize("n", [1, 7, 40])
def test_a_reading_that_every_good_reply_refuses_ends_at_once(providers, n):
    world = World(*(Scripted(str(i), refuse(0)) for i in range(providers))).read(readings(n))
    world.check(readings(n))
    assert unread_indices(world) == {0}
    assert world.elapsed < 5


def test_use_that_nobody_tells_ends_at_once_and_says_so():
    work = readings(30, COIN, USE)
    world = World(Scripted("a", good("a")), Scripted("b", good("b"))).read(work)
    world.check(work)
    assert {r.reading.asset for r in world.unread()} == {USE}
    assert {(r.error.code, r.error.message) for r in world.unread()} == {(ReadCode.NO_PROVIDER, UNTOLD)}
    assert world.elapsed < 5


def test_use_is_asked_before_balances_and_never_with_them():
    work = readings(60, COIN, USE, USDT)
    kinds = dict.fromkeys((Kind.NATIVE, Kind.TOKEN, Kind.MIXED, Kind.USE), "any")
    world = World(a := Scripted("a", good("a"), methods={kind: kind.value for kind in kinds})).read(work)
    world.check(work)
    asked = [{reading.kind for reading in batch} for _, batch in a.asked]
    assert {frozenset(each) for each in asked} == {frozenset({Kind.USE}), frozenset({Kind.NATIVE, Kind.TOKEN})}
    assert asked[:6] == [{Kind.USE}] * 6


def test_a_provider_whose_use_fails_goes_on_to_read_balances():
    def untold(asked, now):
        return failing()(asked, now) if asked[0].asset == USE else good("a")(asked, now)

    methods = {Kind.NATIVE: "native", Kind.USE: "use"}
    work = readings(40, COIN, USE)
    world = World(
        Scripted("a", untold, methods=methods), Scripted("b", good("b"), methods={Kind.USE: "use"}, latency=3.0)
    ).read(work)
    world.check(work)
    assert not world.unread()
    status = world.upstreams["a"].status(world.now)
    assert status.breaker == {"native": "closed", "use": "open"}
    assert status.state is ProviderState.READY


@pytest.mark.parametrize("providers", [1, 2, 3])
def test_poison_that_is_left_at_the_end_ends_once_something_else_is_seen_to_succeed(providers):
    world = World(*(Scripted(str(i), poisoned(3), capacity=1) for i in range(providers))).read(readings(40))
    world.check(readings(40))
    assert world.halt is None
    assert unread_indices(world) == {3}
    assert world.elapsed < 60


@pytest.mark.parametrize("asset", [COIN, USDT])
@pytest.mark.parametrize("latency", [0.01, 1.0])
def test_a_kind_that_is_dead_ends_though_nothing_else_is_left_to_read(asset, latency):
    def dead(asked, now):
        return failing()(asked, now) if any(r.asset == asset for r in asked) else good("a")(asked, now)

    work = readings(60, COIN, USDT)
    world = World(Scripted("a", dead, latency=latency), Scripted("b", dead)).read(work)
    world.check(work)
    assert world.halt is None
    assert {r.reading.asset for r in world.unread()} == {asset}
    assert world.elapsed < 150


def test_dead_tokens_of_a_scan_of_tokens_only_end_when_a_coin_can_be_read():
    def dead(asked, now):
        return failing()(asked, now) if any(r.asset == USDT for r in asked) else good("a")(asked, now)

    world = World(Scripted("a", dead)).read(readings(20, USDT))
    world.check(readings(20, USDT))
    assert world.halt is None
    assert len(world.unread()) == 20


@pytest.mark.parametrize("n", [5, 400])
def test_readings_do_not_wait_for_a_provider_that_is_paused_for_longer_than_backoff_max(n):
    paused = Scripted("paused", failing(ReadCode.THROTTLED, retry_after="3000"), methods=TOKEN)
    natives = Scripted("natives", good("natives"), methods=NATIVE)
    work = readings(n, COIN, USDT)
    world = World(paused, natives, rates={"natives": 5}).read(work)
    world.check(work)
    assert world.elapsed < n / 50 + 40
    assert {r.reading.asset for r in world.unread()} == {USDT}
    assert all("paused until" in r.error.providers["paused"] or "throttled" in r.error.message for r in world.unread())


def test_readings_wait_for_a_provider_that_is_paused_for_no_longer_than_backoff_max():
    tokens = Scripted("tokens", during(0, 1, failing(ReadCode.THROTTLED, retry_after="25"), good("tokens")), methods=TOKEN)
    natives = Scripted("natives", good("natives"), methods=NATIVE)
    work = readings(400, COIN, USDT)
    world = World(tokens, natives, rates={"natives": 2, "tokens": 20}).read(work)
    world.check(work)
    assert not world.unread()


def test_readings_wait_for_the_next_minute_of_a_provider_with_a_limit_per_minute():
    tokens = Scripted("tokens", good("tokens"), methods=TOKEN)
    natives = Scripted("natives", good("natives"), methods=NATIVE, capacity=1)
    work = readings(400, COIN, USDT)
    world = World(tokens, natives, rates={"natives": 3, "tokens": 20}, windows={"tokens": [(MINUTE, 21)]}).read(work)
    world.check(work)
    assert not world.unread()


@pytest.mark.parametrize("seconds", [HOUR, DAY])
def test_a_lone_provider_whose_quota_is_spent_stops_the_chain_and_loses_nothing(seconds):
    a = Scripted("a", good("a"))
    world = World(a, rates={"a": 20}, windows={"a": [(seconds, 11)]}).read(readings(500))
    assert world.halt is not None
    assert "scan again at" in world.halt.reason
    assert len(world.results) == 100
    assert not world.unread()


def test_a_lone_provider_that_pauses_again_and_again_is_waited_for():
    calls = 0

    def every_fifth(asked, now):
        nonlocal calls
        calls += 1
        limited = CallError(ReadCode.THROTTLED, "slow down", retry_after="120")
        return limited if calls % 5 == 0 else good("a")(asked, now)

    world = World(Scripted("a", every_fifth), rates={"a": 5}).read(readings(300))
    world.check(readings(300))
    assert not world.unread()
    assert world.elapsed > 600


def test_while_nothing_succeeds_nothing_ends_whatever_was_failed_before():
    """Everybody fails for nearly the whole outage limit, in the middle of a scan."""
    providers = [Scripted(n, during(5, 560, failing(), good(n)), capacity=5) for n in "ab"]
    world = World(*providers, rates={"a": 5, "b": 5})
    world.read(readings(1000), until=559)
    before = len(world.results)
    assert not world.unread()
    world.run()
    world.check(readings(1000))
    assert len(world.results) > before
    assert not world.unread()


@pytest.mark.parametrize("down", [1, 7, 31, 64, 200, 333, 560])
def test_a_healed_chain_is_noticed_within_thirty_seconds(down):
    providers = [Scripted(n, during(3, 3 + down, failing(ReadCode.TIMEOUT), good(n)), latency=0.2) for n in "abc"]
    world = World(*providers, rates=dict.fromkeys("abc", 2.0)).read(readings(900, COIN, USDT))
    world.check(readings(900, COIN, USDT))
    assert world.halt is None
    healed = [r.outcome.observed_at for r in world.results if r.error is None and r.outcome.observed_at >= START + 3 + down]
    assert min(healed) <= START + 3 + down + 30 + 1
    assert not world.unread()


def test_the_wait_doubles_and_the_same_work_is_offered_again():
    lone = Scripted("lone", failing(), capacity=50)
    world = World(lone, policy=Policy(breaker_threshold=1000)).read(readings(1), until=100)
    times = [t - START for t, _ in lone.asked]
    gaps = [round(b - a) for a, b in zip(times, times[1:], strict=False)]  # noqa: RUF007 - two at a time reads plainly
    assert gaps[:5] == [1, 2, 4, 8, 16]
    assert max(gaps) <= 31
    assert {asked for _, asked in lone.asked} == {tuple(readings(1))}
    assert [n.seconds for n in world.events if isinstance(n, OutageBegan)][:3] == [2, 4, 8]


def test_any_success_resets_the_wait_and_ends_the_outage():
    lone = Scripted("lone", during(0, 20, failing(), during(40, 50, failing(), good("lone"))))
    world = World(lone, policy=Policy(breaker_threshold=1000)).read(readings(1))
    assert world.events == [*map(OutageBegan, (2, 4, 8, 16)), OutageEnded()]
    world.events.clear()
    world.now = START + 40
    world.pool.submit(0, readings(1, first=5))
    world.run()
    # what was read before is asked in turn with what waits
    assert world.events == [*map(OutageBegan, (2, 4, 8)), OutageEnded()]


def test_no_counter_aborts_a_scan_while_anything_succeeds():
    dead = Scripted("dead", failing(), capacity=1)
    slow = Scripted("slow", good("slow"), capacity=1)
    world = World(dead, slow, rates={"slow": 0.01}, policy=Policy(outage_limit=200)).read(readings(20))
    world.check(readings(20))
    assert not world.unread()
    assert world.elapsed > 1500


def test_idle_time_is_no_outage():
    world = World(Scripted("a", good("a"))).read(readings(5))
    world.now += 10_000
    world.results.clear()
    world.read(readings(5, first=5))
    assert world.halt is None
    assert len(world.results) == 5


def test_time_in_which_everything_is_on_the_wire_is_no_outage():
    hangs = Scripted("hangs", failing(ReadCode.TIMEOUT), latency=20.0, capacity=1)
    world = World(hangs, Scripted("quick", good("quick"), capacity=1), policy=Policy(outage_limit=5)).read(readings(30))
    world.check(readings(30))
    assert world.halt is None
    assert not world.unread()


def test_the_outage_limit_counts_from_the_last_success():
    a = Scripted("a", during(50, 10_000, failing(), good("a")), capacity=1)
    world = World(a, rates={"a": 1}).read(readings(1000))
    assert world.halt is not None
    assert 645 < world.elapsed < 690


def test_time_that_some_endpoint_could_have_been_asked_counts_though_others_are_paused():
    paused = Scripted("paused", failing(ReadCode.THROTTLED, retry_after="3000"))
    world = World(paused, Scripted("dead", failing())).read(readings(5))
    assert world.halt is not None
    assert "no provider answered" in world.halt.reason
    assert 590 < world.elapsed < 640


def test_every_provider_gives_its_own_reason():
    a = Scripted("a", refuse(1, text="bad address"))
    b = Scripted("b", poisoned(1))
    c = Scripted("c", failing(ReadCode.THROTTLED, retry_after="9000"))
    d = Scripted("d", good("d"), prove=lambda now: CallError(ReadCode.WRONG_CHAIN, "chain 97"))
    tokens = Scripted("t", good("t"), methods=TOKEN)
    world = World(a, b, c, d, tokens).read(readings(30))
    world.check(readings(30))
    [gap] = [r.error for r in world.unread()]
    assert gap.providers["a"] == "bad address"
    assert "server_error" in gap.providers["b"]
    assert "throttled" in gap.providers["c"] or "paused until" in gap.providers["c"]
    assert "chain 97" in gap.providers["d"]
    assert "t" not in gap.providers
    assert all(f"{name}: " in gap.message for name in "abcd")


def test_the_deciding_code_is_that_of_the_latest_reason():
    world = World(Scripted("a", refuse(0))).read(readings(3))
    [gap] = world.unread()
    assert gap.error.code is ReadCode.ITEM_ERROR
    assert gap.error.attempts == 1


def test_the_retry_budget_delays_but_fails_nothing_and_the_final_pass_is_exempt():
    def run(*, budget_free):
        def in_company(name):  # these fail every call but one of their own, to which halving leads
            failed, read = failing(), good(name)
            return lambda asked, now: (failed if len(asked) > 1 and any(r.index % 80 == 0 for r in asked) else read)(asked, now)

        a, b = (Scripted(name, in_company(name), capacity=8) for name in "ab")
        world = World(a, b, rates={"a": 100, "b": 100}, policy=Policy(breaker_threshold=1000))
        world.pool.submit(0, readings(1000), budget_free=budget_free)
        world.run()
        world.check(readings(1000))
        assert not world.unread()
        return world.elapsed

    assert run(budget_free=True) < 10 < run(budget_free=False) < 300


def test_the_probe_of_the_pool_is_nobodys_reading():
    world = World(Scripted("a", poisoned(3), capacity=1)).read(readings(10))
    assert set(world.jobs) == {0}
    assert sum(world.jobs.values()) == 10


@pytest.mark.parametrize("latency", [0.0, 0.4, 2.5])
def test_poison_does_not_hold_up_the_rest_of_a_lone_provider(latency):
    """Asked again and again ahead of new work it would open the breaker each time."""
    world = World(Scripted("a", poisoned(3, 30), capacity=1, latency=latency), rates={"a": 0.5}).read(readings(60))
    world.check(readings(60))
    assert unread_indices(world) == {3, 30}
    assert world.upstreams["a"].breakers[Kind.NATIVE].state == "closed"
    assert world.elapsed < 60 * 2 + 40


def test_no_reading_waits_for_a_slow_provider_to_repeat_what_the_fastest_failed_once():
    once = iter([CallError(ReadCode.SERVER_ERROR, "it failed")])
    fast = Scripted("fast", lambda asked, now: next(once, None) or good("fast")(asked, now), capacity=100)
    slow = Scripted("slow", good("slow"), capacity=1)
    world = World(fast, slow, rates={"slow": 1.0})
    work = readings(200)
    world.read(work)
    world.check(work)
    assert not world.unread()
    assert world.elapsed < Policy().backoff_max + 5
    assert len(fast.asked) <= 5


def test_what_the_fastest_refuse_is_asked_of_them_less_and_less_while_the_slowest_answers():
    def refuse(asked, now):
        return Reply(tuple(ReadError(ReadCode.ITEM_ERROR, "no") for _ in asked))

    fast, slow = Scripted("fast", refuse, capacity=100), Scripted("slow", refuse, capacity=1)
    world = World(fast, slow, rates={"slow": 0.3}).read(readings(300))
    assert len(world.unread()) == 300
    assert world.elapsed > 990
    assert len(slow.asked) <= 301
    assert len(fast.asked) <= 3 + 5 * 3, "after 30, 90, 210, 450 and 930 s"
