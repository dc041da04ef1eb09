"""A whole scan: every chain at once, events in one stream, and what was learned about providers kept for the next run."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Literal

import msgspec
import structlog

from hdscan.chains import family_of
from hdscan.model.chain import Asset, Chain
from hdscan.model.errors import StoreError
from hdscan.model.events import Event, ProviderChanged, ScanComplete, ScanState
from hdscan.model.recast import recast
from hdscan.model.scan import ChainScan, ProviderStatus, ScanRequest, ScanResult
from hdscan.pool.chain_pool import ChainPool, PoolMemory
from hdscan.pool.policy import Policy
from hdscan.scan.discovery import Derive
from hdscan.scan.eta import Etas
from hdscan.scan.fleet import Fleet, remembered
from hdscan.scan.plan import Plan, chunk_size, make_plan, to_retry
from hdscan.scan.progress import Progress, summary
from hdscan.scan.scan_store import ScanStore
from hdscan.scan.scanner import ChainScanner
from hdscan.scan.spare import Fellows, Spare
from hdscan.scan.store_thread import StoreThread
from hdscan.scan.token_errors import TokenErrors
from hdscan.store import Store

CHAIN = "chain:"
TICK = 1.0  # seconds between looks at the providers

_log = structlog.get_logger()


class EngineSettings(msgspec.Struct, frozen=True):
    """The pools' policy, the most addresses in a chunk, the passes over gaps, this worker's name, and what is audited.

    `audit` is a minimum in percent of the zeros, beside spare capacity ("spare": no minimum), or "off".
    """

    policy: Policy
    chunk: int
    final_passes: int
    worker: str
    audit: Literal["spare", "off"] | float = "spare"


class Engine:
    """Runs one scan: iterate `run`, call `stop` to end it early. `executor` replaces the store thread."""

    def __init__(
        self,
        store: Store,
        fleet: Fleet,
        chains: Mapping[str, Chain],
        assets: Mapping[str, Sequence[Asset]],
        settings: EngineSettings,
        *,
        clock: Callable[[], float],
        jitter: Callable[[], float],
        derive: Derive,
        executor: Executor | None = None,
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._chains = chains
        self._assets = assets
        self._settings = settings
        self._clock = clock
        self._jitter = jitter
        self._derive = derive
        self._executor = executor
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._scanners: dict[str, ChainScanner] = {}
        self._said: dict[str, ProviderStatus] = {}
        self._kept: dict[str, bytes] = {}
        self._stopping: set[str] = set()  # chains
        self._etas = Etas(settings.policy)
        self.plan: Plan | None = None
        self.result: ScanResult | None = None

    def stop(self, chains: Iterable[str] = ()) -> None:
        """End these chains early, or all: what has ended is committed; the next scan resumes the rest."""
        self._stopping |= set(chains) or self._chains.keys()
        for chain, scanner in self._scanners.items():
            if chain in self._stopping:
                scanner.stop()

    @property
    def scanning(self) -> set[str]:
        """The chains that are being scanned."""
        return {chain for chain, scanner in self._scanners.items() if not scanner.ended}

    def statuses(self) -> tuple[ProviderStatus, ...]:
        return self._fleet.statuses(self._clock())

    async def run(self, request: ScanRequest) -> AsyncGenerator[Event]:
        """Scan and yield events; sets `result` at the end. ScanRefused or StoreError where it cannot begin."""
        with self._executor or ThreadPoolExecutor(1, "hdscan-store") as executor:
            thread = StoreThread(executor)
            self.plan = plan = await thread(
                make_plan,
                self._store,
                request,
                self._assets,
                upstreams=self._fleet.upstreams,
                largest=self._settings.chunk,
                now=self._clock(),
                audit=self._settings.audit,
                seed=int(self._jitter() * 2**53),
            )
            memory = await thread(self._store.runtime.load)
            self._fleet.restore(memory, self._clock(), rests=not plan.retry)
            due = [each for each in plan.chains if each.status.resumable or (plan.retry and (plan.audit or to_retry(each)))]
            for record in due:
                self._scanners[record.chain] = await self._scanner(record, thread, memory, alone=len(due) == 1)
            if self._stopping:
                self.stop(self._stopping)
            self._look_at_providers()  # changes from here on are events
            self._foresee()
            work = asyncio.create_task(self._work(plan, thread))
            try:
                yield ScanState(
                    scan_id=plan.scan_id,
                    running=bool(self.scanning),
                    chains={chain: scanner.progress.current() for chain, scanner in self._scanners.items()},
                    token_errors=tuple(each for s in self._scanners.values() for each in s.progress.token_errors.current()),
                    errors=(),
                    providers=self.statuses(),
                )
                while (event := await self._events.get()) is not None:
                    yield event
            finally:
                if not work.done():
                    self.stop()
                await work
            ended = {chain: scanner.progress.record for chain, scanner in self._scanners.items()}
            self.result = summary(plan.scan_id, [ended.get(record.chain, record) for record in plan.chains])

    async def _work(self, plan: Plan, thread: StoreThread) -> None:
        watch = asyncio.create_task(self._watch(thread))
        try:
            async with asyncio.TaskGroup() as group:
                for scanner in self._scanners.values():
                    group.create_task(scanner.run(passes=self._settings.final_passes, retry=plan.retry))
        finally:
            watch.cancel()
            for defect in await asyncio.gather(watch, return_exceptions=True):
                if isinstance(defect, Exception):
                    _log.error("watch_ended", defect=type(defect).__name__)
            await self._keep(thread)
            self._events.put_nowait(None)

    async def _scanner(
        self, record: ChainScan, thread: StoreThread, memory: Mapping[str, bytes], *, alone: bool
    ) -> ChainScanner:
        chain, upstreams = self._chains[record.chain], self._fleet.upstreams[record.chain]
        assets = {asset.symbol: asset for asset in self._assets[record.chain] if asset.symbol in record.assets}
        store = ScanStore(
            record.scan_id, chain.id, self._store, assets=assets, thread=thread, clock=self._clock, worker=self._settings.worker
        )
        token_errors = TokenErrors(chain.id, await store.token_errors())
        pool = self._pool(record, memory)
        progress = Progress(record, store, token_errors, clock=self._clock, emit=self._emit, requests=lambda: pool.requests)
        progress.eta = lambda: self._etas.of(chain.id, self._clock())
        size = chunk_size(upstreams, list(assets.values()), self._settings.chunk, record.addresses) * len(assets)
        spare = Spare(upstreams, alone=alone, reading=lambda: self._reading(chain.id))
        return ChainScanner(
            chain,
            pool,
            progress,
            clock=self._clock,
            derive=self._derive,
            size=size,
            spare=None if self._settings.audit == "off" else spare,
            all_read=self._wake,
        )

    def _reading(self, but: str) -> list[Fellows]:
        """The providers of the other chains that have not read everything yet."""
        return [self._fleet.upstreams[chain] for chain, each in self._scanners.items() if each.reading and chain != but]

    def _wake(self) -> None:
        for scanner in self._scanners.values():
            scanner.wake()

    def _pool(self, record: ChainScan, memory: Mapping[str, bytes]) -> ChainPool:
        """The chain's pool; a resumed scan goes on with what its pool knew."""
        chain = self._chains[record.chain]
        off = [f"{status.name}: {status.last_error}" for status in self._fleet.off if status.chain == chain.id]
        finality, upstreams = family_of(chain).finality, self._fleet.upstreams[chain.id]
        proved = self._fleet.proved[chain.id]
        pool = ChainPool(chain, finality, upstreams, self._settings.policy, jitter=self._jitter, off=off, proved=proved)
        match remembered(memory, f"{CHAIN}{chain.id}", tuple[int, PoolMemory]):
            case record.scan_id, known:
                pool.restore(known)
        return pool

    def _emit(self, event: Event) -> None:
        if isinstance(event, ScanComplete):
            self._look_at_providers(event.chain)  # first, since they led to the end
        self._events.put_nowait(event)

    # -- providers

    async def _watch(self, thread: StoreThread) -> None:
        while True:
            await asyncio.sleep(TICK)
            self._look_at_providers()
            self._foresee()
            for scanner in self._scanners.values():
                if not scanner.ended:
                    scanner.progress.say_news()
                scanner.progress.say_token_errors()
            await self._keep(thread)

    def _foresee(self) -> None:
        left = {chain: scanner.left() for chain, scanner in self._scanners.items() if scanner.reading}
        upstreams = {chain: scanner.upstreams for chain, scanner in self._scanners.items()}
        self._etas.refresh(left, upstreams, self._clock())

    def _look_at_providers(self, ended: str | None = None) -> None:
        """Report providers whose state or breaker changed, and the last counts of those of a chain that `ended`."""
        for status in self.statuses():
            said = self._said.setdefault(status.name, status)
            if status != said if status.chain == ended else (status.state, status.breaker) != (said.state, said.breaker):
                self._said[status.name] = status
                self._events.put_nowait(recast(status, ProviderChanged))

    async def _keep(self, thread: StoreThread) -> None:
        """Store what was learned since the last time."""
        memory = self._fleet.memory()
        memory |= {f"{CHAIN}{chain}": msgspec.json.encode(scanner.memory()) for chain, scanner in self._scanners.items()}
        changed = {name: value for name, value in memory.items() if self._kept.get(name) != value}
        if not changed:
            return
        statuses = [status for status in self.statuses() if status.chain in self._scanners]
        try:
            await thread(self._store.runtime.save, changed)
            await thread(self._store.runtime.save_providers, statuses)
            self._kept |= changed
        except StoreError as error:
            _log.warning("provider_state_not_saved", error=str(error))
