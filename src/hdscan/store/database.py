"""Connections and transactions: a read sees one moment, a write is all or nothing, a failure is a StoreError."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, TextClause, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

from hdscan.model.errors import StoreError
from hdscan.store import sqlite


class Database:
    """An engine and the place it leads to; usable from any thread."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self.engine = engine
        self.path = path

    @classmethod
    def at(cls, url: str, *, create: bool) -> "Database":
        """The database of a URL, its file made where it is missing and `create` says so; its schema is not looked at."""
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise StoreError("the database URL cannot be read; it looks like sqlite:///path/to/hdscan.db") from None
        if parsed.get_backend_name() != "sqlite":
            raise StoreError(f"{parsed.render_as_string()} cannot be used yet; use sqlite:///path/to/hdscan.db")
        path = sqlite.file_of(parsed)
        sqlite.prepare(path, create=create)
        return cls(sqlite.make_engine(path), path)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees the database as of one moment; a row that can't be one of ours is a StoreError too."""
        try:
            with self._explained(), self.engine.connect() as connection, connection.begin():
                yield connection
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise sqlite.not_ours(error, self.path) from error

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that has the write lock from its beginning; an exception inside undoes all of it."""
        with self._explained(), self.engine.connect() as plain:
            connection = plain.execution_options(**{sqlite.WRITES: True})
            with connection.begin():
                yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise sqlite.explain(error.orig, self.path) from error


def executemany(connection: Connection, statement: TextClause, rows: Iterable[tuple[Any, ...]]) -> None:
    """Run a statement once per row, three times as fast as `execute`: values stand in the order of their first mention.

    Each parameter is mentioned once.
    """
    compiled = _compiled(statement, connection.dialect)
    values: list[Any] = list(rows)
    if not compiled.positional:
        names = list(compiled.params)
        values = [dict(zip(names, row, strict=True)) for row in values]
    if values:
        connection.exec_driver_sql(str(compiled), values)


@lru_cache(maxsize=64)
def _compiled(statement: TextClause, dialect: Dialect) -> SQLCompiler:
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    return compiled
