"""The providers together: how long an open breaker waits depends on whether anybody else can serve."""

from hdscan.model.reading import Kind
from hdscan.pool.effects import Trust
from hdscan.pool.limiter import DAY, Limiter
from hdscan.pool.policy import Policy
from hdscan.pool.upstream import Upstream
from hdscan.pool.upstreams import NEVER, Upstreams
from tests.pool.test_upstream import begin, open_breaker, put
from tests.pool.virtual import START, Scripted, good

NATIVE = {Kind.NATIVE: "n"}


def upstreams(*providers):
    made = [Upstream(p, "scripted", Limiter(10.0), Policy()) for p in providers]
    for upstream in made:
        upstream.admit()
    return Upstreams(made, Policy()), {upstream.name: upstream for upstream in made}


def test_who_packs_most_goes_first():
    together, _ = upstreams(Scripted("small", good("s"), capacity=1), Scripted("large", good("l"), capacity=600))
    assert [upstream.name for upstream in together] == ["large", "small"]


def test_an_open_breaker_waits_its_cooldown_as_long_as_somebody_is_closed():
    together, by_name = upstreams(Scripted("a", good("a")), Scripted("b", good("b")))
    now = open_breaker(by_name["a"], Kind.NATIVE, times=3)
    assert together.longest(Kind.NATIVE, now) is None
    assert together.next_opening(by_name["a"], now, (Kind.NATIVE,)) == now + 120
    assert together.earliest_opening(now, (Kind.NATIVE,)) == now


def test_where_nobody_is_closed_the_next_is_probed_within_backoff_max():
    together, by_name = upstreams(Scripted("a", good("a")), Scripted("b", good("b")))
    open_breaker(by_name["b"], Kind.NATIVE)
    now = open_breaker(by_name["a"], Kind.NATIVE, times=3)
    assert together.longest(Kind.NATIVE, now) == 30
    assert together.next_opening(by_name["a"], now, (Kind.NATIVE,)) == now + 30


def test_a_closed_breaker_of_one_that_is_paused_lagging_or_out_helps_nobody():
    together, by_name = upstreams(Scripted("a", good("a")), Scripted("b", good("b")))
    now = open_breaker(by_name["a"], Kind.NATIVE)
    by_name["b"].limiter.throttled(now, 31)
    assert together.longest(Kind.NATIVE, now) == 30
    assert together.longest(Kind.NATIVE, now + 1) is None
    for trust in (Trust.LAGGING, Trust.DISABLED, Trust.QUARANTINED):
        put(by_name["b"], trust)
        assert together.longest(Kind.NATIVE, now + DAY) == 30


def test_kinds_are_kept_apart():
    together, by_name = upstreams(Scripted("a", good("a")))
    now = open_breaker(by_name["a"], Kind.TOKEN, times=3)
    assert together.able(now, -NEVER) == {Kind.NATIVE: {"a"}, Kind.TOKEN: frozenset(), Kind.USE: frozenset()}
    assert together.next_opening(by_name["a"], now, (Kind.NATIVE,)) == now
    assert together.next_opening(by_name["a"], now, (Kind.TOKEN,)) == now + 30


def test_who_has_a_probe_or_a_check_under_way_or_no_room_can_only_be_waited_for():
    together, by_name = upstreams(Scripted("a", good("a"), methods=NATIVE))
    a = by_name["a"]
    now = open_breaker(a, Kind.NATIVE) + 30
    a.breakers[Kind.NATIVE].acquire(now)
    assert together.next_opening(a, now, (Kind.NATIVE,)) == NEVER
    together, by_name = upstreams(Scripted("a", good("a"), methods=NATIVE))
    a = by_name["a"]
    permits = [begin(a, now) for _ in range(32)]
    assert together.earliest_opening(now, (Kind.NATIVE,)) == NEVER
    for permit in permits:
        a.end_call(Kind.NATIVE, permit)
    a.set_aside("behind", now)
    a.begin_check(now)
    assert together.earliest_opening(now, (Kind.NATIVE,)) == NEVER
    a.fail_check("late", now + 40)
    assert together.earliest_opening(now, (Kind.NATIVE,)) == now + 41


def test_the_reasons_name_everybody():
    together, by_name = upstreams(Scripted("a", good("a")), Scripted("b", good("b")))
    by_name["a"].quarantine("chain 97")
    assert together.reasons(0.0) == "a: chain 97; b: not asked"
    by_name["b"].limiter.throttled(START, 90)
    assert together.reasons(START).startswith("a: chain 97; b: paused until 20")
    assert Upstreams([], Policy()).reasons(0.0) == "none is configured"
