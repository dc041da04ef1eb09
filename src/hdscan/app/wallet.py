"""The Python API, on which the command line and the web server are built: add wallets, scan, read balances.

import asyncio
import hdscan

async def main() -> None:
    async with hdscan.open(db="sqlite:///wallet.db") as wallet:
        await wallet.add("wpkh([d34db33f/84h/0h/0h]xpub.../<0;1>/*)", name="savings")
        async for event in wallet.scan():
            print(event)
        print(wallet.result, wallet.totals())

asyncio.run(main())
"""

import os
import time
from collections.abc import AsyncIterator, Generator, Iterable, Iterator
from contextlib import aclosing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Self

from hdscan.app.wallets import Wallets
from hdscan.model.errors import InputError
from hdscan.model.events import ChainProgress, Event, TokenError
from hdscan.model.explain import Explained
from hdscan.model.forecast import Forecast
from hdscan.model.scan import (
    AssetTotal,
    BalanceRow,
    ChainScan,
    Gap,
    ProviderStatus,
    ScanRequest,
    ScanResult,
    Status,
    UnlistedRow,
)
from hdscan.provider.registry import REGISTRY
from hdscan.settings import Settings, load
from hdscan.store import Store


def configure(
    db: str | None = None, config: str | Path | None = None, *, log_level: str | None = None, log_json: bool | None = None
) -> Settings:
    """The settings in force; what is not given comes from the environment and the configuration files. Raises ConfigError."""
    flags = {"db": db, "log_level": log_level, "log_json": log_json}
    return load(None if config is None else Path(config), flags, os.environ, Path.cwd(), protocols=REGISTRY)


def open_wallet(db: str | None = None, config: str | Path | None = None) -> "Wallet":
    """The wallet of a database URL and a configuration file, by default those that the `hdscan` command uses."""
    return Wallet(configure(db, config))


class Wallet(Wallets):
    """A database with its configured chains and providers; open it with `async with`, or `with` to read only.

    A missing database is created, unless `create` is False (StoreError). Its pages and past scans are read from `store`.
    Raises ConfigError, StoreError, InputError, KeyFault and ScanRefused.
    """

    def __init__(self, settings: Settings, *, create: bool = True) -> None:
        self.settings = settings
        self.store = Store.open(settings.db, settings.network, create=create)
        try:
            operators = {each.provider_name(name): each.operated_by for each in settings.endpoints for name in each.protocols}
            assets = [asset for assets in settings.assets.values() for asset in assets]
            self.store.register(list(settings.chains.values()), assets, operators)
        except BaseException:
            self.store.close()
            raise
        self.result: ScanResult | None = None
        self._engine: Any = None  # the `scan.engine.Engine` of a running scan
        self._held = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.store.close()

    def symbol(self, chain: str | None, asset: str | None) -> str | None:
        """The configured symbol of an asset, of this chain if one is given; InputError for an unknown chain or asset."""
        chains = None if chain is None else [self.settings.chain(chain).id]
        return None if asset is None else self.settings.asset(asset, chains)

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

    def plan(self, request: ScanRequest | None = None) -> Forecast:
        """What the scan that a request means will take; nothing is asked. ScanRefused as by `scan`."""
        from hdscan.app.planning import plan

        return plan(self.settings, self.store, request or ScanRequest(), time.time())

    @contextmanager
    def held(self, command: str) -> Iterator[None]:
        """Hold the writer's lock over several scans (LockedError); a scan whose process died is marked as stopped."""
        with self.store.writer_lock(command):
            self._held = True
            try:
                for record in self._scanned():
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
        """The latest scan of every chain that was ever scanned and of which a wallet has an address."""
        here = self.store.wallets.chains()
        return [record for record in self._scanned() if record.chain in here]

    def _scanned(self) -> list[ChainScan]:
        return [record for chain in self.settings.chains if (record := self.store.scans.latest(chain))]

    def balances(
        self, chain: str | None = None, asset: str | None = None, *, funded: bool = False, wallet: str | None = None
    ) -> Generator[BalanceRow]:
        """Every address and asset in order, with its last known balance, if any; like all reports of one wallet or of all."""
        return self.store.balances.rows(chain, asset, funded, wallet=wallet)

    def unlisted(self, chain: str | None = None, wallet: str | None = None) -> Generator[UnlistedRow]:
        """What addresses hold of tokens that are not listed, as one provider says; in no total."""
        return self.store.balances.unlisted(chain, wallet)

    def totals(self, chain: str | None = None, asset: str | None = None, wallet: str | None = None) -> list[AssetTotal]:
        """Totals per asset and chain, with stale and unread readings apart; an address of several wallets counts once."""
        return self.store.balances.totals(chain, asset, wallet)

    def gaps(self, chain: str | None = None, wallet: str | None = None) -> Iterator[Gap]:
        """Readings that failed in the last scan, with the reasons, and branches whose end is not known."""
        return self.store.balances.gaps(chain, wallet)

    def unchallenged(self, chain: str) -> str | None:
        """A sentence where one operator alone serves a chain or some of its assets, unless its word is enough; else None."""
        from hdscan.app.fleet import idle_fleet, unchallenged

        return unchallenged(idle_fleet(self.settings).upstreams[chain], self.settings.assets[chain])

    def explain(
        self, address: str, chain: str | None = None, asset: str | None = None, wallet: str | None = None
    ) -> list[Explained]:
        """Everything known of an address, per chain and asset, and why each provider was or was not asked.

        InputError if no wallet has it on these chains, or not the one that is asked for.
        """
        from hdscan.app.explain import explain

        chains = list(self.settings.chains.values()) if chain is None else [self.settings.chain(chain)]
        known = explain(self.settings, self.store, self.providers(), address, chains)
        if wallet is not None:
            self.wallets(wallet)
            known = [each for each in known if wallet in each.balance.wallets]
            if not known:
                raise InputError(f"the wallet {wallet!r} does not have this address")
        return [each for each in known if asset is None or each.balance.asset == asset]

    def providers(self) -> list[ProviderStatus]:
        """The current state of every configured provider, or the last known one if no scan is running here."""
        if (engine := self._engine) is not None:  # asked from any thread
            return list(engine.statuses())
        from hdscan.app.fleet import idle_fleet

        seen = {status.name: status for status in self.store.runtime.providers()}
        unused = idle_fleet(self.settings).statuses(time.time())
        return [seen.get(each.name, each) if each.state != "disabled" else each for each in unused]
