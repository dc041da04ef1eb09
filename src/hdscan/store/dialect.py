"""What a database server or file format has of its own: a second one is one more class and one row in `database.DIALECTS`."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import msgspec
from sqlalchemy import Connection, Engine

from hdscan.model.errors import StoreError

WRITES = "hdscan_writes"  # execution option: the transaction takes the write lock at its beginning


class Finding(msgspec.Struct, frozen=True):
    """Something that is wrong with a database, and what to do about it."""

    what: str
    mend: str


class Dialect(Protocol):
    """One database and the way it is spoken to; made from its URL. `place` is what messages call it."""

    @property
    def place(self) -> str:
        """The database in a message, without secrets."""

    def prepare(self, *, create: bool) -> None:
        """See that there is something to connect to, made where it is missing and `create` says so; StoreError otherwise."""

    def make_engine(self) -> Engine:
        """An engine for any thread, which obeys WRITES; nothing is written yet."""

    def before_migration(self) -> None:
        """Settings that the database keeps and that a transaction cannot make."""

    def explain(self, error: BaseException | None) -> StoreError:
        """The driver's error as one sentence, and whether another try may succeed."""

    def writer_lock(self, command: str) -> AbstractContextManager[None]:
        """Be the only writer until the process ends, however it does; LockedError names who is."""

    def beside(self, ending: str) -> Path:
        """The place of a file that belongs to the database."""

    def findings(self, connection: Connection) -> list[Finding]:
        """What is wrong with the database as a whole; reads all of it."""
