"""Rows of reports: never a zero that was not read."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import CursorResult, TextClause, bindparam, text

from hdscan.model.chain import Asset
from hdscan.model.scan import BalanceRow, BalanceState, Gap, disagreement
from hdscan.model.times import rfc3339
from hdscan.store import answers, members
from hdscan.store.members import Owners
from hdscan.store.spans import Span, total
from hdscan.store.transaction import ChainKey, Transaction

_REST = "b.amount, b.unconfirmed, b.height, b.observed_at, b.source_id, b.witness_id, g.error"
_DISPUTE = "LEFT JOIN dispute d ON d.address_id = a.id AND d.asset_id"
_GAP = "LEFT JOIN gap g ON g.address_id = a.id AND g.asset_id"
_LABEL = "LEFT JOIN label l ON l.address_id = a.id"
_USED = "(SELECT max(n.used) FROM balance n WHERE n.address_id = a.id)"
ALL = f"""
    SELECT a.id, a.text, a.path, t.id AS asset_id, {_REST}, d.answers, l.text AS label, {_USED} AS used
    FROM address a CROSS JOIN asset t
    LEFT JOIN balance b ON b.address_id = a.id AND b.asset_id = t.id {_GAP} = t.id {_DISPUTE} = t.id {_LABEL}
    WHERE t.id IN :assets AND """  # noqa: S608 own constant
# CROSS JOIN fixes the order of the tables in SQLite; with a plus in {0}, it leaves the index by amount alone
FUNDED = f"""
    SELECT a.id, a.text, a.path, b.asset_id, {_REST}, NULL, l.text AS label, 1 AS used FROM balance b CROSS JOIN address a
    {_GAP} = b.asset_id {_LABEL}
    WHERE a.id = b.address_id AND {{0}}b.asset_id IN :assets AND b.amount <> '0' AND """  # noqa: S608 own constant
GAPS = """
    SELECT a.id, a.text, g.asset_id, g.code, g.error, g.attempts, g.providers
    FROM gap g CROSS JOIN address a WHERE a.id = g.address_id AND g.asset_id IN :assets AND """


# what a report covers where that is no single range; temporary, so that a reader may make it
_SCOPE = text("CREATE TEMPORARY TABLE IF NOT EXISTS scope (first BIGINT PRIMARY KEY, stop BIGINT NOT NULL)")
_CLEAR = text("DELETE FROM scope")
_PUT_SCOPE = text("INSERT INTO scope (first, stop) VALUES (:first, :stop)")
_WITHIN = " AND coalesce((SELECT s.stop FROM scope s WHERE s.first <= {0} ORDER BY s.first DESC LIMIT 1), 0) > {0}"


Result = CursorResult[*tuple[Any, ...]]


class Part(msgspec.Struct, frozen=True):
    """A chain that a report covers: the ids of its addresses, its assets, and all providers and who said what, each by id."""

    chain: ChainKey
    spans: Sequence[Span]
    assets: Mapping[int, Asset]
    sources: Mapping[int, str]
    said_by: Mapping[int | None, tuple[int, tuple[str, ...]]]  # operators, and the names of their providers

    @property
    def addresses(self) -> int:
        return total(self.spans)

    @property
    def low(self) -> int:
        return self.spans[0][0] if self.spans else self.chain.low

    @property
    def high(self) -> int:
        return self.spans[-1][1] if self.spans else self.chain.low

    @property
    def bounds(self) -> dict[str, Any]:
        """Both ends of its address ids, and its assets, as values of a statement."""
        return {"low": self.low, "high": self.high, "assets": list(self.assets)}

    def within(self, column: str) -> str:
        """What a statement says besides the bounds, so that a column has the report's address ids alone."""
        return _WITHIN.format(column) if len(self.spans) > 1 else ""

    def select(self, transaction: Transaction, sql: str, column: str, rest: str = "", **values: Any) -> Result:
        """The rows of a statement that ends with the bounds of a column, narrowed to the report's addresses; `rest` follows."""
        return transaction.execute(statement(sql + self.within(column) + rest), self.bounds | values)


def chosen(
    transaction: Transaction, chain: str | None, asset: str | None, wallets: Collection[int] | None = None
) -> list[Part]:
    """The chains and current assets that a report covers, of some wallets or of all, in order of registration.

    A transaction makes one report at a time.
    """
    sources = {key: name for name, key in transaction.source_ids.items()}
    said_by: dict[int | None, tuple[int, tuple[str, ...]]] = {
        key: (transaction.operators(key), names) for key, names in transaction.said_by.items()
    }
    spans = members.spans(transaction, wallets)
    parts: list[Part] = []
    for key in transaction.chains.values():
        assets = {
            number: each
            for number, each in transaction.current.items()
            if each.chain == key.id and chain in (None, key.id) and (asset is None or each.symbol.upper() == asset.upper())
        }
        if assets:
            parts.append(Part(key, spans.get(key.number, []), assets, sources, said_by))
    if any(len(part.spans) > 1 for part in parts):
        transaction.execute(_SCOPE)
        transaction.execute(_CLEAR)
        transaction.executemany(_PUT_SCOPE, [span for part in parts for span in part.spans])
    return parts


@lru_cache(maxsize=128)
def statement(sql: str) -> TextClause:
    """A statement whose lists of `assets` and `found` ids, where it names them, may have any length."""
    names = [name for name in ("assets", "found") if f":{name}" in sql]
    return text(sql).bindparams(*(bindparam(name, expanding=True) for name in names))


def balance_row(part: Part, owners: Owners, row: Sequence[Any]) -> BalanceRow:
    """A row of ALL or FUNDED: read, stale where there is a gap too; without an amount disputed or unread."""
    key, address, path, asset_id, amount, unconfirmed, height, observed_at, source, witness, error, disputed, label, used = row
    said = None if disputed is None else answers.shown(disputed)
    if amount is not None:
        state = BalanceState.READ if error is None else BalanceState.STALE
    else:
        state = BalanceState.UNREAD if said is None else BalanceState.DISPUTED
    operators, names = part.said_by.get(witness, (0, ()))
    return BalanceRow(
        chain=part.chain.id,
        index=key - part.chain.low,
        path=path,
        address=address,
        asset=part.assets[asset_id].symbol,
        amount=amount,
        unconfirmed=unconfirmed,
        decimals=part.assets[asset_id].decimals,
        height=height,
        observed_at=None if observed_at is None else rfc3339(observed_at),
        source=part.sources.get(source),
        state=state,
        error=error if said is None else disagreement(said),
        answers=said,
        operators=operators,
        said_by=names,
        wallets=owners.of(key),
        label=label,
        used=None if used is None else bool(used),
    )


def gap_row(part: Part, row: Sequence[Any]) -> Gap:
    """A row of GAPS."""
    key, address, asset_id, code, error, attempts, providers = row
    named = msgspec.json.decode(providers, type=dict[str, str])
    return Gap(part.chain.id, key - part.chain.low, address, part.assets[asset_id].symbol, code, error, attempts, named)
