"""A life of the client in one world: its processes, the healing of the world, and what must be true in the end."""

import asyncio
import re
from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Any

import msgspec

from hdscan.app.fleet import make_fleet
from hdscan.model.scan import ScanRequest, Status
from hdscan.model.wallet import Found, Listed, WalletKind
from hdscan.scan.fleet import Fleet
from hdscan.sim.world import World
from hdscan.store import Store
from tests.simulation.beliefs import Beliefs
from tests.simulation.branches import Branches
from tests.simulation.disk import Disk
from tests.simulation.healed import check_amounts, check_bound, check_branches, undecided
from tests.simulation.loop import Stuck, VirtualLoop
from tests.simulation.net import Site, WorldClock
from tests.simulation.process import Process
from tests.simulation.scenario import Run, Scenario
from tests.simulation.stage import BEGAN, Stage, settings
from tests.simulation.watch import Violation, Watch

MOST_PATIENT = 5  # times that a user comes back within a minute


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


class Life:
    """The world of a scenario, and one process of the client after the other in it."""

    def __init__(self, scenario: Scenario, stage: Stage, keep: bool) -> None:
        self.scenario = scenario
        seed = scenario.seed
        self.dice = Random(f"life/{seed}")
        self.loop = VirtualLoop(Random(f"order/{seed}") if scenario.shuffled else None, self._lateness)
        self.late = Random(f"late/{seed}")
        self.clock = WorldClock(self.loop, BEGAN)
        self.world = World(seed, scenario.addresses, funded=scenario.funded)
        self.branches = Branches(self.world, scenario.branches)
        self.branches.begin()
        self.watch = Watch(self.world, keep, self.branches.go_on)
        for chain in scenario.addresses:
            operators = {p.spec.name: p.spec.operator or p.spec.name for p in scenario.hosts if p.spec.chain == chain}
            well = [p for p in scenario.hosts if p.spec.chain == chain and p.well]
            trusted = [p.spec.name for p in well if p.trusted]
            self.watch.beliefs[chain] = Beliefs(operators, {operators[p.spec.name] for p in well}, trusted)
        self.sites = {
            p.spec.name: Site(p, self.world, self.clock, self.watch, seed, stalls=bool(scenario.stalls)) for p in scenario.hosts
        }
        for site in self.sites.values():
            self.watch.sites.setdefault(site.chain, []).append(site)
        self.disk = Disk(self.loop, scenario.disk, Random(f"disk/{seed}"), self.watch.after_disk)
        self.stage = stage
        self.settings = settings(self.world, self.sites, stage.path, scenario)
        self.stepped = 0.0  # what the machine's wall clock is off by
        self.runs = 0
        self.process: Process | None = None

    def _lateness(self) -> float:
        scenario = self.scenario
        if scenario.stalls and self.late.random() < scenario.stalls:
            return self.late.choice((0.3, 2.0, 20.0))
        return self.late.random() * scenario.late if scenario.late else 0.0

    # -- a life

    def play(self) -> Outcome:
        """From the first process to the last."""
        rule = why = None
        try:
            self._prepare()
            self._lead()
        except Violation as violation:
            rule, why = violation.rule, str(violation)
        except Stuck as stuck:
            rule, why = "ends", f"ends: {stuck}"
        except Exception as error:  # of the product's, which no user may ever see
            rule, why = "defect", f"defect: {error!r}"
        finally:
            self.watch.close()
            self.clear()
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
        chains = self.world.chains.items()
        listed = (Listed(name, chain.address(index)) for name, chain in chains for index in range(chain.count))
        store.wallets.add("list", Found(kind=WalletKind.ADDRESSES, what="a list", listed=listed), BEGAN)
        if self.scenario.branches:
            store.wallets.add("branches", self.branches.found(), BEGAN)
        self.disk.serve(store)
        self.watch.open(self.stage.path)

    def _lead(self) -> None:
        scenario = self.scenario
        for once_more in (False, True)[: 1 + scenario.again]:
            before = self._newest()
            if once_more:
                self.watch.healed = self.disk.mended = False
                if scenario.moved:
                    self.world.move(scenario.moved, scenario.seed)
                    self.watch.moved()
                for site in self.sites.values():
                    site.turn()
            heals = self.loop.call_at(self.loop.time() + scenario.heals, self._heal)
            for run in scenario.runs:
                self._run(run, self._request(restart=once_more and self._newest() == before))
            if not scenario.bounded:
                heals.cancel()
                self._complete(restart=once_more and self._newest() == before)
            else:
                check_bound(self)
                heals.cancel()

    def _request(self, *, restart: bool) -> ScanRequest:
        """What a user does next: go on, begin anew, or read the gaps."""
        records = [record for record in self.latest() if record is not None]
        gaps = any(record.status is Status.COMPLETED_WITH_GAPS for record in records)
        ended = not any(record.status.resumable for record in records)
        return ScanRequest(restart=restart, retry=gaps and ended and not restart and self.dice.random() < 0.5)

    def _heal(self) -> None:
        self.watch.trace(f"{self.loop.time():.6f} the world heals")
        self.watch.healed = self.disk.mended = True
        for site in self.sites.values():
            site.heal()
        if self.process is not None:
            scan = self.settings.scan
            patience = 2 * (scan.backoff_max + scan.request_timeout) + 10.0
            self.loop.call_later(patience, self._look_who_noticed, self.process, self.loop.time(), patience)

    def _look_who_noticed(self, process: Process, healed: float, patience: float) -> None:
        """Whoever still works in a healed world, and was not told to wait, has been answered by now."""
        if process is not self.process or process.interrupted or self.disk.failed:
            return
        for chain in sorted(process.engine.scanning):
            held = any(s.paused_until > healed or s.plan.per_minute or s.plan.per_hour for s in self.watch.sites[chain])
            answered = self.watch.success_at.get(chain, process.began) >= healed
            well = (s for s in process.fleet.upstreams[chain] if self.sites[s.name.split("/")[0]].plan.well)
            if all(upstream.trust.out for upstream in well):
                continue  # for this process they are out
            if not held and not answered and process.engine._scanners[chain]._pool._has_work:
                self.watch.fail("heals", f"{chain} healed {patience:.0f} s ago, and was not noticed")

    def _complete(self, *, restart: bool) -> None:
        """Whatever happened, a scan that can go on in a healed world completes."""
        self._heal()
        for attempt in range(8):
            records = self.latest()
            unfinished = any(record is None or record.status.resumable for record in records)
            if not unfinished and not restart and all(self._is_complete(record, attempt) for record in records):
                break
            request = ScanRequest(restart=restart, retry=not unfinished and not restart)
            restart = False
            self._run(Run(wait=self._told(records, attempt) if attempt else 1.0), request)
        else:
            told = "; ".join(f"{r.chain} {r.status} {r.read}/{r.unread}/{r.readings} {r.error}" for r in records if r)
            raise Violation("completes", f"the healed world did not complete the scan: {told}")
        check_amounts(self)
        check_branches(self)

    def _is_complete(self, record: Any, attempt: int) -> bool:
        """Whether a chain's scan has come as far as it can; where operators contradict, what they dispute is left."""
        if record.status is Status.COMPLETED:
            return True
        return attempt > MOST_PATIENT and undecided(self, record.chain)

    def _told(self, records: list[Any], attempt: int) -> float:
        """Seconds until the scan said that it is worth coming back, or until a user's patience returns, beyond any quota."""
        waits = [60.0 if attempt < MOST_PATIENT else 3700.0]
        for record in records:
            for text in re.findall(r"(?:scan again at|until) (\d{4}-[\dT:-]+Z)", (record and record.error) or ""):
                at = datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
                waits.append(at + 1.0 - (BEGAN + self.stepped + self.loop.time()))
        return max(waits)

    def _newest(self) -> int:
        """The number of the last scan that was begun."""
        return max((record.scan_id for record in self.latest() if record), default=0)

    def latest(self) -> list[Any]:
        store = self.store()
        return [store.scans.latest(chain) for chain, count in self.scenario.addresses.items() if count]

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
        self.process = Process(self, request, run)
        self.process.play()
        self.process = None
        if watch.violation is not None:
            raise watch.violation

    def store(self) -> Store:
        """The store as a process opens it; what is compiled of it is kept, since that takes most of the time."""
        store = Store(self.stage.database)
        store.register(list(self.settings.chains.values()), [a for each in self.settings.assets.values() for a in each])
        return store

    def clear(self) -> None:
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

    def fleet(self, clock: Callable[[], float], transport: Any) -> Fleet:
        """The providers as configured."""
        return make_fleet(self.settings, transport, clock)
