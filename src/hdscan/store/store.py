"""The store as its callers see it: one call is one transaction, whole or not at all.

Synchronous: a scan makes its writing calls one after the other (its writer thread); reading calls may come from any thread
or process at any time, and each sees the database as of one moment. Every call may raise StoreError; its `may_pass` says
whether the same call may succeed later.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection

from hdscan.model.address import Address
from hdscan.model.audit import Audited, AuditPlan
from hdscan.model.chain import Asset, Chain, Network
from hdscan.model.errors import InputError, ReadCode
from hdscan.model.events import TokenError
from hdscan.model.explain import Known
from hdscan.model.page import Page, Sort
from hdscan.model.reading import BalanceResult
from hdscan.model.scan import (
    AssetTotal,
    BalanceRow,
    ChainPlan,
    ChainScan,
    Chunk,
    Gap,
    ProviderStatus,
    ScanRecord,
    Status,
)
from hdscan.store import addresses, commits, doubts, known, memory, pages, registry, reports, scans, sqlite
from hdscan.store.addresses import Added
from hdscan.store.database import Database
from hdscan.store.migrate import open_schema

_NEVER = 2**31  # more than any scan's id


class Store:
    """An open database; made by `open`, closed by `close` or at the end of `with`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._registered: Mapping[int, Asset] | None = None

    @classmethod
    def open(cls, url: str, network: Network, *, create: bool = True) -> Self:
        """Open `sqlite:///path`, made or migrated where `create` says so; StoreError says why it cannot be used."""
        database = Database.at(url, create=create)
        try:
            open_schema(database, network, create=create)
        except BaseException:
            database.engine.dispose()
            raise
        return cls(database)

    def close(self) -> None:
        """Give back every connection."""
        self._database.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def writer_lock(self, command: str) -> AbstractContextManager[None]:
        """Be the only writer; LockedError says which process, running what, has been it since when. Freed by any death."""
        return sqlite.writer_lock(self._database.path, command)

    def beside(self, ending: str) -> Path:
        """The place of a file that belongs to the database: its name with an ending."""
        return self._database.path.with_name(self._database.path.name + ending)

    def check(self) -> list[str]:
        """What is wrong with the database, a sentence each with how to mend it; reads all of it."""
        with self._database.read() as connection:
            found = sqlite.findings(connection, self._database.path)
            for chain in registry.chain_numbers(connection):
                record = scans.latest(connection, chain)
                if record and scans.recount(connection, record.scan_id, chain) != scans.totals_of(record):
                    which = f"scan {record.scan_id} of {chain}"
                    found.append(f"the totals of {which} differ from its rows; mend it with: hdscan scan --restart")
            return found

    # -- chains, assets, addresses

    def register(self, chains: Sequence[Chain], assets: Sequence[Asset]) -> None:
        """Make the configured chains and assets known, and the only ones that this store's reports tell of.

        Again is nothing new. A symbol with another contract or other decimals is another asset: what was read of the
        former one stays, apart.
        """
        with self._database.read() as connection:
            missing = registry.missing(connection, chains, assets)
        if missing:
            with self._database.write() as connection:
                registry.add(connection, chains, assets)
        with self._database.read() as connection:
            self._registered = registry.find(connection, assets)

    def add_addresses(
        self, chain: str, items: Iterable[tuple[str, str | None]], progress: Callable[[int], None] | None = None
    ) -> Added:
        """Add (address, derivation path or None), numbered from where the chain's addresses end, in order of arrival.

        An address that is there already, or twice among them, keeps its number and gains a path where it had none.
        `progress` gets the number of items seen so far; whatever it or `items` raises leaves nothing added.
        """
        with self._database.write() as connection:
            return addresses.add(connection, chain, items, progress)

    def count_addresses(self, chain: str) -> int:
        """How many addresses a chain has."""
        with self._database.read() as connection:
            return addresses.count(connection, chain)

    def addresses(self, chain: str, first: int, stop: int) -> list[Address]:
        """The addresses with `first` <= index < `stop`, in order."""
        with self._database.read() as connection:
            return addresses.between(connection, chain, first, stop)

    # -- scans

    def begin_scan(self, plans: Sequence[ChainPlan], now: float) -> int:
        """Begin a scan of these chains, RUNNING, with all their chunks; its id. `now` is unix seconds, as everywhere."""
        with self._database.write() as connection:
            return scans.begin(connection, plans, self._current(connection), now)

    def latest(self, chain: str) -> ChainScan | None:
        """A chain in the last scan that had it, or None."""
        with self._database.read() as connection:
            return scans.latest(connection, chain)

    def scan(self, scan_id: int) -> tuple[ChainScan, ...]:
        """Every chain of a scan, in order of registration; empty where there is no such scan."""
        with self._database.read() as connection:
            return scans.every_chain(connection, scan_id)

    def scans(self, before: int | None = None, limit: int = 100) -> list[ScanRecord]:
        """The newest scans, or those before one, newest first; InputError unless 1 <= `limit` <= 1000."""
        if not 1 <= limit <= pages.LIMIT:
            raise InputError(f"a page has 1 to {pages.LIMIT} rows, not {limit}")
        with self._database.read() as connection:
            return scans.records(connection, _NEVER if before is None else min(max(before, 0), _NEVER), limit)

    def scan_record(self, scan_id: int) -> ScanRecord | None:
        """A scan and its chains, or None where there is no such scan."""
        return next((record for record in self.scans(scan_id + 1, 1) if record.scan_id == scan_id), None)

    def last_scan_id(self) -> int | None:
        """The newest scan, or None."""
        with self._database.read() as connection:
            return scans.last_id(connection)

    def pending_chunks(self, scan_id: int, chain: str, after_seq: int, limit: int) -> list[Chunk]:
        """At most `limit` chunks that are not done and have a higher number than `after_seq`, in order."""
        with self._database.read() as connection:
            return scans.pending(connection, scan_id, chain, after_seq, limit)

    def readings_of_gaps(
        self, scan_id: int, chain: str, after: tuple[int, str] | None, limit: int
    ) -> list[tuple[Address, str]]:
        """At most `limit` readings that a scan counts as unread, as (address, asset symbol).

        In the order of (index, symbol), beginning after the pair `after`.
        """
        with self._database.read() as connection:
            return scans.gaps(connection, scan_id, chain, after, limit)

    def token_errors(self, scan_id: int, chain: str) -> list[TokenError]:
        """The tokens of which a scan counts readings as unread, with the latest address's reason (B7)."""
        with self._database.read() as connection:
            return scans.token_errors(connection, scan_id, chain)

    def any_reading(self, scan_id: int, chain: str) -> tuple[Address, str] | None:
        """A reading that the scan could make, as (address, asset symbol): whoever gave it can be asked whether he is alive."""
        with self._database.read() as connection:
            return scans.any_reading(connection, scan_id, chain)

    def set_status(self, scan_id: int, chain: str, status: Status, error: str | None, now: float) -> ChainScan:
        """Change a chain's status and error within a scan; its record as it stands."""
        with self._database.write() as connection:
            return scans.set_status(connection, scan_id, chain, status, error=error, now=now)

    # -- what was read

    def commit_chunk(
        self,
        scan_id: int,
        chain: str,
        chunk: Chunk,
        results: Sequence[BalanceResult],
        *,
        worker: str,
        now: float,
        seconds: float,
        requests: int,
    ) -> ChainScan | None:
        """Write a chunk whole (B4): its balances, its unread readings, its mark and the totals, which are returned.

        `seconds` and `requests` are what came since the last commit. None, and nothing written, where the chunk was done
        already. StoreError, and nothing written, unless `results` are the chunk's addresses times the scan's assets, each
        once. A failed reading never touches a known balance.
        """
        with self._database.write() as connection:
            return commits.chunk(
                connection, scan_id, chain, chunk, results, worker=worker, now=now, seconds=seconds, requests=requests
            )

    def commit_final(
        self, scan_id: int, chain: str, results: Sequence[BalanceResult], *, now: float, seconds: float, requests: int
    ) -> ChainScan:
        """Write what came of readings that the scan counts as unread; the totals.

        Those that are read now are no longer unread; of the others attempts add up and the reasons are the new ones.
        Results of any other reading are ignored, so a repeated commit changes nothing but time and requests.
        """
        with self._database.write() as connection:
            return commits.final(connection, scan_id, chain, results, now=now, seconds=seconds, requests=requests)

    def commit_partial(self, scan_id: int, chain: str, results: Sequence[BalanceResult], *, now: float) -> None:
        """Keep the balances that are there of chunks that did not end; the chunks stay to be done and count nothing.

        Readings that the scan counts as unread are settled as `commit_final` does; errors are ignored.
        """
        with self._database.write() as connection:
            commits.partial(connection, scan_id, chain, results, now=now)

    # -- what is doubted

    def plan_audit(self, scan_id: int, chain: str, plan: AuditPlan) -> None:
        """Have a chain's scan audited; the seed of an earlier plan stays."""
        with self._database.write() as connection:
            scans.plan_audit(connection, scan_id, chain, plan)

    def audit_of(self, scan_id: int, chain: str) -> AuditPlan | None:
        """How a chain's scan is to be audited, or None."""
        with self._database.read() as connection:
            return scans.audit_of(connection, scan_id, chain)

    def due_for_audit(
        self, scan_id: int, chain: str, after: tuple[int, int] | None, limit: int, *, zeros: bool
    ) -> list[doubts.Due]:
        """At most `limit` readings that a scan made and nobody has audited since, after the key `after`, in order.

        Without `zeros` only what is above zero, or about to be.
        """
        with self._database.read() as connection:
            return doubts.due(connection, scan_id, chain, after, limit, zeros=zeros)

    def disputed(self, scan_id: int, chain: str, after: tuple[int, int] | None, limit: int) -> list[doubts.Due]:
        """At most `limit` readings that a scan left disputed, each with the first answer, after the key `after`, in order."""
        with self._database.read() as connection:
            return doubts.disputed(connection, scan_id, chain, after, limit)

    def commit_audit(
        self, scan_id: int, chain: str, found: Sequence[Audited], *, now: float, seconds: float, requests: int
    ) -> ChainScan:
        """Write how audits ended: amounts that moved or were corrected, disputes with all their answers; the totals.

        Again changes nothing but time and requests.
        """
        with self._database.write() as connection:
            return doubts.audited(connection, scan_id, chain, found, now=now, seconds=seconds, requests=requests)

    def retract(
        self,
        scan_id: int,
        chain: str,
        source: str,
        error: str,
        now: float,
        *,
        code: ReadCode = ReadCode.WRONG_CHAIN,
        height: int | None = None,
    ) -> int:
        """Take back every balance that a source gave in a scan, or those from a height on; how many they were.

        Each becomes a gap of this code; what was known before that scan comes back; the totals follow.
        """
        with self._database.write() as connection:
            return doubts.retract(connection, scan_id, chain, source=source, height=height, code=code, error=error, now=now)

    # -- what is known

    def balances(self, chain: str | None = None, asset: str | None = None, funded: bool = False) -> Generator[BalanceRow]:
        """Every address and asset in order of chain, index, asset; `funded`: those with a known amount above zero.

        Streamed from one moment's view; memory stays flat.
        """
        with self._database.read() as connection:
            yield from reports.balances(connection, self._current(connection), chain, asset, funded)

    def totals(self, chain: str | None = None, asset: str | None = None) -> list[AssetTotal]:
        """Sums per chain and asset in base units; `funded` counts the addresses whose `read` amount is above zero."""
        with self._database.read() as connection:
            return reports.totals(connection, self._current(connection), chain, asset)

    def gaps(self, chain: str | None = None) -> Iterator[Gap]:
        """Every reading that its last scan could not make, in order of chain, index, asset; streamed."""
        with self._database.read() as connection:
            yield from reports.gaps(connection, self._current(connection), chain)

    def balance_page(
        self,
        chain: str | None,
        asset: str | None,
        *,
        funded: bool = False,
        q: str | None = None,
        sort: Sort = Sort.INDEX,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[BalanceRow]:
        """At most `limit` (1 to 1000) rows of `balances`, from where the page that gave the cursor ended.

        `q` is a part of the address or of the derivation path, in any case of ASCII letters. In index order no address is
        skipped or told twice whatever is written between two pages; in the order of amounts a row moves with its amount.
        InputError for a limit or a `q` that can't be, and for a cursor that this very query did not give.
        """
        with self._database.read() as connection:
            current = self._current(connection)
            return pages.balances(connection, current, chain, asset, funded=funded, q=q, sort=sort, cursor=cursor, limit=limit)

    def gap_page(self, chain: str | None, *, cursor: str | None = None, limit: int = 100) -> Page[Gap]:
        """At most `limit` rows of `gaps`; cursor, limit and errors are those of `balance_page`."""
        with self._database.read() as connection:
            return pages.gaps(connection, self._current(connection), chain, cursor=cursor, limit=limit)

    def known(self, chain: str, address: str) -> list[Known] | None:
        """What is known of an address, an item for every asset of its chain; None where it is not among the chain's."""
        with self._database.read() as connection:
            return known.of_address(connection, self._current(connection), chain, address)

    # -- what outlives a process

    def load_memory(self) -> dict[str, bytes]:
        """Everything that `save_memory` kept."""
        with self._database.read() as connection:
            return memory.load(connection)

    def save_memory(self, changed: Mapping[str, bytes]) -> None:
        """Keep these by name (quotas, pauses, learned batch sizes); what is not named stays."""
        with self._database.write() as connection:
            memory.save(connection, changed)

    def providers(self) -> list[ProviderStatus]:
        """Every provider as last seen, by name."""
        with self._database.read() as connection:
            return memory.providers(connection)

    def save_providers(self, statuses: Sequence[ProviderStatus]) -> None:
        """Keep how these providers stand."""
        with self._database.write() as connection:
            memory.save_providers(connection, statuses)

    def _current(self, connection: Connection) -> Mapping[int, Asset]:
        """The registered assets by id; without a registration the newest of every symbol."""
        return registry.newest(connection) if self._registered is None else self._registered
