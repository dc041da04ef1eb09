"""The store as one chain's scan sees it: bound to scan and chain, asynchronous, in terms of readings."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from hdscan.model.audit import Audited, AuditPlan
from hdscan.model.chain import Asset
from hdscan.model.events import TokenError
from hdscan.model.reading import BalanceResult, Reading
from hdscan.model.scan import ChainScan, Chunk, Status
from hdscan.scan.retraction import Retraction
from hdscan.scan.store_thread import StoreThread
from hdscan.store import Due, Store


class Spent(msgspec.Struct, frozen=True):
    """The time of a commit in unix seconds, and the seconds and requests since the last one."""

    now: float
    seconds: float
    requests: int


class ScanStore:
    """Every call goes through the store thread and may raise StoreError."""

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
        self._ids = (scan_id, chain)
        self._store = store
        self._assets = assets
        self._call = thread
        self._clock = clock
        self._worker = worker

    # -- work

    async def next_chunk(self, after: int) -> Chunk | None:
        """The first pending chunk after a sequence number."""
        pending = await self._call(lambda: self._store.scans.pending_chunks(*self._ids, after, 1))
        return pending[0] if pending else None

    async def readings(self, chunk: Chunk) -> list[Reading]:
        _, chain = self._ids
        addresses = await self._call(lambda: self._store.addresses.between(chain, chunk.first, chunk.stop))
        return [Reading(address.index, address.text, asset) for address in addresses for asset in self._assets.values()]

    async def gaps(self, after: tuple[int, str] | None, limit: int) -> list[Reading]:
        """At most `limit` unread readings after (index, symbol), in order."""
        gaps = await self._call(lambda: self._store.scans.gaps(*self._ids, after, limit))
        return [self._reading(address.index, address.text, symbol) for address, symbol in gaps]

    async def any_reading(self) -> Reading | None:
        """A reading that this scan could make."""
        found = await self._call(lambda: self._store.scans.any_reading(*self._ids))
        return self._reading(found[0].index, found[0].text, found[1]) if found else None

    async def audit_plan(self) -> AuditPlan | None:
        return await self._call(lambda: self._store.audits.plan_of(*self._ids))

    async def disputed(self, after: tuple[int, int] | None, limit: int) -> list[Due]:
        """At most `limit` disputed readings after a key, in order."""
        return await self._call(lambda: self._store.audits.disputed(*self._ids, after, limit))

    async def due_for_audit(self, after: tuple[int, int] | None, limit: int, *, zeros: bool) -> list[Due]:
        """At most `limit` readings without an audit after a key, in order."""
        return await self._call(lambda: self._store.audits.due(*self._ids, after, limit, zeros=zeros))

    def reading(self, due: Due) -> Reading:
        return self._reading(due.address.index, due.address.text, due.symbol)

    def _reading(self, index: int, text: str, symbol: str) -> Reading:
        return Reading(index, text, self._assets[symbol])

    # -- results

    async def record(self) -> ChainScan:
        scan_id, chain = self._ids
        records = await self._call(lambda: self._store.scans.scan(scan_id))
        return next(record for record in records if record.chain == chain)

    async def token_errors(self) -> list[TokenError]:
        return await self._call(lambda: self._store.scans.token_errors(*self._ids))

    async def set_status(self, status: Status, error: str | None) -> ChainScan:
        return await self._call(lambda: self._store.scans.set_status(*self._ids, status, error, self._clock()))

    async def commit_chunk(self, chunk: Chunk, results: Sequence[BalanceResult], spent: Spent) -> ChainScan | None:
        """Commit a chunk whole; None where another worker has done so."""
        return await self._call(
            lambda: self._store.scans.commit_chunk(
                *self._ids, chunk, results, worker=self._worker, **msgspec.structs.asdict(spent)
            )
        )

    async def commit_gaps(self, results: Sequence[BalanceResult], spent: Spent) -> ChainScan:
        return await self._call(lambda: self._store.scans.commit_final(*self._ids, results, **msgspec.structs.asdict(spent)))

    async def commit_audit(self, found: Sequence[Audited], spent: Spent) -> ChainScan:
        return await self._call(lambda: self._store.audits.commit(*self._ids, found, **msgspec.structs.asdict(spent)))

    async def commit_partial(self, results: Sequence[BalanceResult]) -> None:
        """Keep amounts of a job that did not end; a chunk stays pending."""
        now = self._clock()
        await self._call(lambda: self._store.scans.commit_partial(*self._ids, results, now=now))

    async def retract(self, retraction: Retraction) -> int:
        """Turn the affected balances into gaps; how many they were."""
        it = retraction
        return await self._call(
            lambda: self._store.audits.retract(*self._ids, it.provider, it.reason, self._clock(), code=it.code, height=it.fork)
        )
