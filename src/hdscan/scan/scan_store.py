"""The store as one chain's scan sees it: bound to scan and chain, asynchronous, in terms of readings."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Concatenate, ParamSpec, TypedDict, TypeVar

from hdscan.model.audit import Audited, AuditPlan, Standing
from hdscan.model.chain import Address, Asset
from hdscan.model.events import TokenError
from hdscan.model.reading import BalanceResult, Reading
from hdscan.model.scan import ChainScan, Chunk, Status
from hdscan.scan.retraction import Retraction
from hdscan.scan.store_thread import StoreThread
from hdscan.store import Block, BranchState, Due, Position, Store

P = ParamSpec("P")
T = TypeVar("T")


class Spent(TypedDict):
    """The time of a commit in unix seconds, and the seconds and requests since the last one."""

    now: float
    seconds: float
    requests: int


class ScanStore:
    """Every awaited method makes one call on the store thread and may raise StoreError; `assets` are by symbol."""

    def __init__(
        self,
        scan_id: int,
        chain: str,
        store: Store,
        *,
        assets: Mapping[str, Asset],
        thread: StoreThread,
        clock: Callable[[], float],
        worker: str,
    ) -> None:
        self._scan_id = scan_id
        self._chain = chain
        self._store = store
        self._assets = assets
        self._thread = thread
        self._clock = clock
        self._worker = worker

    async def _call(self, method: Callable[Concatenate[int, str, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._thread(method, self._scan_id, self._chain, *args, **kwargs)

    # -- work

    async def next_chunk(self, after: int) -> Chunk | None:
        """The first pending chunk after a sequence number."""
        pending = await self._call(self._store.scans.pending_chunks, after, 1)
        return pending[0] if pending else None

    async def readings(self, chunk: Chunk) -> list[Reading]:
        addresses = await self._thread(self._store.addresses.between, self._chain, chunk.first, chunk.stop)
        return [Reading(address.index, address.text, asset) for address in addresses for asset in self._assets.values()]

    async def gaps(self, after: tuple[int, str] | None, limit: int) -> list[Reading]:
        """At most `limit` unread readings after (index, symbol), in order."""
        return [self.reading(*each) for each in await self._call(self._store.scans.gaps, after, limit)]

    async def disputed(self, after: tuple[int, str] | None, limit: int) -> list[Reading]:
        """At most `limit` disputed readings after (index, symbol), in order."""
        return [self.reading(*each) for each in await self._call(self._store.scans.disputed, after, limit)]

    async def standing(self, readings: Sequence[Reading]) -> dict[tuple[int, str], Standing]:
        """What is known of readings, by index and symbol; what was never read is left out."""
        return await self._call(self._store.scans.standing, readings)

    async def any_reading(self) -> Reading | None:
        """A reading that this scan could make."""
        found = await self._call(self._store.scans.any_reading)
        return self.reading(*found) if found else None

    async def audit_plan(self) -> AuditPlan:
        return await self._call(self._store.audits.plan_of)

    async def due_for_audit(self, after: tuple[int, int] | None, limit: int, *, zeros: bool) -> list[Due]:
        """At most `limit` readings without an audit after a key, in order."""
        return await self._call(self._store.audits.due, after, limit, zeros=zeros)

    @property
    def assets(self) -> Collection[Asset]:
        """What the scan reads."""
        return self._assets.values()

    async def unheard(self, after: tuple[int, int] | None, limit: int) -> list[Due]:
        """At most `limit` readings that no second operator could answer, after a key, in order."""
        return await self._call(self._store.audits.unheard, after, limit)

    async def covered(self) -> list[tuple[int, int]]:
        """The indexes that the scan reads, as ranges (first, stop)."""
        return await self._call(self._store.audits.covered)

    async def due_at(self, indexes: Sequence[int]) -> list[Due]:
        """The readings of these addresses without an audit."""
        return await self._call(self._store.audits.due_at, indexes)

    def reading(self, address: Address, symbol: str) -> Reading:
        return Reading(address.index, address.text, self._assets[symbol])

    # -- branches

    async def branches(self) -> list[BranchState]:
        """The branches of the wallets that the scan reads, as far as they are known."""
        return await self._call(self._store.wallets.branches)

    async def early(self, limit: int) -> list[tuple[int, str]]:
        """At most `limit` empty addresses of each branch whose use nobody was asked for, with their indexes."""
        return await self._call(self._store.wallets.early, limit)

    async def standing_of_block(self, readings: Sequence[Reading]) -> dict[tuple[int, str], Standing]:
        """What is known of readings that have provisional indexes, by these and symbol."""
        return await self._call(self._store.wallets.standing, readings)

    async def unused(self, branch_id: int, begin: int, stop: int) -> list[tuple[Position, str]]:
        """The unused ones of `begin` <= position < `stop` of a branch, and who said so of each."""
        return await self._call(self._store.wallets.unused, branch_id, begin, stop)

    async def told(self, branch_id: int, begin: int, stop: int) -> list[tuple[Position, str]]:
        """The last one of these positions of a branch that is said to be used and holds nothing, if any, and by whom."""
        return await self._call(self._store.wallets.told, branch_id, begin, stop)

    async def derive(self, addresses: Callable[[], Sequence[str]]) -> Sequence[str]:
        """Addresses that take time to derive."""
        return await self._thread(addresses)

    async def commit_block(
        self,
        block: Block,
        results: Sequence[BalanceResult],
        found: Sequence[Audited],
        uses: Sequence[BalanceResult],
        spent: Spent,
    ) -> ChainScan | None:
        """Commit the next addresses of a branch whole; None where it has them already."""
        method = self._store.wallets.commit_block
        return await self._call(method, block, results, found, uses=uses, worker=self._worker, **spent)

    async def commit_use(self, uses: Sequence[BalanceResult], spent: Spent) -> ChainScan:
        return await self._call(self._store.wallets.commit_use, uses, **spent)

    async def set_open_ends(self, ends: Mapping[int, str]) -> ChainScan:
        """Store which branches have no known end, and what can be done about each."""
        return await self._call(self._store.scans.set_open_ends, ends)

    # -- results

    async def record(self) -> ChainScan:
        records = await self._thread(self._store.scans.scan, self._scan_id)
        return next(record for record in records if record.chain == self._chain)

    async def token_errors(self) -> list[TokenError]:
        return await self._call(self._store.scans.token_errors)

    async def set_status(self, status: Status, error: str | None) -> ChainScan:
        return await self._call(self._store.scans.set_status, status, error, self._clock())

    async def commit_chunk(
        self, chunk: Chunk, results: Sequence[BalanceResult], found: Sequence[Audited], spent: Spent
    ) -> ChainScan | None:
        """Commit a chunk whole; None where another worker has done so."""
        return await self._call(self._store.scans.commit_chunk, chunk, results, found, worker=self._worker, **spent)

    async def commit_gaps(self, results: Sequence[BalanceResult], found: Sequence[Audited], spent: Spent) -> ChainScan:
        return await self._call(self._store.scans.commit_final, results, found, **spent)

    async def commit_audit(self, found: Sequence[Audited], spent: Spent) -> ChainScan:
        return await self._call(self._store.audits.commit, found, **spent)

    async def commit_partial(self, results: Sequence[BalanceResult], found: Sequence[Audited]) -> None:
        """Keep amounts of a job that did not end; a chunk stays pending."""
        await self._call(self._store.scans.commit_partial, results, found, now=self._clock())

    async def retract(self, it: Retraction) -> int:
        """Turn the affected balances into gaps; how many they were."""
        method = self._store.audits.retract
        return await self._call(method, it.provider, it.reason, self._clock(), code=it.code, height=it.fork)
