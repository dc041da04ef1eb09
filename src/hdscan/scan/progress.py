"""Progress of a chain's scan: its record, which never runs ahead of the store, and the events about it."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress

import msgspec
import structlog

from hdscan.model.errors import ChainCode, StoreError
from hdscan.model.events import ChainProgress, Event, ScanComplete, ScanError, ScanProgress
from hdscan.model.reading import BalanceResult
from hdscan.model.recast import recast
from hdscan.model.scan import ChainResult, ChainScan, ScanResult, Status, worst
from hdscan.model.times import rfc3339_seconds
from hdscan.scan.retraction import Retraction
from hdscan.scan.scan_store import ScanStore, Spent
from hdscan.scan.token_errors import TokenErrors

Write = Callable[[Spent], Awaitable[ChainScan | None]]

_log = structlog.get_logger()


class Progress:
    """The record as last committed; `emit` takes events, `requests` gives the number of calls so far."""

    def __init__(
        self,
        record: ChainScan,
        store: ScanStore,
        token_errors: TokenErrors,
        *,
        clock: Callable[[], float],
        emit: Callable[[Event], None],
        requests: Callable[[], int],
    ) -> None:
        self.record = msgspec.structs.replace(record, status=Status.RUNNING, error=None)  # stored so first
        self.store = store
        self.token_errors = token_errors
        self._clock = clock
        self._emit = emit
        self._requests = requests
        self._began = self._counted_at = clock()
        self._counted_requests = 0
        self._ended_before = record.ended
        self._answered = record.ended
        self._silent = False  # an outage was reported, and nothing has ended since
        self._said: tuple[int, str | None] = (record.ended, None)  # what was answered, and what it waits for
        self.in_flight: Callable[[], int] = lambda: 0  # readings that have ended and are not committed
        self.ahead: Callable[[], int] = lambda: 0  # readings that are asked for and not in the record yet
        self.waits_for: Callable[[], str | None] = lambda: None
        self.eta: Callable[[], float | None] = lambda: None

    @property
    def answered(self) -> int:
        """The readings that have ended, committed or not; it never falls but by a retraction."""
        self._answered = max(self._answered, min(self.record.readings, self.record.ended + self.in_flight()))
        return self._answered

    def current(self) -> ChainProgress:
        """Totals of the last commit, with the rate of this run and what has ended since."""
        record, now = self.record, self._clock()
        running, read = record.status is Status.RUNNING, record.ended == record.readings and not self.ahead()
        rate = max(0, self.answered - self._ended_before) / max(now - self._began, 1e-9)
        eta = (0.0 if read else self.eta()) if running else None
        return msgspec.structs.replace(
            progress_of(record),
            rate=round(rate, 3),
            eta=eta,
            answered=self.answered,
            waiting=self.waits_for() if running and not read else None,
        )

    # -- into the store

    async def set_status(self, status: Status, error: str | None = None) -> None:
        self.record = await self.store.set_status(status, error)

    async def commit(self, write: Write, results: Sequence[BalanceResult] = (), *, again: bool = False) -> bool:
        """Write, then report; False where another worker had committed the same.

        `again`: what was written was tried before, and may have ended failures of tokens.
        """
        written = await self._count(write)
        if written:
            self.token_errors.record(results)
            if again:
                await self.recount_token_errors()
            self.say()
        return written

    async def recount_token_errors(self) -> None:
        self.token_errors.restate(await self.store.token_errors())

    async def count_rest(self) -> None:
        """Store the time and requests since the last commit; an outage costs both."""
        await self._count(lambda spent: self.store.commit_gaps((), (), spent))

    async def _count(self, write: Write) -> bool:
        """Write with what was spent since the last commit; False if another worker had committed the same."""
        now, requests = self._clock(), self._requests()
        record = await write(Spent(now=now, seconds=now - self._counted_at, requests=requests - self._counted_requests))
        if record is None:
            return False
        self._counted_at, self._counted_requests = now, requests
        self.record = record
        return True

    async def set_open_ends(self, ends: Mapping[int, str]) -> None:
        """Store which branches have no known end, and what can be done about each."""
        self.record = await self.store.set_open_ends(ends)

    async def retract(self, retraction: Retraction) -> int:
        """Retract the committed balances of a provider; how many they were."""
        count = await self.store.retract(retraction)
        if count:
            self.record = await self.store.record()
            await self.recount_token_errors()
        self._answered = 0
        return count

    async def fail(self, failure: StoreError) -> None:
        """End as FAILED in memory, and in the database if that can still be written."""
        _log.error("commit_failed", chain=self.record.chain, error=str(failure))
        error = f"the database could not be written: {failure}"
        self.record = msgspec.structs.replace(self.record, status=Status.FAILED, error=error)
        if not failure.may_pass:  # otherwise all tries have just failed
            with suppress(StoreError):
                await self.set_status(Status.FAILED, error)

    # -- events

    def say(self) -> None:
        self._silent = False
        self._say(self.current())
        self.say_token_errors()

    def say_news(self) -> None:
        """Emit what has changed without a commit; while no provider answers, nothing has."""
        current = self.current()
        heard = current.answered != self._said[0]
        if current.status is Status.RUNNING and (heard or (current.waiting != self._said[1] and not self._silent)):
            self._silent = False
            self._say(current)

    def _say(self, current: ChainProgress) -> None:
        self._said = (current.answered, current.waiting)
        self._emit(recast(current, ScanProgress))

    def say_error(self, code: ChainCode, error: str, *, outage: bool = False) -> None:
        self._silent = self._silent or outage
        self._emit(ScanError(self.record.chain, code, error, rfc3339_seconds(self._clock()), outage))

    def say_token_errors(self, *, all_of_them: bool = False) -> None:
        for event in self.token_errors.due(self._clock(), all_of_them=all_of_them):
            self._emit(event)

    def say_end(self) -> None:
        """Emit what is still due, then how the chain ended."""
        self.say_token_errors(all_of_them=True)
        if self.record.error:
            self.say_error(ChainCode.FAILED, self.record.error)
        self._emit(recast(self.current(), ScanComplete))


def progress_of(record: ChainScan) -> ChainProgress:
    """The progress of a scan that nobody is running."""
    return recast(record, ChainProgress, rate=0.0, eta=None, seconds=round(record.seconds, 3), answered=record.ended)


def summary(scan_id: int, records: Iterable[ChainScan]) -> ScanResult:
    """What `scan --json` prints: the worst chain decides the status."""
    chains = {r.chain: recast(r, ChainResult, seconds=round(r.seconds, 3)) for r in records}
    return ScanResult(scan_id, worst(each.status for each in chains.values()), chains)
