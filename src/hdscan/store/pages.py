"""Keyset pagination of balances and gaps: a page begins after the last row's key, whatever was written between.

Keys never change, so in their order nothing is skipped or repeated.
"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from sqlalchemy import TextClause

from hdscan.model.errors import InputError
from hdscan.model.page import Page, Sort
from hdscan.model.scan import BalanceRow, Gap
from hdscan.store import members
from hdscan.store.branches import OpenEnd, open_ends
from hdscan.store.database import Tables
from hdscan.store.members import Owners
from hdscan.store.rows import ALL, FUNDED, GAPS, Part, balance_row, chosen, gap_row, statement
from hdscan.store.transaction import ChainKey, Transaction, escaped

LIMIT = 1000  # rows of a page
FEW = 1000  # up to so many matching addresses are looked up once, not searched for in every run
LONGEST = 200  # characters of a search: more than any address or path has

# one bound at each end: of two lower ones SQLite may seek the wrong one
_UP = "{0} >= :at AND {0} < :high AND ({0} > :at OR {1} > :asset) {q} ORDER BY {0}, {1} LIMIT :limit"
_DOWN = "{0} <= :at AND {0} >= :low AND ({0} < :at OR {1} < :asset) {q} ORDER BY {0} DESC, {1} DESC LIMIT :limit"
_ZERO = ALL + "b.amount = '0' AND "
_UNREAD = ALL + "b.amount IS NULL AND "
# the amounts after a key in two steps, each a range of the index: those as long as the key's, then the longer ones
_SAME = "length(b.amount) = :length AND (b.amount, b.address_id)"
_SAME_UP = _SAME + " > (:amount, :at) {q} ORDER BY b.amount, b.address_id LIMIT :limit"
_SAME_DOWN = _SAME + " < (:amount, :at) {q} ORDER BY b.amount DESC, b.address_id DESC LIMIT :limit"
_NEXT_UP = "length(b.amount) > :length {q} ORDER BY length(b.amount), b.amount, b.address_id LIMIT :limit"
_NEXT_DOWN = "length(b.amount) < :length {q} ORDER BY length(b.amount) DESC, b.amount DESC, b.address_id DESC LIMIT :limit"
# LIKE is twice as fast as instr(lower()), and as blind to the case of ASCII letters alone
_Q = "AND (a.text LIKE :q ESCAPE '!' OR a.path LIKE :q ESCAPE '!')"
_FOUND = f"SELECT a.id FROM address a WHERE a.id >= :low AND a.id < :high {_Q}"  # noqa: S608 own constant
_AMONG = "AND {0} IN :found"

# a plus keeps SQLite to the index by amount
_BOUNDS = " AND +b.address_id >= :low AND +b.address_id < :high "

Values = dict[str, Any]
R = TypeVar("R", bound="_Run | _Ends")


class _Key(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a cursor encodes: the query's fingerprint, the run that the page ended in, and the last row's key in that run."""

    query: str
    run: int
    at: int
    asset: int
    amount: Annotated[str, msgspec.Meta(pattern="^[0-9]*$", max_length=80)] = ""


class _Run(msgspec.Struct, frozen=True):
    """Rows in one order: statements whose rows follow each other."""

    part: Part
    assets: Sequence[int]
    statements: Sequence[TextClause]
    down: bool = False

    def rows(self, transaction: Transaction, key: _Key | None, values: Values, limit: int) -> list[Any]:
        """At most `limit` rows after a key, or from the beginning."""
        found: list[Any] = []
        for each in self.statements:
            if len(found) < limit:
                found += transaction.execute(each, values | self._begin(key) | {"limit": limit - len(found)})
        return found

    def _begin(self, key: _Key | None) -> Values:
        """The statements' values to continue after a key, or to begin."""
        values = self.part.bounds | {"assets": list(self.assets)}
        if key is not None:
            return values | {"at": key.at, "asset": key.asset, "amount": key.amount, "length": len(key.amount)}
        if self.down:
            return values | {"at": self.part.high - 1, "asset": 2**63 - 1, "amount": "", "length": 2**31}
        return values | {"at": self.part.low, "asset": 0, "amount": "", "length": 0}

    def holds(self, key: _Key) -> bool:
        """Whether a row of this run can have the key."""
        return self.part.chain.low <= key.at < self.part.chain.high and key.asset in self.assets


class _Ends(msgspec.Struct, frozen=True):
    """The branches whose end is not known, in order of their ids."""

    ends: Sequence[OpenEnd]

    def rows(self, transaction: Transaction, key: _Key | None, values: Values, limit: int) -> list[Any]:
        """At most `limit` of them after a key, or from the beginning."""
        return [end for end in self.ends if key is None or end.id > key.at][:limit]

    def holds(self, key: _Key) -> bool:
        """Any key, as ends come and go."""
        return True


class Pages(Tables):
    """Balances and gaps, a page at a time."""

    def page(
        self,
        chain: str | None,
        asset: str | None,
        *,
        funded: bool = False,
        q: str | None = None,
        sort: Sort = Sort.INDEX,
        cursor: str | None = None,
        limit: int = 100,
        wallet: str | None = None,
    ) -> Page[BalanceRow]:
        """At most `limit` (1 to 1000) of `Balances.rows`, from where the page that gave the cursor ended.

        `q` is a part of the address or of the derivation path, in any case of ASCII letters. In index order no address is
        skipped or repeated whatever is written between two pages; in the order of amounts a row moves with its amount.
        InputError for a limit or a `q` that can't be, and for a cursor that this very query did not give.
        """
        if q is not None and (len(q) > LONGEST or not q.isprintable()):
            raise InputError(f"what is searched for is longer than {LONGEST} characters or has some that cannot be printed")
        down = sort in (Sort.INDEX_DOWN, Sort.AMOUNT_DOWN)
        by_index = sort in (Sort.INDEX, Sort.INDEX_DOWN)
        with self._read() as transaction:
            parts = chosen(transaction, chain, asset, members.only(transaction, wallet))
            where, values = _search(transaction, parts, q, few=not by_index) if q else ("", {})
            runs = list((_runs_by_index if by_index else _runs_by_amount)(parts, where, funded=funded, down=down))
            query = ["balances", chain, asset, funded, q, sort, wallet, [list(part.assets) for part in parts]]
            rows, following = _page(transaction, runs, query, cursor=cursor, limit=limit, values=values)
            owners = _owners(transaction, rows)
            return Page(tuple(balance_row(run.part, owners[run.part.chain.number], row) for run, row in rows), following)

    def gap_page(
        self, chain: str | None, *, cursor: str | None = None, limit: int = 100, wallet: str | None = None
    ) -> Page[Gap]:
        """At most `limit` of `Balances.gaps`; cursor, limit and errors are those of `page`."""
        with self._read() as transaction:
            only = members.only(transaction, wallet)
            parts = chosen(transaction, chain, None, only)
            runs: list[_Run | _Ends] = []
            for part in parts:
                order = _UP.format("g.address_id", "g.asset_id", q=part.within("g.address_id"))
                runs += [
                    _Run(part, list(part.assets), [statement(GAPS + order)]),
                    _Ends(open_ends(transaction, part.chain, only)),
                ]
            query = ["gaps", chain, wallet, [list(part.assets) for part in parts]]
            rows, following = _page(transaction, runs, query, cursor=cursor, limit=limit, values={})
            return Page(tuple(gap_row(run.part, row) if isinstance(run, _Run) else row.gap for run, row in rows), following)


def _runs_by_index(parts: Sequence[Part], where: str, *, funded: bool, down: bool) -> Iterator[_Run]:
    select, keys = (FUNDED.format("+"), ("b.address_id", "b.asset_id")) if funded else (ALL, ("a.id", "t.id"))
    for part in reversed(parts) if down else parts:
        order = (_DOWN if down else _UP).format(*keys, q=where + part.within(keys[0]))
        yield _Run(part, list(part.assets), [statement(select + order)], down)


def _runs_by_amount(parts: Sequence[Part], where: str, *, funded: bool, down: bool) -> Iterator[_Run]:
    order = _DOWN if down else _UP
    orders = (_SAME_DOWN, _NEXT_DOWN) if down else (_SAME_UP, _NEXT_UP)
    funds = FUNDED.format("+" if where == _AMONG else "")
    for part in parts:
        near, far = (where.format(column) + part.within(column) for column in ("a.id", "b.address_id"))
        above = [statement(funds + each.format(q=_BOUNDS + far)) for each in orders]
        zero = [statement(_ZERO + order.format("a.id", "t.id", q=near))]
        unread = [statement(_UNREAD + _UP.format("a.id", "t.id", q=near))]
        for asset_id in part.assets:
            known = [_Run(part, [asset_id], statements, down) for statements in (zero, above)]
            if funded:
                yield known[1]
            else:
                yield from reversed(known) if down else known
                yield _Run(part, [asset_id], unread)


def _page(
    transaction: Transaction, runs: Sequence[R], query: object, *, cursor: str | None, limit: int, values: Values
) -> tuple[list[tuple[R, Any]], str | None]:
    """At most `limit` rows of the runs after a cursor, each with the run it is of, and the cursor after them."""
    if not 1 <= limit <= LIMIT:
        raise InputError(f"a page has 1 to {LIMIT} rows, not {limit}")
    name = hashlib.sha256(msgspec.json.encode(query)).hexdigest()[:16]
    key = None if cursor is None else _opened(cursor, name, runs)
    first = 0 if key is None else key.run
    rows: list[tuple[int, Any]] = []
    for number, run in enumerate(runs[first:], first):
        if len(rows) <= limit:
            after = key if number == first else None
            rows += [(number, row) for row in run.rows(transaction, after, values, limit + 1 - len(rows))]
    following = _closed(name, *rows[limit - 1]) if len(rows) > limit else None
    return [(runs[number], row) for number, row in rows[:limit]], following


def _owners(transaction: Transaction, rows: Sequence[tuple[_Run, Any]]) -> dict[int, Owners]:
    """The owners of the addresses of rows, by the numbers of their chains."""
    ids: dict[ChainKey, list[int]] = {}
    for run, row in rows:
        ids.setdefault(run.part.chain, []).append(row.id)
    return {chain.number: Owners(transaction, chain, min(each), max(each) + 1) for chain, each in ids.items()}


def _search(transaction: Transaction, parts: Sequence[Part], q: str, *, few: bool) -> tuple[str, Values]:
    """The condition that an address holds `q`, and its values; where `few` says so, found beforehand if they are few."""
    like: Values = {"q": f"%{escaped(q)}%"}
    found: list[int] = []
    for part in parts if few else ():
        if len(found) <= FEW:
            found += part.select(transaction, _FOUND, "a.id", " LIMIT :limit", **like, limit=FEW + 1).scalars()
    return (_AMONG, {"found": found}) if few and len(found) <= FEW else (_Q, like)


def _closed(query: str, run: int, row: Any) -> str:
    key = _Key(query, run, row.id, row.asset_id, getattr(row, "amount", None) or "")
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def _opened(cursor: str, query: str, runs: Sequence[_Run | _Ends]) -> _Key:
    try:
        key = msgspec.json.decode(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True), type=_Key)
    except (ValueError, msgspec.DecodeError):
        key = None
    if key is None or key.query != query or not 0 <= key.run < len(runs) or not runs[key.run].holds(key):
        raise InputError("the cursor is not one of this query; begin again without it")
    return key
