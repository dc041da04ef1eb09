"""A whole scan: every chain at once, its events in one stream, what was learned about the endpoints kept over a restart."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

import msgspec
import structlog

from hdscan.chains import family_of
from hdscan.model.chain import Asset, Chain
from hdscan.model.errors import StoreError
from hdscan.model.events import ChainProgress, Event, ProviderChanged, ScanComplete, ScanState
from hdscan.model.recast import recast
from hdscan.model.scan import ChainResult, ChainScan, ProviderStatus, ScanResult, worst
from hdscan.pool.batch import BatchMemory, BatchSize
from hdscan.pool.chain_pool import ChainPool, PoolMemory
from hdscan.pool.limiter import Limiter, LimiterMemory
from hdscan.pool.upstream import Policy, Upstream
from hdscan.scan.chain_scan import ChainScanner
from hdscan.scan.plan import Plan, ScanRequest, chunk_size, make_plan, to_retry
from hdscan.scan.store_thread import StoreThread
from hdscan.scan.token_errors import TokenErrors
from hdscan.store import Store

_log = structlog.get_logger()

T = TypeVar("T")

PINNED = "pin:"
CHAIN = "chain:"
TICK = 1.0  # seconds between looks at the providers


class Fleet(msgspec.Struct, frozen=True):
    """Everybody who can be asked: upstreams per chain, the limiter per endpoint, and those that are off and say why.

    `pins` are the fingerprints of certificates that hosts showed first, by endpoint; its owner and this share it.
    """

    upstreams: Mapping[str, Sequence[Upstream]]
    limiters: Mapping[str, Limiter]
    off: Sequence[ProviderStatus]
    pins: MutableMapping[str, str]

    def statuses(self, now: float) -> tuple[ProviderStatus, ...]:
        """Every provider as it stands."""
        return (*(upstream.status(now) for upstreams in self.upstreams.values() for upstream in upstreams), *self.off)

    def memory(self) -> dict[str, bytes]:
        """What was learned and has to survive a restart: quotas, pauses and pins per endpoint, batch sizes per provider."""
        memory = {name: msgspec.json.encode(limiter.memory()) for name, limiter in self.limiters.items()}
        for name, size in self._sizes():
            memory[name] = msgspec.json.encode(size.memory())  # null where a size has grown back
        return memory | {f"{PINNED}{endpoint}": msgspec.json.encode(pin) for endpoint, pin in self.pins.items()}

    def restore(self, memory: Mapping[str, bytes], now: float) -> None:
        """Take over what an earlier process learned."""
        for name, limiter in self.limiters.items():
            if learned := _remembered(memory, name, LimiterMemory):
                limiter.restore(learned, now)
        for name, size in self._sizes():
            if lesson := _remembered(memory, name, BatchMemory):
                size.restore(lesson, now)
        for name in memory:
            if name.startswith(PINNED) and (pin := _remembered(memory, name, str)):
                self.pins[name.removeprefix(PINNED)] = pin

    def _sizes(self) -> Iterator[tuple[str, BatchSize]]:
        for upstreams in self.upstreams.values():
            for upstream in upstreams:
                for kind, size in upstream.sizes.items():
                    yield f"batch:{upstream.name}:{kind}", size


def _remembered(memory: Mapping[str, bytes], name: str, kind: type[T]) -> T | None:
    """What is kept under a name; None where there is nothing, or only what another version wrote."""
    try:
        return msgspec.json.decode(memory.get(name, b"null"), type=kind | None)
    except msgspec.DecodeError:
        _log.warning("memory_not_understood", name=name)
        return None


class Engine:
    """Runs one scan over a store and a fleet; iterate `run`, and call `stop` to end it early.

    `executor` runs the writing calls in place of a thread of its own.
    """

    def __init__(
        self,
        store: Store,
        fleet: Fleet,
        chains: Mapping[str, Chain],
        assets: Mapping[str, Sequence[Asset]],
        *,
        policy: Policy,
        chunk: int,
        final_passes: int,
        clock: Callable[[], float],
        jitter: Callable[[], float],
        worker: str,
        executor: Executor | None = None,
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._chains = chains
        self._assets = assets
        self._policy = policy
        self._chunk = chunk
        self._passes = final_passes
        self._clock = clock
        self._jitter = jitter
        self._worker = worker
        self._executor = executor
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._scanners: dict[str, ChainScanner] = {}
        self._said: dict[str, ProviderStatus] = {}
        self._kept: dict[str, bytes] = {}
        self._stopping: set[str] = set()  # chains
        self.plan: Plan | None = None
        self.result: ScanResult | None = None

    def stop(self, chains: Iterable[str] = ()) -> None:
        """End these chains early, or all: what has ended is committed, the rest is resumed by the next scan."""
        self._stopping |= set(chains) or self._chains.keys()
        for chain, scanner in self._scanners.items():
            if chain in self._stopping:
                scanner.stop()

    @property
    def scanning(self) -> set[str]:
        """The chains that are being scanned."""
        return {chain for chain, scanner in self._scanners.items() if not scanner.ended}

    def statuses(self) -> tuple[ProviderStatus, ...]:
        """Every provider as it stands."""
        return self._fleet.statuses(self._clock())

    async def run(self, request: ScanRequest) -> AsyncGenerator[Event]:
        """Scan, and say what happens; `result` is there at the end. ScanRefused or StoreError where it cannot begin."""
        with StoreThread(self._executor) as write:
            self.plan = plan = await write(
                lambda: make_plan(
                    self._store,
                    request,
                    self._assets,
                    upstreams=self._fleet.upstreams,
                    largest=self._chunk,
                    now=self._clock(),
                    seed=int(self._jitter() * 2**53),
                )
            )
            memory = await write(self._store.runtime.load)
            self._fleet.restore(memory, self._clock())
            records = [record for record in plan.chains if record.status.resumable or (plan.retry and to_retry(record))]
            for record in records:
                standing = await write(partial(self._store.scans.token_errors, record.scan_id, record.chain))
                self._scanners[record.chain] = self._scanner(record, TokenErrors(record.chain, standing), write, memory)
            if self._stopping:
                self.stop(self._stopping)
            self._look_at_providers()  # what changes from here on is said
            work = asyncio.create_task(self._work(plan, write))
            try:
                yield self.state()
                while (event := await self._events.get()) is not None:
                    yield event
            finally:
                if not work.done():
                    self.stop()
                await work
            ended = {record.chain: record for record in plan.chains}
            ended |= {chain: scanner.record for chain, scanner in self._scanners.items()}
            self.result = summary(plan.scan_id, list(ended.values()))

    async def _work(self, plan: Plan, write: StoreThread) -> None:
        watch = asyncio.create_task(self._watch(write))
        try:
            async with asyncio.TaskGroup() as group:
                for scanner in self._scanners.values():
                    group.create_task(scanner.run(passes=self._passes, retry=plan.retry))
        finally:
            watch.cancel()
            for defect in await asyncio.gather(watch, return_exceptions=True):
                if isinstance(defect, Exception):
                    _log.error("watch_ended", defect=type(defect).__name__)
            await self._keep(write)
            self._events.put_nowait(None)

    def state(self) -> ScanState:
        """Everything at once, as of the last commits."""
        assert self.plan is not None
        progress: dict[str, ChainProgress] = {chain: scanner.progress() for chain, scanner in self._scanners.items()}
        errors = tuple(event for scanner in self._scanners.values() for event in scanner.token_errors.current())
        return ScanState(
            scan_id=self.plan.scan_id,
            running=bool(self.scanning),
            chains=progress,
            token_errors=errors,
            errors=(),
            providers=self.statuses(),
        )

    def _scanner(
        self, record: ChainScan, token_errors: TokenErrors, write: StoreThread, memory: Mapping[str, bytes]
    ) -> ChainScanner:
        chain, upstreams = self._chains[record.chain], self._fleet.upstreams[record.chain]
        assets = [asset for asset in self._assets[record.chain] if asset.symbol in record.assets]
        off = [f"{status.name}: {status.last_error}" for status in self._fleet.off if status.chain == chain.id]
        finality = family_of(chain).finality
        pool = ChainPool(chain, finality, upstreams, self._policy, jitter=self._jitter, off=off)
        scan_id, known = _remembered(memory, f"{CHAIN}{chain.id}", tuple[int, PoolMemory]) or (0, None)
        if known is not None and scan_id == record.scan_id:
            pool.restore(known)
        return ChainScanner(
            chain,
            assets,
            record,
            pool=pool,
            store=self._store,
            writer=write,
            clock=self._clock,
            emit=self._say,
            token_errors=token_errors,
            chunk=chunk_size(upstreams, assets, self._chunk),
            worker=self._worker,
        )

    def _say(self, event: Event) -> None:
        if isinstance(event, ScanComplete):
            self._look_at_providers(event.chain)  # first, so that a chain's end stands behind what led to it
        self._events.put_nowait(event)

    # -- the providers, from outside

    async def _watch(self, write: StoreThread) -> None:
        while True:
            await asyncio.sleep(TICK)
            self._look_at_providers()
            for scanner in self._scanners.values():
                for event in scanner.token_errors.due(self._clock()):
                    self._events.put_nowait(event)
            await self._keep(write)

    def _look_at_providers(self, ended: str | None = None) -> None:
        """Say whose state or breaker changed, and how the providers of a chain stand whose scan has ended."""
        for status in self.statuses():
            said = self._said.setdefault(status.name, status)
            if status != said if status.chain == ended else (status.state, status.breaker) != (said.state, said.breaker):
                self._said[status.name] = status
                self._events.put_nowait(recast(status, ProviderChanged))

    async def _keep(self, write: StoreThread) -> None:
        memory = self._fleet.memory()
        memory |= {f"{CHAIN}{chain}": msgspec.json.encode(scanner.memory()) for chain, scanner in self._scanners.items()}
        changed = {name: value for name, value in memory.items() if self._kept.get(name) != value}
        if not changed:
            return
        statuses = [status for status in self.statuses() if status.chain in self._scanners]
        try:
            await write(lambda: self._store.runtime.save(changed))
            await write(lambda: self._store.runtime.save_providers(statuses))
        except StoreError as error:
            _log.warning("provider_state_not_saved", error=str(error))
        else:
            self._kept |= changed


def summary(scan_id: int, records: Sequence[ChainScan]) -> ScanResult:
    """What `scan --json` prints: the worst chain decides the status."""
    chains = {r.chain: recast(r, ChainResult, seconds=round(r.seconds, 3)) for r in records}
    return ScanResult(scan_id, worst(r.status for r in records), chains)
