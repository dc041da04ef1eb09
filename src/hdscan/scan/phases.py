"""The phases of a scan: each hands out jobs until none is left."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from hdscan.model.audit import AuditPlan
from hdscan.pool.chain_pool import ChainPool
from hdscan.scan.audit import AuditCase, chosen
from hdscan.scan.jobs import AuditJob, ChunkJob, GapJob, Job
from hdscan.scan.scan_store import ScanStore
from hdscan.store import Due

PAGE = 5000  # rows looked at in one go


class Phase:
    """Lasts until its jobs have ended and it is not `waiting`."""

    waiting = False

    async def more(self) -> Sequence[Job] | None:
        """The next jobs, perhaps none yet; None when no more will come."""
        return None


class ChunkPhase(Phase):
    """The pending chunks, one a job."""

    def __init__(self, store: ScanStore) -> None:
        self._store = store
        self._after = -1

    async def more(self) -> Sequence[Job] | None:
        chunk = await self._store.next_chunk(self._after)
        if chunk is None:
            return None
        self._after = chunk.seq
        return [ChunkJob(chunk=chunk, readings=await self._store.readings(chunk))]


class GapPhase(Phase):
    """Readings that the scan counts as unread, at most `size` a job."""

    def __init__(self, store: ScanStore, pool: ChainPool, size: int, *, unread: int) -> None:
        self._store = store
        self._pool = pool
        self._size = size
        self._after: tuple[int, str] | None = None
        self._exhausted = not unread

    async def more(self) -> Sequence[Job] | None:
        if self._exhausted:
            return None
        if self._after is None and (known := await self._store.any_reading()):
            self._pool.remember(known)
        readings = await self._store.gaps(self._after, self._size)
        self._exhausted = len(readings) < self._size
        if not readings:
            return None
        self._after = (readings[-1].index, readings[-1].asset.symbol)
        return [GapJob(readings=readings)]


class AuditPhase(Phase):
    """Audit of the disputed readings, then of the chosen others, at most `size` a job."""

    def __init__(self, store: ScanStore, pool: ChainPool, size: int, *, plan: AuditPlan, tolerance: int) -> None:
        self._store = store
        self._pool = pool
        self._size = size
        self._plan = plan
        self._tolerance = tolerance
        due = partial(store.due_for_audit, zeros=plan.percent > 0)
        self._sources: list[Callable[[tuple[int, int] | None, int], Awaitable[list[Due]]]] = [store.disputed, due]
        self._after: tuple[int, int] | None = None
        self._cases: list[AuditCase] = []

    async def more(self) -> Sequence[Job] | None:
        if self._sources and len(self._cases) < self._size:
            page = await self._sources[0](self._after, PAGE)
            self._cases += self._chosen(page)
            self._after = page[-1].key if len(page) == PAGE else None
            if self._after is None:
                del self._sources[0]
            return ()
        if not self._cases:
            return None
        cases, self._cases = self._cases[: self._size], self._cases[self._size :]
        self._pool.remember(cases[0].reading)
        return [AuditJob(cases=cases, readings=[case.reading for case in cases])]

    def _chosen(self, page: Sequence[Due]) -> list[AuditCase]:
        operators = self._pool.operators()
        pairs = ((self._store.reading(due.address, due.symbol), due.balance) for due in page)
        return [
            AuditCase(reading, balance, operators, self._tolerance)
            for reading, balance in pairs
            if chosen(self._plan.seed, reading, balance, self._plan.percent)
        ]


class PoolPhase(Phase):
    """What the pool does without jobs until it says that it has ended: the proof of the tokens, the final check."""

    def __init__(self, begin: Callable[[], None]) -> None:
        self.waiting = True
        begin()
