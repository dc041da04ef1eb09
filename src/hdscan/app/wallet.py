"""The Python API, on which the command line and the web server are built: add addresses, scan, read balances.

import asyncio
import hdscan

async def main() -> None:
    async with hdscan.open(db="sqlite:///wallet.db") as wallet:
        await wallet.import_addresses("btc", ["bc1q..."])
        async for event in wallet.scan():
            print(event)
        print(wallet.result, wallet.totals())

asyncio.run(main())
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from contextlib import aclosing, contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec

from hdscan.app.configure import configure
from hdscan.model.chain import BadLine, Chain
from hdscan.model.events import ChainProgress, Event, TokenError
from hdscan.model.explain import Explained
from hdscan.model.page import Page, Sort
from hdscan.model.scan import (
    AssetTotal,
    BalanceRow,
    ChainScan,
    Gap,
    ProviderStatus,
    ScanRecord,
    ScanRequest,
    ScanResult,
    Status,
)
from hdscan.settings import Settings
from hdscan.store import Store

Progress = Callable[[int], None]


class Imported(msgspec.Struct, frozen=True):
    """The result of an import: new addresses, already known ones, and unusable lines."""

    added: int
    known: int
    bad: tuple[BadLine, ...] = ()


def open_wallet(db: str | None = None, config: str | Path | None = None) -> "Wallet":
    """The wallet of a database URL and a configuration file, by default those that the `hdscan` command uses."""
    return Wallet(configure(db, config))


class Deriving(Protocol):
    """Derives addresses; made by `hdscan.app.keys`."""

    def addresses(self, start: int, count: int) -> Iterator[tuple[str, str]]:
        """Yield `count` addresses with their paths, from index `start`."""


class _NothingAdded(Exception):
    """Rolls back an import that met a bad line."""


class Wallet:
    """A database with its configured chains and providers; open it with `async with`, or `with` to read only.

    A missing database is created, unless `create` is False (StoreError).
    Raises ConfigError, StoreError, InputError, KeyFault and ScanRefused.
    """

    def __init__(self, settings: Settings, *, create: bool = True) -> None:
        self.settings = settings
        self.store = Store.open(settings.db, settings.network, create=create)
        try:
            self.store.register(list(settings.chains.values()), [a for assets in settings.assets.values() for a in assets])
        except BaseException:
            self.store.close()
            raise
        self.result: ScanResult | None = None
        self._engine: Any = None  # the `scan.engine.Engine` of a running scan
        self._held = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.store.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.store.close()

    def chain(self, name: str) -> Chain:
        """The configured chain of this id; InputError lists those there are."""
        return self.settings.chain(name)

    async def import_addresses(
        self, chain: str, lines: Iterable[str | bytes], *, skip_invalid: bool = False, progress: Progress | None = None
    ) -> Imported:
        """Add addresses, one a line or CSV with an `address` column; with a bad line nothing is added unless `skip_invalid`."""
        target = self.chain(chain)
        return await asyncio.to_thread(self._import, target, lines, skip_invalid, progress)

    def _import(self, chain: Chain, lines: Iterable[str | bytes], skip_invalid: bool, progress: Progress | None) -> Imported:
        from hdscan.keys.listing import parse

        bad: list[BadLine] = []

        def good() -> Iterator[tuple[str, None]]:
            for entry in parse(chain, lines):
                if isinstance(entry, BadLine):
                    bad.append(entry)
                elif skip_invalid or not bad:
                    yield entry, None
            if bad and not skip_invalid:
                raise _NothingAdded

        try:
            added = self.store.addresses.add(chain.id, good(), progress)
        except _NothingAdded:
            return Imported(0, 0, tuple(bad))
        return Imported(added.added, added.known, tuple(bad))

    async def derive(self, chain: str, deriver: Deriving, start: int, count: int, progress: Progress | None = None) -> Imported:
        """Add derived addresses with their paths."""
        target = self.chain(chain).id
        added = await asyncio.to_thread(self.store.addresses.add, target, deriver.addresses(start, count), progress)
        return Imported(added.added, added.known)

    async def scan(self, request: ScanRequest | None = None) -> AsyncIterator[Event]:
        """Scan and yield events; `result` is set at the end. Takes the writer's lock (LockedError) unless it is held."""
        from hdscan.app.scanning import engine as scan_engine

        with nullcontext() if self._held else self.store.writer_lock("scan"):
            async with scan_engine(self.settings, self.store) as engine:
                self._engine = engine
                try:
                    async with aclosing(engine.run(request or ScanRequest())) as events:
                        async for event in events:
                            yield event
                finally:
                    self.result, self._engine = engine.result, None

    @contextmanager
    def held(self, command: str) -> Iterator[None]:
        """Hold the writer's lock over several scans (LockedError); a scan whose process died is marked as stopped."""
        with self.store.writer_lock(command):
            self._held = True
            try:
                for record in self.chains():
                    if record.status is Status.RUNNING:
                        why = "the process that ran it came to a sudden end"
                        self.store.scans.set_status(record.scan_id, record.chain, Status.STOPPED, why, time.time())
                yield
            finally:
                self._held = False

    def stop(self, chains: Iterable[str] = ()) -> None:
        """Stop the running scan, or these chains of it: ended chunks are committed, and the next scan resumes the rest."""
        if self._engine is not None:
            self._engine.stop(chains)

    @property
    def scanning(self) -> set[str]:
        """The chains that this wallet is scanning."""
        return set() if self._engine is None else set(self._engine.scanning)

    def state(self) -> tuple[list[ChainProgress], list[TokenError]]:
        """The stored progress of every chain's last scan, and its failing tokens."""
        from hdscan.scan.progress import progress_of

        records = self.chains()
        errors = [error for record in records for error in self.store.scans.token_errors(record.scan_id, record.chain)]
        return [progress_of(record) for record in records], errors

    def last_scan(self) -> ScanResult | None:
        """The result of every chain's last scan so far; None before the first."""
        from hdscan.scan.progress import summary

        records = self.chains()
        return summary(max(record.scan_id for record in records), records) if records else None

    def chains(self) -> list[ChainScan]:
        """The latest scan of every chain that was ever scanned."""
        return [record for chain in self.settings.chains if (record := self.store.scans.latest(chain))]

    def balances(self, chain: str | None = None, asset: str | None = None, *, funded: bool = False) -> Generator[BalanceRow]:
        """Every address and asset in order, with its last known balance, if any."""
        return self.store.balances.rows(chain, asset, funded)

    def totals(self, chain: str | None = None, asset: str | None = None) -> list[AssetTotal]:
        """Totals per asset and chain, with stale and unread readings apart."""
        return self.store.balances.totals(chain, asset)

    def gaps(self, chain: str | None = None) -> Iterator[Gap]:
        """Readings that failed in the last scan, with the reasons."""
        return self.store.balances.gaps(chain)

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
        """At most `limit` balances after `cursor`; `q` is part of an address or path. InputError for another query's cursor."""
        return self.store.balances.page(chain, asset, funded=funded, q=q, sort=sort, cursor=cursor, limit=limit)

    def gap_page(self, chain: str | None, *, cursor: str | None = None, limit: int = 100) -> Page[Gap]:
        """At most `limit` gaps after `cursor`."""
        return self.store.balances.gap_page(chain, cursor=cursor, limit=limit)

    def scans(self, before: int | None = None, limit: int = 100) -> list[ScanRecord]:
        """The newest scans, or those before one, newest first."""
        return self.store.scans.records(before, limit)

    def scan_record(self, scan_id: int) -> ScanRecord | None:
        """A scan and its chains, or None where there is no such scan."""
        return self.store.scans.record(scan_id)

    def beside(self, ending: str) -> Path:
        """The path of a file that belongs to the database: its name with an ending."""
        return self.store.beside(ending)

    def explain(self, address: str, chain: str | None = None, asset: str | None = None) -> list[Explained]:
        """Everything known of an address, per chain and asset, and why each provider was or was not asked.

        InputError if it is on no chain of the wallet.
        """
        from hdscan.app.explain import explain

        chains = list(self.settings.chains.values()) if chain is None else [self.chain(chain)]
        known = explain(self.settings, self.store, self.providers(), address, chains)
        return [each for each in known if asset is None or each.balance.asset == asset]

    def providers(self) -> list[ProviderStatus]:
        """The current state of every configured provider, or the last known one if no scan is running here."""
        if (engine := self._engine) is not None:  # asked from any thread
            return list(engine.statuses())
        from hdscan.app.fleet import statuses

        seen = {status.name: status for status in self.store.runtime.providers()}
        return [seen.get(each.name, each) if each.state != "disabled" else each for each in statuses(self.settings)]
