"""The driver: makes the calls, gives every call's end to the pool, and leaves nothing behind when it is cancelled."""

import asyncio
from itertools import count

import msgspec
import pytest
import structlog

from hdscan.model.chain import Finality
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head, Reply
from hdscan.model.reading import Kind
from hdscan.pool.actions import Halt, ReadCall
from hdscan.pool.chain_pool import ChainPool
from hdscan.pool.driver import Driver
from hdscan.pool.limiter import Limiter
from hdscan.pool.policy import Policy
from hdscan.pool.upstream import Upstream
from tests.pool.virtual import CHAIN, START, Scripted, balance, good, readings


class Awaited(Scripted):
    """A scripted provider that is really awaited; `gate` holds its reads back."""

    def __init__(self, name, behaviour, **more):
        super().__init__(name, behaviour, **more)
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()
        self.at_once = 0
        self.most_at_once = 0

    async def prove(self):
        return self.given(Head(self.proof(START)))

    async def tip(self):
        return self.given(Head(self.proof(START)))

    async def read(self, asked, height):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.begun.set()
        try:
            await self.gate.wait()
            self.asked.append((START, tuple(asked)))
            return self.given(self.behaviour(asked, START))
        finally:
            self.at_once -= 1

    @staticmethod
    def given(answer):
        if isinstance(answer, Exception):
            raise answer
        return answer


class Rig:
    """A driver over awaited providers whose clock runs a thousand times as fast as the loop's."""

    def __init__(self, *providers, policy=None):
        policy = policy or Policy()
        self.upstreams = [Upstream(p, "scripted", Limiter(1000.0), policy) for p in providers]
        self.pool = ChainPool(CHAIN, Finality(), self.upstreams, policy, jitter=lambda: 0.0)
        self.results = []
        self.done = asyncio.Event()
        self.wanted = 0
        ticks = count()
        self.driver = Driver(self.pool, lambda: START + next(ticks) * 0.01, self.deliver)

    def deliver(self, step):
        self.results += [result for _, result in step.ended]
        if len(self.results) >= self.wanted:
            self.done.set()

    async def read(self, work):
        self.wanted = len(work)
        task = asyncio.create_task(self.driver.run())
        self.driver.submit(0, work)
        await asyncio.wait_for(self.done.wait(), 10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_every_reading_is_delivered_once():
    async def main():
        rig = Rig(Awaited("a", good("a")), Awaited("b", good("b")))
        work = readings(95)
        await rig.read(work)
        assert sorted(r.reading.index for r in rig.results) == list(range(95))
        assert not rig.pool.upstreams.busy

    asyncio.run(main())


def test_calls_are_in_flight_together():
    async def main():
        a = Awaited("a", good("a"), capacity=1)
        rig = Rig(a)
        a.gate.clear()
        asyncio.get_running_loop().call_later(0.05, a.gate.set)
        await rig.read(readings(20))
        assert a.most_at_once > 5

    asyncio.run(main())


def test_a_failed_call_is_the_pools_to_judge():
    async def main():
        bad = Awaited("bad", lambda asked, now: CallError(ReadCode.TIMEOUT, "late"))
        rig = Rig(bad, Awaited("good", good("good")))
        await rig.read(readings(40))
        assert {r.outcome.source for r in rig.results} == {"good"}

    asyncio.run(main())


def test_a_defect_of_a_provider_costs_its_readings_a_provider_never_the_scan():
    async def main():
        bad = Awaited("bad", lambda asked, now: ZeroDivisionError("oops"))
        rig = Rig(bad, Awaited("good", good("good")))
        with structlog.testing.capture_logs() as logs:
            await rig.read(readings(40))
        assert {r.outcome.source for r in rig.results} == {"good"}
        assert {log["event"] for log in logs} == {"provider_defect"}

    asyncio.run(main())


def test_a_reply_of_the_wrong_length_is_a_failed_call_and_loses_no_reading():
    async def main():
        def cut(asked, now):
            return Reply(tuple(balance(r, now, "bad") for r in asked[:-1]))

        rig = Rig(Awaited("bad", cut), Awaited("good", good("good")))
        await rig.read(readings(40))
        assert {r.outcome.source for r in rig.results} == {"good"}
        assert not rig.pool.upstreams.busy

    asyncio.run(main())


def half_open_rig(provider):
    rig = Rig(provider)
    rig.driver.submit(0, readings(5))
    breaker = rig.upstreams[0].breakers[Kind.NATIVE]
    for _ in range(3):
        breaker.failure(breaker.acquire(START - 100), START - 100)  # its next call is the only one through
    return rig, breaker


def check_nothing_is_left(rig, breaker):
    assert not rig.upstreams[0].busy
    assert breaker.state == "half_open"
    assert breaker.allows(START + 1000)  # the permit came back
    assert not rig.results
    assert len(rig.pool._queue) == 5


def test_cancelled_calls_are_given_up_and_their_permits_given_back():
    async def main():
        a = Awaited("a", good("a"), capacity=1)
        a.gate.clear()
        rig, breaker = half_open_rig(a)
        task = asyncio.create_task(rig.driver.run())
        await asyncio.wait_for(a.begun.wait(), 10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        check_nothing_is_left(rig, breaker)

    asyncio.run(main())


def test_calls_that_had_not_begun_when_the_driver_ended_are_given_up_too():
    async def main():
        a = Awaited("a", good("a"), capacity=1)
        rig, breaker = half_open_rig(a)
        decide = rig.pool.step

        def step(now):
            decided = decide(now)
            reads = any(isinstance(call, ReadCall) for call in decided.calls)
            return msgspec.structs.replace(decided, halt=Halt("enough")) if reads else decided

        rig.pool.step = step
        assert await asyncio.wait_for(rig.driver.run(), 10) == Halt("enough")
        assert not a.begun.is_set()
        check_nothing_is_left(rig, breaker)

    asyncio.run(main())


def test_a_chain_that_cannot_go_on_ends_the_run_and_says_why():
    async def main():
        rig = Rig(Awaited("a", lambda asked, now: CallError(ReadCode.BAD_KEY, "no such key")))
        rig.driver.submit(0, readings(5))
        stop = await asyncio.wait_for(rig.driver.run(), 10)
        assert "no such key; check the key in its `url`" in stop.reason

    asyncio.run(main())


def test_work_that_comes_while_it_waits_is_begun_at_once():
    async def main():
        rig = Rig(Awaited("a", good("a")))
        await rig.read(readings(5))
        rig.results.clear()
        rig.done.clear()
        await rig.read(readings(5, first=5))
        assert len(rig.results) == 5

    asyncio.run(main())


def test_a_defect_in_judging_a_reply_ends_the_run_instead_of_losing_its_readings():
    async def main():
        rig = Rig(Awaited("a", lambda asked, now: Reply((object(),) * len(asked))))
        task = asyncio.create_task(rig.driver.run())
        rig.driver.submit(0, readings(3))
        with pytest.raises(AttributeError):
            await asyncio.wait_for(task, 10)

    asyncio.run(main())


def test_what_ended_since_the_last_step_is_delivered_when_it_is_cancelled():
    async def main():
        a = Awaited("a", good("a"))
        rig = Rig(a)
        rig.wanted = 3
        task = asyncio.create_task(rig.driver.run())
        rig.driver.submit(0, readings(3))
        a.gate.clear()
        await asyncio.wait_for(a.begun.wait(), 10)
        a.gate.set()
        for _ in range(10):
            if not rig.pool.upstreams.busy:
                break  # before the driver has looked
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert len(rig.results) == 3

    asyncio.run(main())
