import asyncio
import time
from email.utils import parsedate_to_datetime

import aiohttp
import pytest

from hdscan.model.endpoint import Cost
from hdscan.sim.clock import Clock
from hdscan.sim.faults import Fault, always, script
from hdscan.sim.host import Entry, HostSpec, Throttle
from hdscan.sim.judge import judge, named, pause_violations, rate_violations, repeated_asks
from hdscan.sim.meter import TOLERANCE, Meter
from hdscan.sim.world import PROGRAMS, World, associated_account
from tests.sim.conversation import Talk, converse, host


def entry(at: float, cost: float = 1.0, since: float | None = None, **changes: object) -> Entry:
    made = Entry(at if since is None else since, at, 0.0, ("m",), int(cost), cost, (("a", "BTC"),))
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def test_a_client_at_the_published_rate_is_innocent():
    log = [entry(n / 10 + (0.04 if n % 3 else 0)) for n in range(1000)]
    assert not rate_violations(host(rate=10, burst=1), log)


def test_a_client_one_percent_above_the_rate_is_caught():
    assert rate_violations(host(rate=10, burst=1), [entry(n / 10.1) for n in range(1000)])


def test_a_burst_beyond_the_allowance_is_caught_to_the_request():
    log = [entry(1.0) for _ in range(9)]
    assert len(rate_violations(host(rate=2, burst=5), log)) == 4


def test_items_count_where_the_provider_counts_items():
    spec = host(rate=30, burst=1, cost=Cost.ITEM)
    assert not rate_violations(spec, [entry(n / 10, cost=3) for n in range(100)])
    assert not rate_violations(spec, [entry(0, cost=30)])
    assert rate_violations(spec, [entry(0, cost=30), entry(0.1, cost=30)])


@pytest.mark.parametrize("rate", [1.0, 7.0, 150.0])
def test_no_window_holds_more_than_rate_times_length_and_burst(rate: float):
    meter = Meter(rate, 3)
    arrivals = [n * 0.003 + (n % 7) * 0.02 for n in range(600)]
    passed = [at for at in sorted(arrivals) if meter.admit(at, at, 1)]
    for first in range(0, len(passed), 7):
        for last in range(first, len(passed), 5):
            assert last - first + 1 <= rate * (passed[last] - passed[first] + TOLERANCE) + 3 + 1e-6


def test_arrivals_that_the_simulator_itself_lumped_together_are_no_violation():
    spec = host(rate=10, burst=1)
    assert rate_violations(spec, [entry(1.0) for _ in range(5)])
    assert not rate_violations(spec, [entry(1.0, since=0.5) for _ in range(5)])


def test_the_pulse_notices_that_its_process_was_held_up():
    async def run() -> None:
        clock = Clock()
        clock.start()
        free = time.monotonic()
        assert clock.since(free) == free
        began = time.process_time()
        while time.process_time() - began < 0.1:
            pass
        at = time.monotonic()
        assert clock.since(at) <= at - 0.1
        clock.stop()

    asyncio.run(run())


def test_asking_within_an_announced_pause_is_a_violation_but_not_what_was_on_the_wire():
    spec = host(latency=0.1)
    refused = entry(0.0, sent=0.1, paused_until=2.0)
    log = [refused, entry(0.24), entry(0.3), entry(1.9), entry(2.1)]
    assert pause_violations(spec, log) == log[2:4]


def test_a_client_that_does_not_wait_is_convicted_by_a_real_log():
    async def story(talk: Talk) -> None:
        statuses = {(await talk.ask(n)).status for n in range(30)}
        assert statuses == {200, 429}
        verdict = judge(talk.host.spec, talk.log)
        assert verdict.rate_violations > 20
        assert verdict.violations >= verdict.rate_violations
        assert verdict.requests == 30
        assert verdict.answered == {"ok": 1, "rate": 1, "paused": 28}

    converse(story, host(rate=5, burst=1))


def test_a_pause_is_announced_in_each_of_its_forms():
    async def seconds(talk: Talk) -> None:
        await talk.ask()
        refused = await talk.ask()
        assert (refused.status, refused.headers["Retry-After"]) == (429, "3")
        paused = await talk.ask()
        assert (paused.status, talk.log[2].answered) == (429, "paused")

    async def date(talk: Talk) -> None:
        await talk.ask()
        headers = (await talk.ask()).headers
        wait = parsedate_to_datetime(headers["Retry-After"]) - parsedate_to_datetime(headers["Date"])
        assert wait.total_seconds() == 3

    async def bare(talk: Talk) -> None:
        await talk.ask()
        refused = await talk.ask()
        assert refused.status == 429
        assert "Retry-After" not in refused.headers
        assert talk.log[1].paused_until is None

    async def text(talk: Talk) -> None:
        await talk.ask()
        refused = await talk.ask()
        assert (refused.status, b"ate limit" in refused.body) == (200, True)

    async def overload(talk: Talk) -> None:
        await talk.ask()
        refused = await talk.ask()
        assert (refused.status, b"<html>" in refused.body) == (503, True)
        assert "Retry-After" not in refused.headers
        assert talk.log[1].paused_until is None

    def spec(how: Throttle) -> HostSpec:
        return host(rate=0.5, burst=1, throttle=how, pause=3)

    converse(seconds, spec(Throttle.SECONDS))
    converse(date, spec(Throttle.DATE))
    converse(bare, spec(Throttle.BARE))
    converse(text, spec(Throttle.TEXT))
    converse(overload, spec(Throttle.OVERLOAD))


def test_a_lower_hidden_limit_refuses_without_convicting():
    async def story(talk: Talk) -> None:
        statuses = [(await talk.ask(n)).status for n in range(10)]
        assert 429 in statuses
        assert judge(talk.host.spec, talk.log).rate_violations == 0

    converse(story, host(rate=1e6, burst=1, hidden_rate=1, throttle=Throttle.BARE))


def test_a_pause_that_a_fault_announces_counts_too():
    async def story(talk: Talk) -> None:
        assert (await talk.ask()).status == 503
        assert (await talk.ask()).status == 429
        assert talk.log[0].paused_until is not None

    converse(story, host(), script(Fault.UNAVAILABLE))


def test_what_was_answered_well_and_asked_again_is_repeated():
    async def story(talk: Talk) -> None:
        for n in (0, 1, 1, 2, 0):
            await talk.ask(n)
        address = talk.world["btc"].address
        assert repeated_asks(talk.log) == {(address(1), "BTC"): 1}
        assert judge(talk.host.spec, talk.log).repeated == 1

    converse(story, host(), always(Fault.EMPTY_OBJECT, stop=1))


def test_token_accounts_are_named_by_owner_and_token():
    world = World(1, 3, funded=0)["sol"]
    account = associated_account(world.address(1), world.assets[1].contract or "", PROGRAMS[1])
    assert list(named([(world.address(0), "SOL"), (account, "account")], world)) == [
        (world.address(0), "SOL"),
        (world.address(1), "USDC"),
    ]


def test_a_reset_empties_log_and_bucket():
    async def story(talk: Talk) -> None:
        await talk.ask()
        assert (await talk.ask()).status == 429
        talk.city.reset()
        assert not talk.log
        assert (await talk.ask()).status == 200

    converse(story, host(rate=0.1, burst=1))


def test_connections_are_broken_when_the_city_closes():
    async def story(talk: Talk) -> None:
        await talk.ask()
        await talk.city.__aexit__(None, None, None)
        with pytest.raises(aiohttp.ClientError):
            await talk.ask()

    converse(story, host())
