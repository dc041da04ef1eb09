"""A provider in the pool: its trust, whether it can be asked, when its chain is to be checked, what is shown of it."""

import pytest

from hdscan.model.reading import Kind
from hdscan.model.scan import ProviderState
from hdscan.model.times import rfc3339_seconds
from hdscan.pool.dispatcher import needs_check
from hdscan.pool.effects import Trust
from hdscan.pool.limiter import DAY, MINUTE, Limiter
from hdscan.pool.policy import Policy
from hdscan.pool.queue import PendingReading
from hdscan.pool.upstream import Upstream
from hdscan.pool.upstreams import able as serves_soon
from hdscan.pool.upstreams import blocked, why_not_asked
from tests.pool.virtual import COIN, START, USDT, Scripted, good, readings

NEVER = float("-inf")


def upstream(rate=10.0, windows=(), *, trust=Trust.TRUSTED, **more):
    made = Upstream(Scripted("a", good("a"), **more), "scripted", Limiter(rate, windows), Policy())
    put(made, trust)
    return made


def put(made, trust):
    """Bring it to this trust, from one before it in the table."""
    match trust:
        case Trust.TRUSTED:
            made.admit()
            made.clear()
        case Trust.LAGGING:
            made.set_aside("behind", START)
        case Trust.QUARANTINED:
            made.quarantine("chain 97")
        case Trust.DISABLED:
            made.disable("chain 97")
    assert made.trust is trust


def begin(of, now=START, kind=Kind.NATIVE):
    return of.begin_call(kind, [PendingReading(0, readings(1)[0])], now, None)


def open_breaker(of, kind, now=START, times=1):
    """Open it; each further time its probe fails, too."""
    breaker = of.breakers[kind]
    for _ in range(3):
        breaker.failure(breaker.acquire(now), now)
    for _ in range(times - 1):
        now = breaker.retry_at()
        breaker.failure(breaker.acquire(now), now)
    return now


def able(of, kind=Kind.NATIVE, now=START, healed_at=NEVER):
    return serves_soon(of, kind, now, None, healed_at=healed_at, patience=30.0)


def test_a_trusted_provider_with_nothing_against_it_is_able():
    assert able(upstream())
    assert blocked(upstream(), START) is None


def test_a_kind_that_it_does_not_speak_it_cannot_serve():
    native = upstream(methods={Kind.NATIVE: "n"})
    assert not native.serves(Kind.TOKEN)
    assert not able(native, Kind.TOKEN)


def test_a_dead_token_method_never_stops_native_reads():
    a = upstream()
    now = open_breaker(a, Kind.TOKEN, times=3)
    assert not able(a, Kind.TOKEN, now)
    assert able(a, Kind.NATIVE, now)


def test_a_breaker_that_opened_for_the_first_time_is_waited_for_and_one_that_stays_open_is_not():
    a = upstream()
    assert able(a, now=open_breaker(a, Kind.NATIVE))
    b = upstream()
    assert not able(b, now=open_breaker(b, Kind.NATIVE, times=2))
    assert "circuit open" in why_not_asked(b, Kind.NATIVE, START + 31)


def test_after_an_outage_every_open_breaker_gets_its_chance():
    a = upstream()
    now = open_breaker(a, Kind.NATIVE, times=3)
    assert not serves_soon(a, Kind.NATIVE, now, 30.0, healed_at=NEVER, patience=30.0)
    assert serves_soon(a, Kind.NATIVE, now, 30.0, healed_at=now, patience=30.0)


@pytest.mark.parametrize(("pause", "waits"), [(20, True), (31, False), (DAY, False)])
def test_a_pause_is_waited_for_up_to_backoff_max(pause, waits):
    a = upstream()
    a.limiter.throttled(START, pause)
    assert able(a, now=START + 1) is waits
    assert able(a, now=START + pause)


def test_a_spent_window_is_named():
    a = upstream(100, [(DAY, 1)])
    a.limiter.take(1, START)
    assert not able(a)
    assert why_not_asked(a, Kind.NATIVE, START).startswith("quota spent until 2023-11-")


UNPROVEN, TRUSTED, LAGGING, QUARANTINED, DISABLED = Trust
NEXT = {
    "admit": (TRUSTED, TRUSTED, TRUSTED, QUARANTINED, DISABLED),
    "set_aside": (UNPROVEN, LAGGING, LAGGING, QUARANTINED, DISABLED),
    "quarantine": (QUARANTINED,) * 5,
    "disable": (DISABLED, DISABLED, DISABLED, QUARANTINED, DISABLED),
    "fail_check": (UNPROVEN, TRUSTED, LAGGING, QUARANTINED, DISABLED),
}


@pytest.mark.parametrize("verb", NEXT)
@pytest.mark.parametrize("trust", Trust)
def test_trust_changes_as_the_table_says(verb, trust):
    a = upstream()
    if trust is UNPROVEN:
        a = Upstream(Scripted("a", good("a")), "scripted", Limiter(10.0), Policy())
    else:
        put(a, trust)
    arguments = {"admit": (), "quarantine": ("why",), "disable": ("why",)}.get(verb, ("why", START))
    getattr(a, verb)(*arguments)
    assert a.trust is NEXT[verb][list(Trust).index(trust)]


def test_a_provider_that_was_lagging_is_waited_for_from_when_it_was_set_aside_first():
    a = upstream()
    a.set_aside("behind", START)
    a.admit()
    a.set_aside("behind again", START + 10)
    assert a.untrusted_since == START
    a.admit()
    a.clear()
    assert (a.untrusted_since, a.why) == (None, None)


@pytest.mark.parametrize("trust", [Trust.QUARANTINED, Trust.DISABLED])
def test_who_is_out_is_out_for_good(trust):
    a = upstream(trust=trust)
    assert not able(a, now=START + 10 * DAY)
    assert not needs_check(a, START + 10 * DAY, None)
    assert why_not_asked(a, Kind.NATIVE, START) == "chain 97"


def test_an_unproven_provider_is_waited_for_until_its_proof_has_failed_for_a_while():
    a = upstream(trust=Trust.UNPROVEN)
    assert able(a)
    for wait in (1, 2, 4, 8, 16):
        a.fail_check("late", START + 5)
        assert a.check_at == START + 5 + wait
    assert able(a, now=START + 10)
    a.fail_check("late", START + 21)
    assert not able(a, now=START + 21)


def test_a_provider_whose_proof_was_throttled_for_an_hour_is_not_waited_for():
    a = upstream(trust=Trust.UNPROVEN)
    a.fail_check("slow down", START)
    a.limiter.throttled(START, 3600)
    assert not able(a, now=START + 5)
    assert "paused until" in why_not_asked(a, Kind.NATIVE, START + 5)


def test_a_proof_is_due_at_once_and_a_tip_every_twenty_seconds():
    a = upstream(trust=Trust.UNPROVEN, states_head=False)
    assert needs_check(a, START, None)
    put(a, Trust.TRUSTED)
    assert needs_check(a, START, None)
    assert not needs_check(a, START + 19, START)
    assert needs_check(a, START + 20, START)


def test_who_states_its_head_in_every_reply_is_asked_for_it_once_if_its_proof_named_none():
    a = upstream(states_head=True)
    assert needs_check(a, START, None)
    assert not needs_check(a, START + 1000, START)


def test_no_check_is_made_while_one_is_under_way_or_the_endpoint_is_paused():
    a = upstream(trust=Trust.UNPROVEN)
    a.begin_check(START - 10)
    assert not needs_check(a, START, None)
    a.end_check()
    a.limiter.throttled(START, 60)
    assert not needs_check(a, START + 59, None)
    assert needs_check(a, START + 60, None)


@pytest.mark.parametrize(("rate", "most"), [(0.1, 2), (2.0, 10), (100.0, 32)])
def test_calls_in_flight_suffice_for_the_rate_at_five_seconds_a_call(rate, most):
    a = upstream(rate)
    for _ in range(most - 1):
        begin(a)
    assert not a.full
    begin(a)
    assert a.full


def test_a_call_costs_one_or_its_units_where_items_are_counted():
    work = [PendingReading(0, reading) for reading in readings(3, COIN, USDT)]
    a = upstream()
    a.provider.weight[Kind.TOKEN] = 2
    assert (a.units(work), a.cost(work), a.least) == (9, 1, 1)
    a.provider.costs_items = True
    assert (a.cost(work), a.least) == (9, 2)
    a.provider.overhead = 1
    assert (a.cost(work), a.least) == (10, 3)


def test_the_state_shown_is_the_one_that_matters_most():
    a = upstream()
    assert a.status(START).state is ProviderState.UNUSED
    a.end_call(Kind.NATIVE, begin(a))
    assert a.status(START).state is ProviderState.READY
    open_breaker(a, Kind.NATIVE)
    assert a.status(START).state is ProviderState.READY
    assert a.status(START).breaker == {"native": "open", "token": "closed", "mixed": "closed"}
    open_breaker(a, Kind.TOKEN)
    open_breaker(a, Kind.MIXED)
    assert a.status(START).state is ProviderState.OPEN
    a.breakers[Kind.NATIVE].acquire(START + 30)
    assert a.status(START + 30).state is ProviderState.HALF_OPEN
    a.limiter.throttled(START, 100)
    assert a.status(START + 30).state is ProviderState.PAUSED
    assert a.status(START + 30).paused_until == rfc3339_seconds(START + 100)
    for trust, state in [
        (Trust.LAGGING, ProviderState.STALE),
        (Trust.DISABLED, ProviderState.DISABLED),
        (Trust.QUARANTINED, ProviderState.QUARANTINED),
    ]:
        put(a, trust)
        assert a.status(START).state is state


def test_throttled_calls_are_counted_apart_from_failed_ones():
    a = upstream()
    a.throttle("slow down", START, 1.0, quota=False)
    a.throttle("pay", START, 1.0, quota=True)
    a.note_error("late", failed=True)
    status = a.status(START)
    assert (status.throttled, status.failed, status.last_error) == (2, 1, "late")


def test_a_short_window_that_is_spent_shows_as_a_pause():
    a = upstream(100, [(MINUTE, 1)])
    a.limiter.take(1, START)
    assert a.status(START).state is ProviderState.PAUSED
