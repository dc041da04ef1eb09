"""One process of the client: the product put together as the application does it, watched, and interrupted as planned."""

import asyncio
from contextlib import aclosing
from random import Random
from typing import Any

import msgspec

from hdscan.app.fleet import policy
from hdscan.model.errors import StoreError
from hdscan.model.events import Event, ScanState
from hdscan.model.scan import ScanRequest
from hdscan.scan.engine import Engine, EngineSettings
from hdscan.scan.progress import progress_of
from hdscan.web.state import CurrentState
from tests.simulation.ending import Ending
from tests.simulation.net import InProcess
from tests.simulation.ports import End, Observed, WatchedBreaker
from tests.simulation.scenario import How, Run
from tests.simulation.stage import BEGAN
from tests.simulation.watch import Violation

LONGEST = 8 * 3600.0  # virtual seconds that a run may take
MOST_STEPS = 1_500_000  # callbacks of a run
STOPS_WITHIN = 6.0  # seconds that an orderly stop may take on a quick disk


class Killed(Exception):
    """The process is gone."""


class Process:
    """One process of the client, from its start to its end."""

    def __init__(self, life: Any, request: ScanRequest, run: Run) -> None:
        self.life, self.request, self.plan = life, request, run
        self.loop, self.watch = life.loop, life.watch
        offset = BEGAN + life.stepped
        self.clock = lambda: offset + self.loop.time()
        self.store = life.store()
        self.transport = InProcess(
            life.sites,
            life.clock,
            life.watch,
            life.settings.scan.request_timeout,
            Random(f"net/{life.scenario.seed}/{life.runs}"),
        )
        self.fleet = life.fleet(self.clock, self.transport)
        self.ends: list[End] = []
        pool_policy = policy(life.settings)
        for upstreams in self.fleet.upstreams.values():
            for upstream in upstreams:
                end = End()
                upstream.provider = Observed(upstream, self.watch, self.loop.time, end)
                plan = life.sites[upstream.name.split("/")[0]].plan
                upstream.provider.drawn = plan.drawn and not plan.trusted
                for kind in upstream.breakers:
                    upstream.breakers[kind] = WatchedBreaker(
                        pool_policy, f"{upstream.name} {kind}", upstream.provider.chain, self.watch, end, offset
                    )
        self.engine = Engine(
            self.store,
            self.fleet,
            life.settings.chains,
            life.settings.assets,
            EngineSettings(
                pool_policy, life.settings.scan.chunk, life.settings.scan.final_passes, "simulated", life.settings.scan.audit
            ),
            clock=self.clock,
            derive=life.branches.derive,
            jitter=Random(f"jitter/{life.scenario.seed}/{life.runs}").random,
            executor=life.disk,
        )
        self.watch.probing = lambda chain: self.engine._scanners[chain]._pool._completions._probing
        self.live: CurrentState | None = None
        self.closing = False
        self.interrupted: set[How] = set()
        self.stopped_at: float | None = None
        self.began = self.loop.time()
        self.first_step = self.loop.steps
        self.consumer: asyncio.Task[None] | None = None

    def play(self) -> None:
        """Run it to its end, however that comes."""
        loop = self.loop
        loop.before_step = self._before_step
        self.consumer = loop.create_task(self._consume())
        died = refused = False
        try:
            loop.run_until_complete(self.consumer)
        except Killed:
            died = True
        except asyncio.CancelledError:
            pass
        except StoreError as error:
            refused = True
            if not self.life.disk.failed:
                raise Violation("disk", f"the store refused on a healthy disk: {error}") from error
        finally:
            loop.before_step = lambda steps: None
        if self.watch.violation is not None:
            raise self.watch.violation
        if died:
            self.watch.trace(f"{loop.time():.6f} killed")
            self.life.clear()
        if died or self.life.disk.failed:
            for site in self.life.sites.values():
                site.forget()  # what was learned since the last write is lost
        if not died:
            left = asyncio.all_tasks(loop)
            if left:
                raise Violation("ends", f"{len(left)} tasks are left behind")
        if not died and not refused:
            Ending(self).check()

    def _before_step(self, steps: int) -> None:
        if self.watch.violation is not None:
            raise self.watch.violation
        at = steps - self.first_step
        if at > MOST_STEPS or self.loop.time() - self.began > LONGEST:
            raise Violation("ends", f"a run did not end within {self.loop.time() - self.began:.0f} s and {at} steps")
        if self.stopped_at is not None:
            allowed = STOPS_WITHIN if not (self.life.scenario.disk.slow or self.life.disk.failed) else 200.0
            if self.loop.time() - self.stopped_at > allowed + 40 * bool(self.life.scenario.stalls):
                raise Violation("stops", f"a stop took longer than {allowed:.0f} s")
        for interruption in self.plan.interruptions:
            if interruption.step == at:
                self._interrupt(interruption.how)

    def _interrupt(self, how: How) -> None:
        assert self.consumer is not None
        if self.consumer.done():
            return
        self.interrupted.add(how)
        self.watch.trace(f"{self.loop.time():.6f} {how}")
        if how is How.KILL:
            raise Killed
        if how is How.STOP_ONE:
            self.engine.stop(sorted(self.life.scenario.addresses)[:1])
            return
        if how is How.CLOSE:
            self.closing = True
            return
        self.stopped_at = self.stopped_at if self.stopped_at is not None else self.loop.time()
        if how is How.STOP:
            self.engine.stop()
        else:
            self.consumer.cancel()

    async def _consume(self) -> None:
        async with aclosing(self.engine.run(self.request)) as events:
            async for event in events:
                self._take(event)
                if self.closing:
                    self.stopped_at = self.loop.time()
                    break

    def _take(self, event: Event) -> None:
        self.watch.trace(msgspec.json.encode(event).decode().replace(str(self.life.stage.path), "wallet.db"))
        if isinstance(event, ScanState):
            records = [r for chain in self.life.settings.chains if (r := self.store.scans.latest(chain))]
            errors = [error for r in records for error in self.store.scans.token_errors(r.scan_id, r.chain)]
            self.live = CurrentState([progress_of(record) for record in records], errors, [])
            for first in self.live.beginning(event):
                self._apply(first)
            return
        self._apply(event)

    def _apply(self, event: Event) -> None:
        assert self.live is not None
        self.watch.said(event, self.loop.time(), self.life.settings.scan.backoff_base)
        self.live.apply(event)
