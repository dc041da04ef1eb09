"""Whatever the topology and the faults: nothing is lost, nothing is wrong, nobody is hammered, and the pool comes to an end."""

from collections import Counter, defaultdict
from random import Random
from time import process_time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import MISSING, Head, Reply
from hdscan.model.reading import Balance, Kind, ReadError
from hdscan.pool.actions import ReadCall
from hdscan.pool.chain_pool import ChainPool
from hdscan.pool.effects import Trust
from hdscan.pool.limiter import SLACK
from hdscan.pool.retry_after import retry_after
from tests.pool.virtual import CHAIN, COIN, START, USDT, Scripted, World, balance, good, readings

PASSING = (ReadCode.TIMEOUT, ReadCode.UNREACHABLE, ReadCode.SERVER_ERROR, ReadCode.MALFORMED)
WHOLE = (
    *PASSING,
    ReadCode.THROTTLED,
    ReadCode.QUOTA,
    ReadCode.STALE,
    ReadCode.TOO_LARGE,
    ReadCode.BAD_KEY,
    ReadCode.WRONG_CHAIN,
)
SHAPES = (
    {Kind.NATIVE: "n", Kind.TOKEN: "t", Kind.MIXED: "m"},
    {Kind.NATIVE: "n", Kind.TOKEN: "t"},
    {Kind.NATIVE: "n"},
)

some = settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
few = settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


class Faulty:
    """Answers well but for its faults: calls that fail at random, poison, items that are refused, dead tokens, outages."""

    def __init__(self, name, rng, *, whole=(), rate=0.0, items=0.0, missing=0.0, poison=(), refused=(), dead=(), down=()):
        self.name = name
        self.rng = rng
        self.whole, self.rate = whole, rate
        self.items, self.missing = items, missing
        self.poison, self.refused, self.dead, self.down = poison, refused, dead, down

    def __call__(self, asked, now):
        at = now - START
        if any(first <= at < last for first, last in self.down):
            return CallError(self.rng.choice(PASSING), f"{self.name} is down")
        if any(r.kind in self.dead for r in asked) or any(r.index in self.poison for r in asked):
            return CallError(ReadCode.SERVER_ERROR, f"{self.name} breaks")
        if self.whole and self.rng.random() < self.rate:
            fault = self.rng.choice(self.whole)
            header = self.rng.choice([None, "0", "2", "20", "garbage"]) if fault is ReadCode.THROTTLED else None
            return CallError(fault, f"{self.name}: {fault}", retry_after="90" if fault is ReadCode.QUOTA else header)
        outcomes = [self._item(r, now) for r in asked]
        return Reply(tuple(outcomes), None, len(asked), len(asked) - outcomes.count(MISSING))

    def _item(self, reading, now):
        if reading.index in self.refused:
            return ReadError(ReadCode.ITEM_ERROR, f"{self.name} refuses")
        draw = self.rng.random()
        if draw < self.items:
            return ReadError(ReadCode.ITEM_ERROR, f"{self.name} erred")
        return MISSING if draw > 1 - self.missing else balance(reading, now, self.name)

    def hang(self, now):
        return 15.0 if any(first <= now - START < last for first, last in self.down) and self.rng.random() < 0.3 else None


class Watched(World):
    """A world that looks at every call: how many are on a half-open breaker, what was paused, what was begun when."""

    def __init__(self, *providers, **more):
        super().__init__(*providers, **more)
        self.half_open = Counter()
        self.pauses = defaultdict(list)  # endpoint -> (announced at, until)
        self.sent = defaultdict(list)  # endpoint -> (when, units)
        self.successes = []
        inner_step = self.pool.step
        in_flight = set()

        def step(now):
            step = inner_step(now)
            for call in step.calls:
                in_flight.add(id(call))
                self._sent(call, now)
            for _, result in step.ended:
                if result.error is not None and result.error.code is not ReadCode.NO_PROVIDER:
                    assert self.successes, "nothing has succeeded, yet a reading ended"
            if self.pool.busy and step.halt is None and not in_flight:
                assert step.wake_at is not None
                assert now < step.wake_at <= now + 30
            return step

        self.pool.step, self._in_flight = step, in_flight

    def finish(self, call, answer, now):
        self._in_flight.discard(id(call))
        if isinstance(call, ReadCall) and call.permit.generation in self._probes(call):
            self.half_open[call.upstream.name, call.kind] -= 1
        if isinstance(answer, CallError) and answer.fault is ReadCode.THROTTLED:
            wait = retry_after(answer.retry_after, answer.date, now)
            if wait:
                self.pauses[call.upstream.provider.endpoint].append((now, now + wait))
        if isinstance(answer, Reply):
            self.successes.append(now)
        super().finish(call, answer, now)

    def _probes(self, call):
        return self.__dict__.setdefault("probes", defaultdict(set))[call.upstream.name, call.kind]

    def _sent(self, call, now):
        endpoint = call.upstream.provider.endpoint
        for begun, until in self.pauses[endpoint]:
            assert not begun < now < until, "a call inside an announced pause"
        cost = call.upstream.cost(call.batch) if isinstance(call, ReadCall) else 1
        self.sent[endpoint].append((now, cost))
        if isinstance(call, ReadCall) and call.upstream.breakers[call.kind].state == "half_open":
            self._probes(call).add(call.permit.generation)
            self.half_open[call.upstream.name, call.kind] += 1
            assert self.half_open[call.upstream.name, call.kind] == 1, "two calls in flight on a half-open breaker"

    def check_rates(self):
        for endpoint, sent in self.sent.items():
            rate = self.limiters[endpoint].ceiling
            due = float("-inf")  # GCRA of burst one, judged with the slack that the limiter states
            for when, cost in sent:
                assert when >= due - 2 * SLACK - 1e-6, "the rate was exceeded"
                due = max(due, when) + cost / rate

    def check_all(self, work, *, job=0):
        """The invariants that hold however it went."""
        self.check_rates()
        ended = Counter((r.reading.index, r.reading.asset.symbol) for r in self.results)
        assert not [key for key, n in ended.items() if n != 1]
        assert set(ended) <= {(r.index, r.asset.symbol) for r in work}
        if self.halt is None:
            self.check(work)
        for result in self.results:
            if isinstance(result.outcome, Balance):
                assert result.outcome.amount == 10 * result.reading.index + (1 if result.reading.asset.is_native else 2)
        assert set(self.jobs) <= {job}
        assert self.steps < 60 * (len(work) + 60) + 20 * self.elapsed, "the pool spins"


@st.composite
def worlds(draw, behaviour, *, shapes=SHAPES, most=5):
    """Random providers, some of which share an endpoint; `behaviour(draw, name, rng)` says how each of them answers."""
    rng = Random(draw(st.integers(0, 2**32)))
    providers, rates = [], {}
    for i in range(draw(st.integers(1, most))):
        name = f"p{i}"
        endpoint = draw(st.sampled_from([name, "p0"]))
        rates[endpoint] = draw(st.sampled_from([0.5, 3.0, 10.0, 50.0]))
        answers = behaviour(draw, name, rng)
        provider = Scripted(
            name,
            answers,
            methods=shapes[0] if i == 0 else draw(st.sampled_from(shapes)),
            capacity=draw(st.sampled_from([1, 2, 7, 20, 100])),
            endpoint=endpoint,
            latency=draw(st.sampled_from([0.0, 0.03, 0.4, 2.5])),
            states_head=draw(st.booleans()),
            costs_items=draw(st.sampled_from([False, False, True])),
        )
        provider.hang = getattr(answers, "hang", None)
        providers.append(provider)
    return Watched(*providers, rates=rates)


def anything(draw, name, rng):
    """Every fault there is, mixed."""
    return Faulty(
        name,
        rng,
        whole=draw(st.lists(st.sampled_from(WHOLE), max_size=4)),
        rate=draw(st.sampled_from([0.0, 0.05, 0.3, 1.0])),
        items=draw(st.sampled_from([0.0, 0.1])),
        missing=draw(st.sampled_from([0.0, 0.1])),
        poison=draw(st.sets(st.integers(0, 60), max_size=2)),
        refused=draw(st.sets(st.integers(0, 60), max_size=3)),
        dead=draw(st.sampled_from([(), (), (Kind.TOKEN,), (Kind.NATIVE,)])),
        down=draw(st.lists(st.tuples(st.integers(0, 40), st.integers(5, 90)), max_size=2)),
    )


@some
@given(worlds(anything), st.integers(0, 60), st.booleans())
def test_whatever_fails_nothing_is_lost_wrong_or_ended_twice(world, n, tokens):
    work = readings(n, COIN, USDT) if tokens else readings(n)
    world.read(work)
    world.check_all(work)


def passing(draw, name, rng):
    """Outages, flapping, hangs and failing calls, all of which pass."""
    starts = draw(st.lists(st.integers(0, 200), max_size=4))
    down = [(first, first + draw(st.integers(1, 60))) for first in starts]
    return Faulty(name, rng, whole=PASSING, rate=draw(st.sampled_from([0.0, 0.0, 0.1])), down=down)


@some
@given(worlds(passing, shapes=SHAPES[:2]), st.integers(1, 80))
def test_a_world_that_heals_is_read(world, n):
    """Only what was in flight at an edge may be unread, and the final pass reads that."""
    work = readings(n, COIN, USDT)
    world.read(work)
    world.check_all(work)
    assert world.halt is None
    gaps = [result.reading for result in world.unread()]
    world.results.clear()
    world.now = max(world.now, START + 300)
    world.pool.submit(0, gaps, budget_free=True)
    world.run()
    world.check(gaps)


@few
@given(worlds(lambda draw, name, rng: Faulty(name, rng, down=[(30, 200)])), st.integers(1, 100))
def test_an_outage_of_everybody_ends_nothing(world, n):
    work = readings(n, COIN, USDT)
    world.read(work, until=199)
    ended = [r for r in world.results if r.error is not None and r.error.code is not ReadCode.NO_PROVIDER]
    at_edge = sum(len(asked) for p in world.providers for t, asked in p.asked if START + 25 < t < START + 31)
    assert len(ended) <= at_edge
    world.run()
    world.check_all(work)
    assert world.halt is None


@few
@given(
    worlds(lambda draw, name, rng: Faulty(name, rng, poison=(3, 41), refused=(17,)), shapes=SHAPES[:1]),
    st.integers(1, 60),
)
def test_what_is_bad_at_every_provider_is_all_that_is_unread(world, n):
    work = readings(n, COIN)
    world.read(work)
    world.check_all(work)
    assert world.halt is None
    for _ in range(2):  # poison opens breakers, too: what waits for one in vain is read by the final pass
        gaps = [result.reading for result in world.unread()]
        world.results = [result for result in world.results if result.error is None]
        world.pool.submit(0, gaps, budget_free=True)
        world.run()
    assert world.halt is None
    assert {r.reading.index for r in world.unread()} == {3, 41, 17} & set(range(n))


@few
@given(
    worlds(lambda draw, name, rng: Faulty(name, rng, dead=(Kind.TOKEN,)), shapes=SHAPES[:2]), st.integers(1, 60), st.booleans()
)
def test_dead_tokens_cost_the_tokens_only(world, n, first):
    work = readings(n, COIN, USDT)
    world.read(work)
    world.check_all(work)
    assert world.halt is None
    assert {r.reading.asset for r in world.unread()} == {USDT}
    assert len(world.unread()) == n


@few
@given(worlds(lambda draw, name, rng: Faulty(name, rng, dead=(Kind.NATIVE,)), shapes=SHAPES[:2]), st.integers(1, 60))
def test_dead_natives_cost_the_natives_only(world, n):
    work = readings(n, COIN, USDT)
    world.read(work)
    world.check_all(work)
    assert world.halt is None
    assert {r.reading.asset for r in world.unread()} == {COIN}


@pytest.mark.parametrize("capacity", [1, 5, 20])
@pytest.mark.parametrize("seed", range(4))
def test_a_fifth_of_the_calls_failing_costs_at_most_three_times_the_calls(capacity, seed):
    rng = Random(seed)
    providers = [
        Scripted(n, Faulty(n, rng, whole=PASSING, rate=0.2), capacity=capacity, methods={Kind.NATIVE: "n"}) for n in "abc"
    ]
    work = readings(40 * capacity)
    world = Watched(*providers, rates=dict.fromkeys("abc", 10.0)).read(work)
    world.check_all(work)
    assert sum(len(p.asked) for p in providers) <= 3 * 40
    assert len(world.unread()) <= 0.05 * len(work)


@pytest.mark.parametrize("kind", [COIN, USDT])
def test_a_step_is_cheap_however_much_came_back(kind):
    """12,000 readings that came back and five providers: a step is about a millisecond at most."""
    providers = [Scripted(n, good(n), capacity=20) for n in "abcde"]
    world = World(*providers, rates=dict.fromkeys("abcde", 5.0))
    pool = world.pool
    assert isinstance(pool, ChainPool)
    work = readings(12_000, kind)
    pool.submit(0, work)
    for call in pool.step(START).calls:
        world.finish(call, Head(100), START)
    items = []
    for name, upstream in world.upstreams.items():
        while pulled := pool._queue.pull(name, Kind.MIXED, 3000, {Kind.NATIVE: 1, Kind.TOKEN: 1}, retries=True):
            for item in pulled:
                item.attempts = 1
                item.fail(name, ReadError(ReadCode.TIMEOUT, "x"), START)
            items += pulled
            if len(pulled) < 3000:
                break
        assert upstream.trust is Trust.TRUSTED
    pool._queue.give_back(items)
    steps, now, spent = 0, START + 1, 0.0
    for _ in range(400):
        began = process_time()
        step = pool.step(now)
        spent += process_time() - began
        steps += 1
        for call in step.calls:
            if isinstance(call, ReadCall):
                world.finish(call, Reply(tuple(balance(r, now, "x") for r in call.readings)), now)
            else:
                world.finish(call, Head(100), now)
        now += 0.05
    assert spent / steps < 0.002
    assert CHAIN.id == "bsc"


@some
@given(worlds(anything), st.integers(1, 40), st.data())
def test_who_is_excluded_is_never_asked_and_everything_ends(world, n, data):
    names = [provider.name for provider in world.providers]
    excluded = frozenset(data.draw(st.lists(st.sampled_from(names), min_size=1)))
    plain, closed = readings(n, COIN, USDT), readings(n, COIN, USDT, first=1000)
    inner = world.pool.step

    def step(now):
        step = inner(now)
        for call in step.calls:
            for pending in call.batch if isinstance(call, ReadCall) else ():
                assert call.upstream.name not in pending.excluded
        return step

    world.pool.step = step
    world.pool.submit(0, closed, excluded=excluded)
    world.read(plain)
    world.check_all([*plain, *closed])
