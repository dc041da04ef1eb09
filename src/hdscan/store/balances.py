"""Reports of balances and gaps: rows, sums, pages, and everything about one address."""

from collections.abc import Generator, Iterator, Sequence
from itertools import chain as joined
from typing import Any

from sqlalchemy import BindParameter, bindparam, text

from hdscan.model.audit import AuditOutcome
from hdscan.model.errors import ReadCode
from hdscan.model.explain import AuditRecord, Known, Tried
from hdscan.model.reading import Attempt
from hdscan.model.scan import AssetTotal, BalanceRow, Gap, UnlistedCount, UnlistedRow
from hdscan.model.times import rfc3339
from hdscan.store import answers, attempts, totals, unlisted
from hdscan.store.pages import Pages
from hdscan.store.rows import ALL, FUNDED, GAPS, balance_row, chosen, gap_row

PAGE = 2000  # rows held at once

_ASSETS: BindParameter[Any] = bindparam("assets", expanding=True)
_ALL = text(ALL + "a.id >= :low AND a.id < :high ORDER BY a.id, t.id").bindparams(_ASSETS)
_FUNDED = text(
    FUNDED.format("+") + "b.address_id >= :low AND b.address_id < :high ORDER BY b.address_id, b.asset_id"
).bindparams(_ASSETS)
_GAPS = text(GAPS + "g.address_id >= :low AND g.address_id < :high ORDER BY g.address_id, g.asset_id").bindparams(_ASSETS)
_CLAIMS = text("""
    SELECT count(*) FROM gap WHERE address_id >= :low AND address_id < :high AND scan_id = :scan AND code = :code
""")
_FIND = text("SELECT id FROM address WHERE chain = :chain AND text = :text")
_AUDITS = text("""
    SELECT u.asset_id, u.scan_id, u.outcome, u.answers, u.error, u.outcome = 'disputed' OR u.observed_at = b.observed_at
    FROM audit u LEFT JOIN balance b ON b.address_id = u.address_id AND b.asset_id = u.asset_id AND b.scan_id = u.scan_id
    WHERE u.address_id = :address
""")
_DISPUTED = text("SELECT asset_id FROM dispute WHERE address_id = :address")


class Balances(Pages):
    """Reads the tables that scans and audits write."""

    def rows(self, chain: str | None = None, asset: str | None = None, funded: bool = False) -> Generator[BalanceRow]:
        """Every address and asset in order of chain, index, asset, streamed; `funded`: those with a known amount above zero."""
        with self._read() as transaction:
            query = (_FUNDED if funded else _ALL).execution_options(yield_per=PAGE)
            for part in chosen(transaction, chain, asset):
                for row in joined.from_iterable(transaction.execute(query, part.bounds).partitions()):
                    yield balance_row(part, row)

    def totals(self, chain: str | None = None, asset: str | None = None) -> list[AssetTotal]:
        """Sums per chain and asset in base units; `funded` counts the addresses whose `read` amount is above zero."""
        with self._read() as transaction:
            return totals.totals(transaction, chain, asset)

    def gaps(self, chain: str | None = None) -> Iterator[Gap]:
        """Every reading that its last scan could not make, in order of chain, index, asset; streamed."""
        with self._read() as transaction:
            query = _GAPS.execution_options(yield_per=PAGE)
            for part in chosen(transaction, chain, None):
                for row in transaction.execute(query, part.bounds):
                    yield gap_row(part, row)

    def unlisted(self, chain: str | None = None) -> Generator[UnlistedRow]:
        """What is held of tokens that are not listed, in order of chain, index, contract; streamed."""
        with self._read() as transaction:
            for part in chosen(transaction, chain, None):
                yield from unlisted.rows(transaction, part)

    def unlisted_count(self, chain: str | None = None) -> UnlistedCount:
        """How many tokens that are not listed are held."""
        with self._read() as transaction:
            return unlisted.count(transaction, chosen(transaction, chain, None))

    def claims(self, scan_id: int, chain: str) -> int:
        """How many readings of a scan one operator alone says to have changed."""
        with self._read() as transaction:
            values = transaction.chain(chain).bounds | {"scan": scan_id, "code": ReadCode.UNCONFIRMED}
            return int(transaction.execute(_CLAIMS, values).scalar_one())

    def known(self, chain: str, address: str) -> list[Known] | None:
        """Everything known of an address, an item per asset of its chain; None if the chain does not have the address."""
        with self._read() as transaction:
            key = transaction.chains.get(chain)
            found = None if key is None else transaction.execute(_FIND, {"chain": key.number, "text": address}).scalar()
            if found is None:
                return None
            disputed = set(transaction.execute(_DISPUTED, {"address": found}).scalars())
            audits = {row[0]: _audit(row, disputed) for row in transaction.execute(_AUDITS, {"address": found})}
            failed = {asset: tuple(map(_tried, each)) for asset, each in attempts.of_address(transaction, found).items()}
            known: list[Known] = []
            for part in chosen(transaction, chain, None):
                values = part.bounds | {"low": found, "high": found + 1}
                gaps = {row.asset_id: gap_row(part, row) for row in transaction.execute(_GAPS, values)}
                for row in transaction.execute(_ALL, values):
                    asset = row.asset_id
                    known.append(Known(balance_row(part, row), gaps.get(asset), audits.get(asset), failed.get(asset, ())))
            return known


def _tried(attempt: Attempt) -> Tried:
    return Tried(attempt.provider, attempt.code.value, attempt.message, rfc3339(attempt.at))


def _audit(row: Sequence[Any], disputed: set[int]) -> AuditRecord:
    asset_id, scan_id, outcome, stored, error, current = row
    stands = asset_id in disputed if outcome == AuditOutcome.DISPUTED else bool(current)
    return AuditRecord(scan_id, AuditOutcome(outcome), answers.shown(stored), error, stands)
