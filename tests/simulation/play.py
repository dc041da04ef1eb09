"""Plays a scenario from its first process to the end of its scan, and says what it saw."""

import asyncio
import atexit
import gc
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime
from functools import lru_cache
from math import ceil
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import structlog

from hdscan.app.demo import simulated_settings
from hdscan.app.fleet import make_fleet, policy
from hdscan.model.chain import Network
from hdscan.model.errors import StoreError
from hdscan.model.events import Event, ScanState
from hdscan.model.reading import Kind
from hdscan.model.scan import BalanceState, Status
from hdscan.pool.seat import Seat, Standing
from hdscan.scan.chain_scan import stands
from hdscan.scan.engine import Engine, Fleet
from hdscan.scan.plan import ScanRequest, chunk_size
from hdscan.settings import Settings
from hdscan.sim.chains import EPOCH
from hdscan.sim.world import World
from hdscan.store import Store
from hdscan.store.database import Database
from hdscan.web.live import Live
from tests.simulation.disk import Disk
from tests.simulation.loop import Stuck, VirtualLoop
from tests.simulation.net import InProcess, Site, WorldClock
from tests.simulation.scenario import How, Run, Scenario
from tests.simulation.watch import End, Observed, Violation, Watch, WatchedBreaker

BEGAN = EPOCH + 26_000_000.5  # unix seconds
LONGEST = 40 * 3600.0  # virtual seconds that a run may take
MOST_STEPS = 1_500_000  # callbacks of a run
STOPS_WITHIN = 6.0  # seconds that an orderly stop may take on a quick disk
DEFECTS = ("provider_defect", "watch_ended", "memory_not_understood")


class Outcome(msgspec.Struct, frozen=True):
    """What came of a scenario: its trace's hash, how much was played, and what did not hold."""

    seed: int
    digest: str
    readings: int = 0  # asked
    faulted: int = 0  # in worlds with faults
    calls: int = 0
    runs: int = 0
    seconds: float = 0.0  # virtual
    rule: str | None = None
    why: str | None = None
    lines: tuple[str, ...] = ()


class Killed(Exception):
    """The process is gone."""


def play(scenario: Scenario, *, keep: bool = False) -> Outcome:
    """Play it; `keep` keeps the lines of the trace."""
    stage = _stage()
    enabled = gc.isenabled()
    gc.disable()  # what is collected when must not decide on anything
    configured = structlog.get_config()
    try:
        life = _Life(scenario, stage, keep)
        structlog.configure(processors=[_Log(life.watch)])
        return life.play()
    finally:
        structlog.configure(**configured)
        stage.database.engine.dispose()
        if stage.played():
            gc.collect()
        if enabled:
            gc.enable()


class _Life:
    def __init__(self, scenario: Scenario, stage: "_Stage", keep: bool) -> None:
        self.scenario = scenario
        seed = scenario.seed
        self.dice = Random(f"life/{seed}")
        self.loop = VirtualLoop(Random(f"order/{seed}") if scenario.shuffled else None, self._lateness)
        self.late = Random(f"late/{seed}")
        self.clock = WorldClock(self.loop, BEGAN)
        self.world = World(seed, scenario.addresses, funded=scenario.funded)
        self.watch = Watch(self.world, keep)
        self.sites = {
            p.spec.name: Site(p, self.world, self.clock, self.watch, seed, stalls=bool(scenario.stalls)) for p in scenario.hosts
        }
        for site in self.sites.values():
            self.watch.sites.setdefault(site.chain, []).append(site)
        self.disk = Disk(self.loop, scenario.disk, Random(f"disk/{seed}"), self.watch.after_disk)
        self.stage = stage
        self.settings = _settings(self.world, self.sites, stage.path, scenario)
        self.stepped = 0.0  # what the machine's wall clock is off by
        self.runs = 0
        self.engine: Engine | None = None

    def _lateness(self) -> float:
        scenario = self.scenario
        if scenario.stalls and self.late.random() < scenario.stalls:
            return self.late.choice((0.3, 2.0, 20.0))
        return self.late.random() * scenario.late if scenario.late else 0.0

    # -- a life

    def play(self) -> Outcome:
        rule = why = None
        try:
            self._prepare()
            self._lead()
        except Violation as violation:
            rule, why = violation.rule, str(violation)
        except Stuck as stuck:
            rule, why = "ends", f"ends: {stuck}"
        finally:
            self.watch.close()
            self._clear()
            self.disk.leave()
            self.loop.close()
        watch = self.watch
        faulted = any(p.rules or p.for_good or p.refuses for p in self.scenario.hosts)
        return Outcome(
            self.scenario.seed,
            watch.digest,
            watch.readings,
            watch.readings if faulted else 0,
            watch.read_calls,
            self.runs,
            self.loop.time(),
            rule,
            why,
            tuple(watch.lines),
        )

    def _prepare(self) -> None:
        self.stage.empty()
        store = self.store()
        for name, chain in self.world.chains.items():
            store.add_addresses(name, ((text, None) for text in chain.addresses()))
        self.disk.serve(store)
        self.watch.open(self.stage.path)

    def _lead(self) -> None:
        scenario = self.scenario
        for once_more in (False, True)[: 1 + scenario.again]:
            if once_more:
                self.watch.healed = self.disk.mended = False
                for site in self.sites.values():
                    site.host.set_rules((*site.plan.for_good, *site.plan.rules))
                    site.host.reset()
            heals = self.loop.call_at(self.loop.time() + scenario.heals, self._heal)
            for number, run in enumerate(scenario.runs):
                self._run(run, ScanRequest(restart=once_more and number == 0))
            if not scenario.bounded:
                heals.cancel()
                self._complete(restart=once_more and not scenario.runs)
            else:
                self._check_bound()
                heals.cancel()

    def _heal(self) -> None:
        self.watch.trace(f"{self.loop.time():.6f} the world heals")
        self.watch.healed = self.disk.mended = True
        for site in self.sites.values():
            site.host.set_rules(site.plan.for_good)

    def _complete(self, *, restart: bool) -> None:
        """Whatever happened, a scan that can go on in a healed world completes."""
        self._heal()
        for attempt in range(8):
            records = self._latest()
            unfinished = any(record is None or record.status.resumable for record in records)
            if not unfinished and not restart and all(record.status is Status.COMPLETED for record in records):
                break
            request = ScanRequest(restart=restart, retry=not unfinished and not restart)
            restart = False
            self._run(Run(wait=self._told(records) if attempt else 1.0), request)
        else:
            told = "; ".join(f"{r.chain} {r.status} {r.read}/{r.unread}/{r.readings} {r.error}" for r in records if r)
            raise Violation("completes", f"the healed world did not complete the scan: {told}")
        self._check_end()

    def _told(self, records: list[Any]) -> float:
        """Seconds until the scan said that it is worth coming back."""
        waits = [60.0]
        for record in records:
            if record is not None and (found := re.search(r"scan again at (\S+):", record.error or "")):
                at = datetime.fromisoformat(found[1].replace("Z", "+00:00")).timestamp()
                waits.append(at + 1.0 - (BEGAN + self.stepped + self.loop.time()))
        return max(waits)

    def _latest(self) -> list[Any]:
        store = self.store()
        return [store.latest(chain) for chain, count in self.scenario.addresses.items() if count]

    # -- a process

    def _run(self, run: Run, request: ScanRequest) -> None:
        self.runs += 1
        loop, watch = self.loop, self.watch
        if run.wait:
            loop.run_until_complete(asyncio.sleep(run.wait))
        if run.step:
            self.stepped += run.step
        watch.trace(f"{loop.time():.6f} run {self.runs} {request.restart} {request.retry}")
        watch.new_run()
        watch._version = -1
        for site in self.sites.values():
            site.new_client()
            if run.step:
                site.forget()
        self.disk.begin()
        process = _Process(self, request, run)
        process.play()
        if watch.violation is not None:
            raise watch.violation

    def store(self) -> Store:
        """The store as a process opens it; what is compiled of it is kept, since that takes most of the time."""
        store = Store(self.stage.database)
        store.register(list(self.settings.chains.values()), [a for each in self.settings.assets.values() for a in each])
        return store

    def _clear(self) -> None:
        """Take the tasks of a dead process away, unseen."""
        self.watch.muted = True
        self.disk.dead = True
        self.loop.before_step = lambda steps: None
        dice, self.loop._dice = self.loop._dice, None
        for _ in range(20):
            tasks = asyncio.all_tasks(self.loop)
            if not tasks:
                break
            for task in sorted(tasks, key=lambda task: task.get_name()):
                task._log_destroy_pending = False
                task.cancel()
            try:
                self.loop.run_until_complete(asyncio.wait(tasks, timeout=0.0))
            except Stuck:
                break
        self.loop._dice = dice
        self.watch.muted = False

    # -- what must be true in the end

    def _check_end(self) -> None:
        for row in self.store().balances():
            true = self.watch._truth[row.chain, row.index, row.asset]
            if row.state is not BalanceState.READ:
                raise Violation("completes", f"{row.asset} of {row.chain} address {row.index} is {row.state} in the end")
            site = self.sites[str(row.source).split("/")[0]]
            believable = (site.name, row.address.lower(), row.asset) in self.watch.believable
            if row.amount != str(true) and not believable:
                raise Violation("wrong amount", f"{row.asset} of {row.chain} address {row.index}: {row.amount}, not {true}")

    def _check_bound(self) -> None:
        least = 0
        for chain, count in self.scenario.addresses.items():
            seats = self._fleet(lambda: 0.0, None).seats[chain]
            assets = self.settings.assets[chain]
            chunk = chunk_size(seats, assets, self.settings.scan.chunk)
            provider = seats[0].provider
            for first in range(0, count, chunk):
                n = min(chunk, count - first)
                if Kind.MIXED in provider.methods:
                    units = n * sum(provider.weight[Kind.NATIVE if a.is_native else Kind.TOKEN] for a in assets)
                    least += ceil(units / provider.capacity[Kind.MIXED])
                else:
                    least += ceil(n / provider.capacity[Kind.NATIVE])
                    if len(assets) > 1:
                        least += (len(assets) - 1) * ceil(n / provider.capacity[Kind.TOKEN])
        if self.watch.read_calls > 3 * least + 12:
            raise Violation("work", f"{self.watch.read_calls} calls were made where {least} could do")
        for record in self._latest():
            if record.status not in (Status.COMPLETED, Status.COMPLETED_WITH_GAPS):
                raise Violation("completes", f"{record.chain} ended as {record.status}: {record.error}")

    def _fleet(self, clock: Callable[[], float], transport: Any) -> Fleet:
        return make_fleet(self.settings, transport, clock)


class _Process:
    """One process of the client, from its start to its end."""

    def __init__(self, life: _Life, request: ScanRequest, run: Run) -> None:
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
        self.fleet = life._fleet(self.clock, self.transport)
        self.ends: list[End] = []
        pool_policy = policy(life.settings)
        for seats in self.fleet.seats.values():
            for seat in seats:
                end = End()
                seat.provider = Observed(seat, self.watch, self.loop.time, end)
                for kind in seat.breakers:
                    seat.breakers[kind] = WatchedBreaker(
                        pool_policy, f"{seat.name} {kind}", seat.provider.chain, self.watch, end, offset
                    )
        self.engine = Engine(
            self.store,
            self.fleet,
            life.settings.chains,
            life.settings.assets,
            policy=pool_policy,
            chunk=life.settings.scan.chunk,
            final_passes=life.settings.scan.final_passes,
            clock=self.clock,
            jitter=Random(f"jitter/{life.scenario.seed}/{life.runs}").random,
            worker="simulated",
            executor=life.disk,
        )
        self.watch.probing = lambda chain: self.engine._scanners[chain]._pool._endings._probing
        self.live: Live | None = None
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
            self.life._clear()
        if died or self.life.disk.failed:
            for site in self.life.sites.values():
                site.forget()  # what was learned since the last write is lost
        if not died:
            left = asyncio.all_tasks(loop)
            if left:
                raise Violation("ends", f"{len(left)} tasks are left behind")
        if not died and not refused:
            self._check()

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
            records = [r for chain in self.life.settings.chains if (r := self.store.latest(chain))]
            errors = [error for r in records for error in self.store.token_errors(r.scan_id, r.chain)]
            self.live = Live([stands(record) for record in records], errors, [])
            for first in self.live.beginning(event):
                self._apply(first)
            return
        self._apply(event)

    def _apply(self, event: Event) -> None:
        assert self.live is not None
        self.watch.said(event, self.loop.time(), self.life.settings.scan.backoff_base)
        self.live.apply(event)

    # -- what must be true when a process has ended

    def _check(self) -> None:
        for seats in self.fleet.seats.values():
            for seat in seats:
                self._check_permits(seat)
        whole = not {How.CLOSE, How.CANCEL} & self.interrupted
        plan = self.engine.plan
        if plan is None or not whole:
            return
        stored = {record.chain: record for record in self.store.scan(plan.scan_id)}
        errors = {(e.chain, e.token): e for chain in stored for e in self.store.token_errors(plan.scan_id, chain)}
        result = self.engine.result
        if result is None or self.live is None:
            raise Violation("ends", "a run ended without a result")
        worked = [record.chain for record in plan.chains if record.status.resumable or (plan.retry and record.unread)]
        for chain in worked:
            record, told, live = stored[chain], result.chains[chain], self.live.chains[chain]
            if record.status is Status.RUNNING and not self.life.disk.failed:
                raise Violation("ends", f"{chain} is left as running")
            totals = (record.read, record.unread, record.funded)
            if (told.read, told.unread, told.funded) != totals or (live.read, live.unread, live.funded) != totals:
                raise Violation("totals", f"{chain}: {totals} are stored, {told} is the result, {live} was said")
            if live.status is not told.status or (record.status is not told.status and not self.life.disk.failed):
                raise Violation(
                    "totals", f"{chain}: {record.status} is stored, {told.status} the result, {live.status} was said"
                )
            self._check_status(
                record if not self.life.disk.failed else msgspec.structs.replace(record, status=told.status), chain
            )
            self._check_quarantine(chain, plan.scan_id)
        said = {(e.chain, e.token): e.addresses for e in self.live.snapshot().token_errors if e.chain in worked}
        held = {key: e.addresses for key, e in errors.items() if key[0] in worked}
        if said != held and not self.life.disk.failed:
            raise Violation("totals", f"token errors {said} were said, {held} are stored")
        self._check_providers(worked)

    def _check_permits(self, seat: Seat) -> None:
        if seat.in_flight or seat.checking:
            raise Violation("permit", f"{seat.name} is left with {seat.in_flight} calls in flight, checking: {seat.checking}")
        for breaker in seat.breakers.values():
            assert isinstance(breaker, WatchedBreaker)
            if breaker.out or breaker._probing:
                raise Violation("permit", f"{breaker._name} never got {len(breaker.out)} permits back")

    def _check_status(self, record: Any, chain: str) -> None:
        status, error = record.status, record.error or ""
        full = record.read == record.readings
        if status is Status.COMPLETED and not full:
            raise Violation("status", f"{chain} is completed with {record.read} of {record.readings} read")
        if status is Status.COMPLETED_WITH_GAPS and (full or record.read + record.unread != record.readings):
            raise Violation("status", f"{chain} has gaps with {record.read}, {record.unread} of {record.readings}")
        if status is Status.STOPPED and not self.interrupted:
            raise Violation("status", f"{chain} is stopped, and nobody stopped it")
        if status is not Status.FAILED:
            return
        scan = self.life.settings.scan
        silent = self.loop.time() - max(self.began, self.watch.success_at.get(chain, self.began))
        if error.startswith("no provider answered for"):
            if silent < scan.outage_limit - 1e-3:
                raise Violation("status", f"{chain} gave up after {silent:.1f} s of silence")
        elif error.startswith("no provider is left"):
            out = [seat.standing.out for seat in self.fleet.seats[chain]]
            if not all(out):
                raise Violation("status", f"{chain} gave up, and somebody was left")
        elif error.startswith("every provider is paused"):
            if self.life.scenario.heals > 1e5:
                raise Violation("status", f"{chain} gave up: {error}")
        elif not self.life.disk.failed:
            raise Violation("status", f"{chain} failed without a reason: {error}")

    def _check_quarantine(self, chain: str, scan_id: int) -> None:
        gone = [seat.name for seat in self.fleet.seats[chain] if seat.standing is Standing.QUARANTINED]
        if gone and not self.life.disk.failed:
            marks = ",".join("?" * len(gone))
            database = self.watch._database
            assert database is not None
            query = "SELECT count(*) FROM balance b JOIN source s ON s.id = b.source_id WHERE b.scan_id = ? AND s.name IN"
            (count,) = database.execute(f"{query} ({marks})", (scan_id, *gone)).fetchone()
            if count:
                raise Violation("quarantine", f"{count} balances of quarantined {', '.join(gone)} are still believed")

    def _check_providers(self, worked: list[str]) -> None:
        assert self.live is not None
        said = {status.name: status for status in self.live.snapshot().providers}
        for status in self.engine.statuses():
            if status.chain in worked and status.name in said:
                mine = said[status.name]
                if (mine.calls, mine.ok, mine.failed, mine.throttled) != (
                    status.calls,
                    status.ok,
                    status.failed,
                    status.throttled,
                ):
                    raise Violation("totals", f"{status.name}: {mine} was said, {status} is so")


# -- the stage


class _Stage:
    """A database file that every life begins with empty, and its engine: one of each in a process."""

    def __init__(self) -> None:
        where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        directory = Path(tempfile.mkdtemp(prefix="hdscan-simulation-", dir=where))
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        self.path, self._template = directory / "wallet.db", directory / "empty.db"
        settings = _settings(World(0, 0), {}, self._template, None)
        with Store.open(settings.db, Network.MAINNET) as store:
            store.register(list(settings.chains.values()), [a for each in settings.assets.values() for a in each])
        self.empty()
        self.database = Database.at(f"sqlite:///{self.path}", create=False)
        self._lives = 0
        gc.collect()
        gc.freeze()

    def empty(self) -> None:
        """Put an empty database there."""
        for ending in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        shutil.copyfile(self._template, self.path)

    def played(self) -> bool:
        """Whether it is time to collect what lives left behind."""
        self._lives += 1
        return self._lives % 20 == 0


_stage = lru_cache(1)(_Stage)


def _settings(world: World, sites: dict[str, Site], path: Path, scenario: Scenario | None) -> Settings:
    endpoints = tuple(site.endpoint for site in sites.values())
    settings = simulated_settings(world, endpoints, path)
    return settings if scenario is None else msgspec.structs.replace(settings, scan=scenario.scan)


class _Log:
    """Drops every line, but for those that tell of a defect, which end the scenario."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def __call__(self, _logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        if event.get("event") in DEFECTS:
            self._watch.fail("defect", f"{event} {sys.exc_info()[1]!r}")
        raise structlog.DropEvent
