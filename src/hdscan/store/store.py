"""The store as its callers see it: a few objects that own their tables, each method one transaction, whole or not at all.

Synchronous: a scan makes its writing calls one after the other (its store thread); reading calls may come from any thread or
process at any time, and each sees the database as of one moment. Every call may raise StoreError; its `may_pass` says whether
the same call may succeed later.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

from hdscan.model.chain import Asset, Chain, Network
from hdscan.store import registry
from hdscan.store.audits import Audits
from hdscan.store.balances import Balances
from hdscan.store.database import Database
from hdscan.store.dialect import Finding
from hdscan.store.migrate import open_schema
from hdscan.store.numbered import Addresses
from hdscan.store.runtime import Runtime
from hdscan.store.scans import Scans
from hdscan.store.wallets import Wallets


class Store:
    """An open database; made by `open`, closed by `close` or at the end of `with`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.addresses = Addresses(database)
        self.wallets = Wallets(database)
        self.scans = Scans(database)
        self.balances = Balances(database)
        self.audits = Audits(database)
        self.runtime = Runtime(database)

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
        self._database.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def register(self, chains: Sequence[Chain], assets: Sequence[Asset], operators: Mapping[str, str] | None = None) -> None:
        """Make the configured chains and assets known, and the only ones that this store's reports cover. Idempotent.

        `operators` are by provider; reports count one that is not named as its own.

        A symbol with another contract or other decimals is another asset: what was read of the former one stays, apart.
        """
        with self._database.read() as transaction:
            found = registry.find(transaction, chains, assets)
        if found is None:
            with self._database.write() as transaction:
                registry.add(transaction, chains, assets)
            with self._database.read() as transaction:
                found = registry.find(transaction, chains, assets)
        self._database.registered = found
        self._database.operators = operators or {}

    def writer_lock(self, command: str) -> AbstractContextManager[None]:
        """Be the only writer; LockedError names the process that is, its command and since when. Freed by any death."""
        return self._database.dialect.writer_lock(command)

    def beside(self, ending: str) -> Path:
        """The path of a file that belongs to the database: its name with an ending."""
        return self._database.dialect.beside(ending)

    def check(self) -> list[Finding]:
        """Defects of the database; reads all of it."""
        with self._database.read() as transaction:
            found = self._database.dialect.findings(transaction.connection)
        return found + self.scans.check()
