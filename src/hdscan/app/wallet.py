"""hdscan from a program: open a database, add addresses, scan, read what is known. The command line is written on this.

import asyncio
from hdscan.app import open_wallet

async def main() -> None:
    async with open_wallet(db="sqlite:///wallet.db") as wallet:
        await wallet.import_addresses("btc", ["bc1q..."])
        async for event in wallet.scan():
            print(event)
        print(wallet.result, wallet.totals())

asyncio.run(main())
"""

import asyncio
import os
import random
import socket
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Sequence
from contextlib import aclosing, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from hdscan.app.explain import explain
from hdscan.app.fleet import make_fleet, policy
from hdscan.keys.address import canonical
from hdscan.keys.derive import Deriver
from hdscan.keys.listing import BadLine, parse
from hdscan.model.chain import Chain
from hdscan.model.errors import InputError
from hdscan.model.events import ChainProgress, Event, TokenError
from hdscan.model.explain import Explained
from hdscan.model.page import Page, Sort
from hdscan.model.scan import AssetTotal, BalanceRow, ChainScan, Gap, ProviderStatus, ScanRecord, ScanResult, Status
from hdscan.provider.registry import REGISTRY
from hdscan.provider.transport import AioTransport
from hdscan.scan.engine import Engine, EngineSettings
from hdscan.scan.plan import ScanRequest
from hdscan.scan.progress import progress_of, summary
from hdscan.settings import Settings, load
from hdscan.store import Store

Progress = Callable[[int], None]


class Imported(msgspec.Struct, frozen=True):
    """What an import did: new addresses, addresses that were there already, and lines that cannot be used."""

    added: int
    known: int
    bad: tuple[BadLine, ...] = ()


def steady_clock() -> Callable[[], float]:
    """Unix seconds that never jump while this process lives, whatever is done to the machine's clock.

    Time that the machine sleeps through passes too, where the system can tell (Linux).
    """
    boottime: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    ticks = time.monotonic if boottime is None else partial(time.clock_gettime, boottime)
    offset = time.time() - ticks()
    return lambda: ticks() + offset


def configure(
    db: str | None = None, config: str | Path | None = None, *, log_level: str | None = None, log_json: bool | None = None
) -> Settings:
    """The settings in force; what is not given here comes from where `hdscan` itself looks for it. Raises ConfigError."""
    flags = {"db": db, "log_level": log_level, "log_json": log_json}
    return load(None if config is None else Path(config), flags, os.environ, Path.cwd(), protocols=REGISTRY)


def open_wallet(db: str | None = None, config: str | Path | None = None) -> "Wallet":
    """The wallet of a database URL and a configuration file, each by default where `hdscan` itself looks for it."""
    return Wallet(configure(db, config))


def find_chain(settings: Settings, name: str) -> Chain:
    """The configured chain of this id; InputError names those there are."""
    if name not in settings.chains:
        raise InputError(f"chain {name!r} is not configured; the chains are {', '.join(settings.chains)}")
    return settings.chains[name]


def find_asset(settings: Settings, name: str, chains: Sequence[str] | None = None) -> str:
    """The configured symbol that is meant, whatever its case; InputError names those there are."""
    of = [asset.symbol for chain in chains or settings.chains for asset in settings.assets[chain]]
    symbols = {symbol.upper(): symbol for symbol in of}
    if name.upper() not in symbols:
        raise InputError(f"asset {name!r} is not configured; the assets are {', '.join(symbols.values())}")
    return symbols[name.upper()]


class _NothingAdded(Exception):
    """Takes back an import that met a bad line."""


class Wallet:
    """A database with its configured chains and providers; open it with `async with`, or `with` to read only.

    A database that is missing is made, unless `create` is False (StoreError).
    Raises ConfigError, StoreError, InputError, KeyFault and ScanRefused, each one sentence.
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
        self._engine: Engine | None = None
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
        """The configured chain of this id; InputError names those there are."""
        return find_chain(self.settings, name)

    async def import_addresses(
        self, chain: str, lines: Iterable[str | bytes], *, skip_invalid: bool = False, progress: Progress | None = None
    ) -> Imported:
        """Add addresses, one a line or CSV with an `address` column; with a bad line nothing is added unless `skip_invalid`."""
        target = self.chain(chain)
        return await asyncio.to_thread(self._import, target, lines, skip_invalid, progress)

    def _import(self, chain: Chain, lines: Iterable[str | bytes], skip_invalid: bool, progress: Progress | None) -> Imported:
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

    async def derive(self, chain: str, deriver: Deriver, start: int, count: int, progress: Progress | None = None) -> Imported:
        """Add derived addresses with their paths."""
        target = self.chain(chain).id
        added = await asyncio.to_thread(self.store.addresses.add, target, deriver.addresses(start, count), progress)
        return Imported(added.added, added.known)

    async def scan(self, request: ScanRequest | None = None) -> AsyncIterator[Event]:
        """Scan and say what happens; `result` is there when it has ended. Takes the writer's lock (LockedError) unless held."""
        settings, clock = self.settings, steady_clock()
        with nullcontext() if self._held else self.store.writer_lock("scan"):
            async with AioTransport(settings.scan.request_timeout) as transport:
                self._engine = engine = Engine(
                    self.store,
                    make_fleet(settings, transport, clock),
                    settings.chains,
                    settings.assets,
                    EngineSettings(
                        policy(settings),
                        settings.scan.chunk,
                        settings.scan.final_passes,
                        worker=f"{socket.gethostname()}:{os.getpid()}",
                    ),
                    clock=clock,
                    jitter=random.random,
                )
                try:
                    async with aclosing(engine.run(request or ScanRequest())) as events:
                        async for event in events:
                            yield event
                finally:
                    self.result, self._engine = engine.result, None

    @contextmanager
    def held(self, command: str) -> Iterator[None]:
        """Hold the writer's lock over many scans (LockedError); a scan whose process died is marked as stopped."""
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
        """End the running scan, or these chains of it, early: what has ended is committed, the next scan resumes the rest."""
        if self._engine is not None:
            self._engine.stop(chains)

    @property
    def scanning(self) -> set[str]:
        """The chains that are being scanned by this wallet."""
        return self._engine.scanning if self._engine is not None else set()

    def state(self) -> tuple[list[ChainProgress], list[TokenError]]:
        """Where the last scan of every chain stands, and which of their tokens fail, as stored."""
        records = self.chains()
        errors = [error for record in records for error in self.store.scans.token_errors(record.scan_id, record.chain)]
        return [progress_of(record) for record in records], errors

    def last_scan(self) -> ScanResult | None:
        """How the last scan of every chain stands, or None where there was none."""
        records = self.chains()
        return summary(max(record.scan_id for record in records), records) if records else None

    def chains(self) -> list[ChainScan]:
        """The latest scan of every chain that was scanned."""
        return [record for chain in self.settings.chains if (record := self.store.scans.latest(chain))]

    def balances(self, chain: str | None = None, asset: str | None = None, *, funded: bool = False) -> Generator[BalanceRow]:
        """Every address and asset as known, in order; never a zero that was not read."""
        return self.store.balances.rows(chain, asset, funded)

    def totals(self, chain: str | None = None, asset: str | None = None) -> list[AssetTotal]:
        """Sums per asset and chain, with what is stale or unread beside them."""
        return self.store.balances.totals(chain, asset)

    def gaps(self, chain: str | None = None) -> Iterator[Gap]:
        """What the last scan could not read, and why."""
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
        """All that is known of an address, per chain and asset, and why each provider was or was not asked.

        InputError where no chain has it.
        """
        found: list[Explained] = []
        statuses = self.providers()
        fleet = make_fleet(self.settings, AioTransport(1.0), time.time)
        for each in self.settings.chains.values() if chain is None else [self.chain(chain)]:
            try:
                known = self.store.balances.known(each.id, canonical(each, address))
            except InputError:
                continue  # it is none of this chain's
            upstreams = {upstream.name: upstream for upstream in fleet.upstreams[each.id]}
            mine = [status for status in statuses if status.chain == each.id]
            found += explain(known or (), each.symbol, self.store.scans.latest(each.id), upstreams, mine)
        if not found:
            raise InputError("this address is not among those of the wallet; add it with: hdscan import --chain CHAIN FILE")
        return [each for each in found if asset is None or each.balance.asset == asset]

    def providers(self) -> list[ProviderStatus]:
        """Every configured provider as it stands, or, where no scan is running here, as it was last seen."""
        if (engine := self._engine) is not None:  # asked from any thread
            return list(engine.statuses())
        fleet = make_fleet(self.settings, AioTransport(1.0), time.time)
        seen = {status.name: status for status in self.store.runtime.providers()}
        return [
            status if status.name not in seen or status.state == "disabled" else seen[status.name]
            for status in fleet.statuses(time.time())
        ]
