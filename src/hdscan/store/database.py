"""Connections and transactions: a read sees one moment, a write is all or nothing, a failure is a StoreError."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from hdscan.model.chain import Asset
from hdscan.model.errors import StoreError
from hdscan.store.dialect import WRITES, Dialect
from hdscan.store.sqlite import SQLite
from hdscan.store.transaction import Transaction

DIALECTS: Mapping[str, Callable[[URL], Dialect]] = {"sqlite": SQLite}


class Database:
    """An engine and its dialect, usable from any thread.

    `registered` are the assets that reports cover, by id, and `operators` those of the providers, by name.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.engine = dialect.make_engine()
        self.registered: Mapping[int, Asset] | None = None
        self.operators: Mapping[str, str] = {}

    @classmethod
    def at(cls, url: str, *, create: bool) -> "Database":
        """The database of a URL, made where it is missing and `create` says so; its schema is not looked at."""
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise StoreError("the database URL cannot be read; it looks like sqlite:///path/to/hdscan.db") from None
        if (kind := DIALECTS.get(parsed.get_backend_name())) is None:
            raise StoreError(f"{parsed.render_as_string()} cannot be used yet; use sqlite:///path/to/hdscan.db")
        dialect = kind(parsed)
        dialect.prepare(create=create)
        return cls(dialect)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A view of the database as of one moment; a row that hdscan cannot have written is a StoreError too."""
        try:
            with self._explained(), self.engine.connect() as connection, connection.begin():
                yield Transaction(connection, self.registered, self.operators)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise StoreError(
                f"the database {self.dialect.place} holds what hdscan did not write ({type(error).__name__} in a row);"
                " keep a copy of it and take the last good backup"
            ) from error

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that has the write lock from its beginning; an exception inside undoes all of it."""
        with self._explained(), self.engine.connect() as plain:
            connection = plain.execution_options(**{WRITES: True})
            with connection.begin():
                yield Transaction(connection, self.registered, self.operators)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self.dialect.explain(error.orig) from error


class Tables:
    """Some of a database's tables, and what is read and written there."""

    def __init__(self, database: Database) -> None:
        self._read = database.read
        self._write = database.write
