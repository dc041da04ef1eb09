"""The port to a database system: a second one is one class and one row of `database.DIALECTS`."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import msgspec
from sqlalchemy import Connection, Engine

from hdscan.model.errors import StoreError

WRITES = "hdscan_writes"  # execution option: the transaction takes the write lock at its beginning


class Finding(msgspec.Struct, frozen=True):
    """A defect of a database, and its remedy."""

    what: str
    mend: str


class Dialect(Protocol):
    """One database of one system; made from its URL."""

    place: str  # the database in a message, without secrets

    def prepare(self, *, create: bool) -> None:
        """Check that the database can be connected to, creating it if `create`; StoreError otherwise."""

    def make_engine(self) -> Engine:
        """A thread-safe engine that obeys WRITES; writes nothing yet."""

    def before_migration(self) -> None:
        """Make persistent settings that cannot be made within a transaction."""

    def explain(self, error: BaseException | None) -> StoreError:
        """The driver's error as one sentence, and whether another try may succeed."""

    def writer_lock(self, command: str) -> AbstractContextManager[None]:
        """Be the only writer, at most until the process dies; LockedError names the one that is."""

    def beside(self, ending: str) -> Path:
        """The path of a file that belongs to the database."""

    def findings(self, connection: Connection) -> list[Finding]:
        """Integrity errors; reads the whole database."""
