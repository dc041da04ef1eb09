"""Everything that is SQLite's alone: the file and its modes, pragmas, what its errors mean, the writer's lock, integrity."""

import fcntl
import os
import sqlite3
import stat
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

BUSY_SECONDS = 60.0
CACHE_KIB = 64 * 1024
OLDEST = (3, 35, 0)  # RETURNING
WRITES = "hdscan_writes"  # execution option: the transaction takes the write lock at its beginning

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


def file_of(url: URL) -> Path:
    """The absolute path that a sqlite URL names; StoreError where it names none."""
    if not url.database or url.database == ":memory:":
        raise StoreError("a database needs a file: sqlite:///path/to/hdscan.db")
    return Path(url.database).expanduser().absolute()


def prepare(path: Path, *, create: bool) -> None:
    """Make sure that there is a file (0600, its new directories 0700) that this process may write; StoreError otherwise.

    An existing file is never opened here: closing it would drop the locks that SQLite holds on it in this process.
    """
    if sqlite3.sqlite_version_info < OLDEST:
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old; hdscan needs 3.35 or newer")
    try:
        if path.is_dir():
            raise StoreError(f"{path} is a directory, not a database; name a file in it")
        if not path.exists():
            if not create:
                raise StoreError(f"there is no database at {path}; begin one with: hdscan import --chain CHAIN FILE")
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


def make_engine(path: Path) -> Engine:
    """An engine over the file, for any thread; its pragmas are those of a connection, nothing is written yet."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=QueuePool,
        pool_size=2,
        max_overflow=-1,
        pool_use_lifo=True,  # the connection with the warm cache
        connect_args={"timeout": BUSY_SECONDS},
    )

    @event.listens_for(engine, "connect")
    def connected(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver begins no transactions of its own
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA synchronous = NORMAL")  # in WAL: a power cut costs the last commits, never consistency
        cursor.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def use_wal(path: Path) -> None:
    """Write-ahead logging, kept in the file from then on: readers and the writer don't wait for each other."""
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:  # the pragma works outside a transaction only
            connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as error:
        raise explain(error, path) from error


def explain(error: BaseException | None, path: Path) -> StoreError:
    """The driver's error as one sentence, and whether another try may succeed."""
    name = getattr(error, "sqlite_errorname", "")
    meaning = next((f"{text} ({error})" for prefix, text in _MEANING.items() if name.startswith(prefix)), str(error))
    return StoreError(f"the database {path} failed: {meaning}", may_pass=name.startswith(_MAY_PASS))


def not_ours(error: Exception, path: Path) -> StoreError:
    """That a row holds what hdscan never writes, by what it led to."""
    what = f"{type(error).__name__} in a row"
    return StoreError(
        f"the database {path} holds what hdscan did not write ({what}); keep a copy of it and take the last good backup"
    )


@contextmanager
def writer_lock(path: Path, command: str) -> Iterator[None]:
    """Hold `<path>.lock` (flock: the kernel gives it back however the process ends); LockedError names who has it."""
    try:
        file = os.open(lock_path(path), os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise StoreError(f"the lock of the database {path} cannot be made: {error.strerror}") from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(_held(file, path)) from None
        os.ftruncate(file, 0)
        with suppress(OSError):  # on a full disk the lock holds all the same, without a name
            os.pwrite(file, msgspec.json.encode(Holder(os.getpid(), command, rfc3339(time.time()))), 0)
        yield
        os.ftruncate(file, 0)
    finally:
        os.close(file)


def lock_path(path: Path) -> Path:
    """Where the lock of a database is."""
    return path.with_name(path.name + ".lock")


def _held(file: int, path: Path) -> str:
    try:
        holder = msgspec.json.decode(os.pread(file, 4096, 0), type=Holder)
    except msgspec.DecodeError:  # it has the lock but has not said its name yet
        return f"another process is writing to {path}; wait for it or end it"
    return f"process {holder.pid} (hdscan {holder.command}, since {holder.since}) is writing to {path}; wait for it or end it"


def findings(connection: Connection, path: Path) -> list[str]:
    """What is wrong with the file, each with how to mend it; empty where nothing is."""
    found: list[str] = []
    for file in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm"), lock_path(path)):
        if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
            found.append(f"others can read {file}; mend it with: chmod 600 {file}")
    damage = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check(10)") if row[0] != "ok"]
    if damage:
        found.append(f"{path} is damaged ({damage[0]}); keep a copy of it and take the last good backup")
    if connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        found.append(f"{path} has rows that point to nothing; keep a copy of it and take the last good backup")
    return found
