"""One transaction: a connection, and the keys of chains, assets and sources, each loaded at its first use."""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import Connection, CursorResult, Dialect, TextClause, text
from sqlalchemy.sql.compiler import SQLCompiler

from hdscan.model.chain import Asset
from hdscan.model.errors import StoreError

Key = tuple[int, int]  # address id, asset id
TOGETHER = 250  # rows of one INSERT; SQLite takes 32,766 values in a statement
INDEX_BITS = 32  # an address's id is its chain's number << 32 | its index

_VALUES = re.compile(r"\bVALUES (\([?, ]+\))")
_CHAINS = text("SELECT id, number FROM chain ORDER BY number")
_ASSETS = text(
    "SELECT a.id, c.id AS chain, a.symbol, a.decimals, a.contract FROM asset a JOIN chain c ON c.number = a.chain ORDER BY a.id"
)
_SOURCES = text("SELECT name, id FROM source")
_WITNESSES = text("SELECT id, sources FROM witness")
_ADD_WITNESS = text("INSERT INTO witness (sources) VALUES (:sources) RETURNING id")
_ADD_SOURCE = text("""
    INSERT INTO source (name) VALUES (:name) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id
""")


class ChainKey(msgspec.Struct, frozen=True):
    """A chain's number, and its address ids: from `low` to before `high`."""

    id: str
    number: int

    @property
    def low(self) -> int:
        return self.number << INDEX_BITS

    @property
    def high(self) -> int:
        return (self.number + 1) << INDEX_BITS

    @property
    def bounds(self) -> dict[str, int]:
        """Both ends, as values of a statement."""
        return {"low": self.low, "high": self.high}


class Transaction:
    """What every query of one transaction is given.

    `registered` are the assets that reports cover, by id, and `operators` those of the providers, by name.
    """

    def __init__(
        self, connection: Connection, registered: Mapping[int, Asset] | None, operators: Mapping[str, str] | None = None
    ) -> None:
        self.connection = connection
        self._registered = registered
        self._operators = operators or {}
        self._named: dict[frozenset[str], int] = {}

    def execute(self, statement: TextClause, values: Mapping[str, Any] | None = None) -> CursorResult[*tuple[Any, ...]]:
        return self.connection.execute(statement, values)

    def executemany(self, statement: TextClause, rows: Iterable[tuple[Any, ...]]) -> None:
        """Run a statement once per row, five times as fast as `execute`; it mentions each value once, in a row's order.

        An INSERT … VALUES takes many rows at once, so these must be of different keys.
        """
        values = list(rows)
        if not values:
            return
        compiled = _compiled(statement, self.connection.dialect)
        run, sql = self.connection.exec_driver_sql, str(compiled)
        if not compiled.positional:
            names = list(compiled.params)
            run(sql, [dict(zip(names, row, strict=True)) for row in values])
            return
        done = 0
        if len(values) >= TOGETHER and (many := _many(sql)):
            done = len(values) - len(values) % TOGETHER
            for first in range(0, done, TOGETHER):
                run(many, tuple(chain.from_iterable(values[first : first + TOGETHER])))
        if rest := values[done:]:
            run(sql, rest)

    @cached_property
    def chains(self) -> dict[str, ChainKey]:
        """Every registered chain, in order of registration."""
        return {row.id: ChainKey(row.id, row.number) for row in self.execute(_CHAINS)}

    def chain(self, chain: str) -> ChainKey:
        """The key of a chain; StoreError where it was never registered."""
        try:
            return self.chains[chain]
        except KeyError:
            raise StoreError(f"the database does not know chain {chain!r}; add it to the configuration") from None

    @cached_property
    def assets(self) -> dict[int, Asset]:
        """Every asset that ever was registered, by id."""
        return {row.id: Asset(row.chain, row.symbol, row.decimals, row.contract or None) for row in self.execute(_ASSETS)}

    @cached_property
    def current(self) -> Mapping[int, Asset]:
        """The registered assets by id; without a registration the newest of every symbol."""
        if self._registered is not None:
            return self._registered
        by_symbol = {(asset.chain, asset.symbol): key for key, asset in self.assets.items()}
        return {key: self.assets[key] for key in sorted(by_symbol.values())}

    @cached_property
    def source_ids(self) -> dict[str, int]:
        return {row.name: row.id for row in self.execute(_SOURCES)}

    def source_id(self, name: str) -> int:
        """The id of a provider, given when it is first named."""
        return self.source_ids.get(name) or self._add_source(name)

    def _add_source(self, name: str) -> int:
        key: int = self.execute(_ADD_SOURCE, {"name": name}).scalar_one()
        self.source_ids[name] = key
        return key

    @cached_property
    def witnesses(self) -> dict[int, frozenset[int]]:
        """Every set of sources that said an amount, by id."""
        rows = self.execute(_WITNESSES)
        return {row.id: frozenset(msgspec.json.decode(row.sources, type=list[int])) for row in rows}

    @cached_property
    def said_by(self) -> dict[int, tuple[str, ...]]:
        """The names of every set of sources, by id."""
        names = {key: name for name, key in self.source_ids.items()}
        return {key: tuple(sorted(names[source] for source in sources)) for key, sources in self.witnesses.items()}

    def operators(self, witness: int | None) -> int:
        """How many operators a set of sources belongs to."""
        names = self.said_by.get(witness or 0, ())
        return len({self._operators.get(name, name) for name in names})

    @cached_property
    def _witness_ids(self) -> dict[frozenset[int], int]:
        return {sources: key for key, sources in self.witnesses.items()}

    def said_by_all(self, names: frozenset[str]) -> int:
        """The id of the set of these providers."""
        return self._named.get(names) or self._named.setdefault(names, self.witness_id(frozenset(map(self.source_id, names))))

    def witness_id(self, sources: frozenset[int]) -> int:
        """The id of a set of sources, given when it first occurs."""
        if sources not in self._witness_ids:
            key: int = self.execute(_ADD_WITNESS, {"sources": msgspec.json.encode(sorted(sources)).decode()}).scalar_one()
            self._witness_ids[sources], self.witnesses[key] = key, sources
        return self._witness_ids[sources]


def escaped(plain: str) -> str:
    """A text to be found as it stands by `LIKE … ESCAPE '!'`."""
    return plain.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _many(sql: str) -> str | None:
    """An INSERT … VALUES of one row as one of TOGETHER rows; None for another statement."""
    one = _VALUES.search(sql)
    return None if one is None else f"{sql[: one.start(1)]}{', '.join([one[1]] * TOGETHER)}{sql[one.end(1) :]}"


@lru_cache(maxsize=64)
def _compiled(statement: TextClause, dialect: Dialect) -> SQLCompiler:
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    return compiled
