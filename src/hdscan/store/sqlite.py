"""SQLite's own: the file and its modes, pragmas, the meaning of its errors, the writer's lock, integrity."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import msgspec
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from hdscan.model.errors import LockedError, StoreError
from hdscan.model.times import rfc3339
from hdscan.store.dialect import WRITES, Finding

BUSY_SECONDS = 60.0
CACHE_KIB = 64 * 1024
OLDEST = (3, 35, 0)  # RETURNING
RESTORE = "keep a copy of it and take the last good backup"

_MAY_PASS = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_IOERR")
_MEANING = {
    "SQLITE_BUSY": "another process has kept it locked for too long; end that process or try again later",
    "SQLITE_LOCKED": "it is locked by another part of this process; try again later",
    "SQLITE_FULL": "the disk is full; free some space and try again, nothing is lost",
    "SQLITE_IOERR": "the disk refused to read or write; look at its free space and its health, nothing is lost",
    "SQLITE_READONLY": "it is read-only; give yourself write permission on the file and its directory",
    "SQLITE_CANTOPEN": "it cannot be opened; look at the permissions of the file and its directory",
    "SQLITE_PERM": "it may not be opened; look at the permissions of the file and its directory",
    "SQLITE_CORRUPT": "it is damaged; keep a copy of it and take the last good backup",
    "SQLITE_NOTADB": "it is not an hdscan database; name another file",
}


class Holder(msgspec.Struct, frozen=True):
    """Who holds the writer's lock, as written into the lock file; `since` is RFC 3339 in UTC."""

    pid: int
    command: str
    since: str


class SQLite:
    """One database file; with it go `<file>-wal`, `<file>-shm` and `<file>.lock`."""

    def __init__(self, url: URL) -> None:
        if not url.database or url.database == ":memory:":
            raise StoreError("a database needs a file: sqlite:///path/to/hdscan.db")
        self.path = Path(url.database).expanduser().absolute()
        self.place = str(self.path)

    def prepare(self, *, create: bool) -> None:
        """Make sure that there is a file (0600, its new directories 0700) that this process may write.

        An existing file is never opened here: closing it would drop the locks that SQLite holds on it in this process.
        """
        path = self.path
        if sqlite3.sqlite_version_info < OLDEST:
            raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old; hdscan needs 3.35 or newer")
        try:
            if path.is_dir():
                raise StoreError(f"{path} is a directory, not a database; name a file in it")
            if not path.exists():
                if not create:
                    raise StoreError(f"there is no database at {path}; begin one with: hdscan add FILE")
                for directory in reversed([path.parent, *path.parent.parents]):
                    with suppress(FileExistsError):
                        directory.mkdir(0o700)
                with suppress(FileExistsError):
                    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except OSError as error:
            raise StoreError(f"the database {path} cannot be made: {error.strerror}; name another place with --db") from error
        effective = os.access in os.supports_effective_ids
        if not os.access(path, os.R_OK | os.W_OK, effective_ids=effective):
            raise StoreError(f"the database {path} may not be read and written by you; look at the permissions of the file")
        if not os.access(path.parent, os.W_OK | os.X_OK, effective_ids=effective):
            raise StoreError(f"the directory of the database {path} is read-only; SQLite keeps its journal in it")

    def make_engine(self) -> Engine:
        engine = create_engine(
            URL.create("sqlite", database=self.place),
            poolclass=QueuePool,
            hide_parameters=True,  # they may be keys
            pool_size=2,
            max_overflow=-1,
            pool_use_lifo=True,  # the connection with the warm cache
            connect_args={"timeout": BUSY_SECONDS},
        )
        event.listen(engine, "connect", _connected)
        event.listen(engine, "begin", _begun)
        return engine

    def before_migration(self) -> None:
        """Write-ahead logging, kept in the file from then on: readers and the writer don't wait for each other."""
        try:
            with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS)) as connection:  # works outside a transaction only
                connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.Error as error:
            raise self.explain(error) from error

    def explain(self, error: BaseException | None) -> StoreError:
        name = getattr(error, "sqlite_errorname", "")
        meaning = next((f"{text} ({error})" for prefix, text in _MEANING.items() if name.startswith(prefix)), str(error))
        return StoreError(f"the database {self.path} failed: {meaning}", may_pass=name.startswith(_MAY_PASS))

    @contextmanager
    def writer_lock(self, command: str) -> Iterator[None]:
        """Hold `<file>.lock`, which the operating system gives back however the process ends."""
        from filelock import FileLock, Timeout

        path = self.beside(".lock")

        def sign(file: int) -> None:
            holder = Holder(os.getpid(), command, rfc3339(time.time()))
            with suppress(OSError):  # on a full disk the lock holds all the same, without a name
                os.write(file, b" " + msgspec.json.encode(holder))  # Windows lets nobody else read the first byte

        lock = FileLock(path, timeout=0, mode=0o600, thread_local=False, fallback_to_soft=False, on_acquired=sign)
        try:
            lock.acquire()
        except Timeout:
            raise LockedError(_held(path, self.path)) from None
        except OSError as error:
            raise StoreError(f"the lock of the database {self.path} cannot be made: {error.strerror}") from error
        try:
            yield
        finally:
            lock.release()

    def beside(self, ending: str) -> Path:
        return self.path.with_name(self.path.name + ending)

    def findings(self, connection: Connection) -> list[Finding]:
        found: list[Finding] = []
        if (damage := connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()) != "ok":
            found.append(Finding(f"{self.path} is damaged ({damage})", RESTORE))
        if connection.exec_driver_sql("PRAGMA foreign_key_check").first():
            found.append(Finding(f"{self.path} has rows that point to nothing", RESTORE))
        return found


def _connected(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver begins no transactions of its own
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = NORMAL")  # in WAL: a power cut costs the last commits, never consistency
    cursor.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    cursor.close()


def _begun(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _held(lock: Path, path: Path) -> str:
    try:
        with lock.open("rb", buffering=0) as file:
            file.seek(1)
            holder = msgspec.json.decode(file.read(4096), type=Holder)
    except (OSError, msgspec.DecodeError):  # the holder has not written its name yet
        return f"another process is writing to {path}; wait for it or end it"
    return f"process {holder.pid} (hdscan {holder.command}, since {holder.since}) is writing to {path}; wait for it or end it"
