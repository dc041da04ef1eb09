"""The phases of a scan: each hands out jobs until none is left."""

from array import array
from collections.abc import Callable, Iterable, Sequence
from random import Random

from hdscan.pool.chain_pool import ChainPool
from hdscan.scan.audit import AuditCase, Court, chosen
from hdscan.scan.jobs import AuditJob, ChunkJob, GapJob, Job, SpareJob
from hdscan.scan.scan_store import ScanStore
from hdscan.store import Due

PAGE = 5000  # rows looked at in one go


class Phase:
    """Lasts until its jobs have ended, it has no more, and it is not `waiting`."""

    waiting = False

    def look(self) -> None:
        """Something was heard."""

    async def more(self) -> Sequence[Job] | None:
        """The next jobs, perhaps none yet; None where there is none unless a job in flight leads to more."""
        return None


class ChunkPhase(Phase):
    """The pending chunks, one a job."""

    def __init__(self, store: ScanStore, court: Court) -> None:
        self._store = store
        self._court = court
        self._after = -1

    async def more(self) -> Sequence[Job] | None:
        chunk = await self._store.next_chunk(self._after)
        if chunk is None:
            return None
        self._after = chunk.seq
        readings = await self._store.readings(chunk)
        known = await self._store.standing(readings)
        return [ChunkJob(court=self._court, chunk=chunk, readings=readings, known=known)]


class GapPhase(Phase):
    """Readings that the scan counts as unread or disputed, at most `size` a job."""

    def __init__(self, store: ScanStore, pool: ChainPool, court: Court, size: int) -> None:
        self._store = store
        self._pool = pool
        self._court = court
        self._size = size
        self._after: tuple[int, str] | None = None
        self._sources = [store.gaps, store.disputed]

    async def more(self) -> Sequence[Job] | None:
        if not self._sources:
            return None
        if self._after is None and (known := await self._store.any_reading()):
            self._pool.remember(known)
        readings = await self._sources[0](self._after, self._size)
        self._after = (readings[-1].index, readings[-1].asset.symbol) if len(readings) == self._size else None
        if self._after is None:
            del self._sources[0]
        if not readings:
            return ()
        return [GapJob(court=self._court, readings=readings, known=await self._store.standing(readings))]


class AuditPhase(Phase):
    """Audit of all that is held and of `percent` of the zeros (None: of what had no second word yet), at most `size` a job."""

    def __init__(
        self, store: ScanStore, pool: ChainPool, court: Court, size: int, *, percent: float | None = None, seed: int = 0
    ) -> None:
        self._store = store
        self._pool = pool
        self._court = court
        self._size = size
        self._percent = percent
        self._seed = seed
        self._after: tuple[int, int] | None = None
        self._exhausted = False
        self._cases: list[AuditCase] = []

    async def more(self) -> Sequence[AuditJob] | None:
        if not self._exhausted and len(self._cases) < self._size:
            page = await self._page()
            self._cases += self._chosen(page)
            self._exhausted = len(page) < PAGE
            self._after = page[-1].key if page else None
            return ()
        if not self._cases:
            return None
        cases, self._cases = self._cases[: self._size], self._cases[self._size :]
        self._pool.remember(cases[0].reading)
        return [AuditJob.of(self._court, cases)]

    async def _page(self) -> list[Due]:
        if self._percent is None:
            return await self._store.unheard(self._after, PAGE)
        return await self._store.due_for_audit(self._after, PAGE, zeros=self._percent > 0)

    def _chosen(self, page: Sequence[Due]) -> list[AuditCase]:
        pairs = ((self._store.reading(due.address, due.symbol), due.balance) for due in page)
        return [
            self._court.audit(reading, balance)
            for reading, balance in pairs
            if self._percent is None or chosen(self._seed, reading, balance, self._percent)
        ]


class SparePhase(Phase):
    """Audit of all that is held, then of the zeros in an order that no provider knows, at most `size` a job.

    `covered` are the scan's indexes; `leave` names the providers that are not to be asked for so many readings now.
    """

    def __init__(
        self,
        held: AuditPhase,
        store: ScanStore,
        court: Court,
        size: int,
        *,
        assets: int,
        covered: Iterable[tuple[int, int]],
        seed: int,
        leave: Callable[[int], frozenset[str]],
    ) -> None:
        self._held = held
        self._store = store
        self._court = court
        self._size = size
        self._assets = assets
        self._left = array("I", (index for first, stop in covered for index in range(first, stop)))
        self._dice = Random(seed)  # noqa: S311 - no provider learns the seed
        self._leave = leave

    async def more(self) -> Sequence[Job] | None:
        while (jobs := await self._held.more()) is not None:
            if jobs:
                return [SpareJob.of(self._court, job.cases.values(), leave=self._leave(self._size)) for job in jobs]
        while self._left:
            indexes = [self._draw() for _ in range(min(len(self._left), max(1, self._size // self._assets)))]
            if due := await self._store.due_at(indexes):
                cases = [self._court.audit(self._store.reading(each.address, each.symbol), each.balance) for each in due]
                return [SpareJob.of(self._court, cases, leave=self._leave(len(cases)))]
        return None

    def _draw(self) -> int:
        """Take a random one of those that are left."""
        at = self._dice.randrange(len(self._left))
        self._left[at], self._left[-1] = self._left[-1], self._left[at]
        return self._left.pop()


class PoolPhase(Phase):
    """What the pool does without jobs until it says that it has ended: the proof of the tokens, the final check."""

    def __init__(self, begin: Callable[[], None]) -> None:
        self.waiting = True
        begin()
