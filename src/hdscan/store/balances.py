"""Reports of balances and gaps: rows, sums, pages, and everything about one address."""

from collections.abc import Generator, Iterator, Sequence
from itertools import chain as joined
from typing import Any

from sqlalchemy import text

from hdscan.model.audit import AuditOutcome
from hdscan.model.errors import ReadCode
from hdscan.model.explain import AuditRecord, Known, Tried
from hdscan.model.reading import Attempt
from hdscan.model.scan import AssetTotal, BalanceRow, Gap, UnlistedCount, UnlistedRow
from hdscan.model.times import rfc3339
from hdscan.store import answers, attempts, members, totals, unlisted
from hdscan.store.branches import open_ends
from hdscan.store.members import Owners
from hdscan.store.pages import Pages
from hdscan.store.rows import ALL, FUNDED, GAPS, balance_row, chosen, gap_row, statement

PAGE = 2000  # rows held at once

_ALL = "a.id >= :low AND a.id < :high", " ORDER BY a.id, t.id"
_FUNDED = "b.address_id >= :low AND b.address_id < :high", " ORDER BY b.address_id, b.asset_id"
_GAPS = "g.address_id >= :low AND g.address_id < :high", " ORDER BY g.address_id, g.asset_id"
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

    def rows(
        self, chain: str | None = None, asset: str | None = None, funded: bool = False, *, wallet: str | None = None
    ) -> Generator[BalanceRow]:
        """Every address of wallets and asset in order of chain, index, asset, streamed; `funded`: those known to hold some.

        Like every report of one `wallet`, it raises InputError where there is none of the name.
        """
        select, (where, order), column = (FUNDED.format("+"), _FUNDED, "b.address_id") if funded else (ALL, _ALL, "a.id")
        with self._read() as transaction:
            for part in chosen(transaction, chain, asset, members.only(transaction, wallet)):
                if not part.addresses:
                    continue
                query = statement(select + where + part.within(column) + order).execution_options(yield_per=PAGE)
                owners = Owners(transaction, part.chain, part.low, part.high)
                for row in joined.from_iterable(transaction.execute(query, part.bounds).partitions()):
                    yield balance_row(part, owners, row)

    def totals(self, chain: str | None = None, asset: str | None = None, wallet: str | None = None) -> list[AssetTotal]:
        """Sums per chain and asset in base units; `funded` counts the addresses whose `read` amount is above zero."""
        with self._read() as transaction:
            return totals.totals(transaction, chosen(transaction, chain, asset, members.only(transaction, wallet)))

    def gaps(self, chain: str | None = None, wallet: str | None = None) -> Iterator[Gap]:
        """Every reading that the last scan that asked could not make, and every branch whose end it could not find; streamed.

        In order of chain, index, asset; a chain's branches come last.
        """
        with self._read() as transaction:
            only = members.only(transaction, wallet)
            for part in chosen(transaction, chain, None, only):
                where, order = _GAPS
                query = statement(GAPS + where + part.within("g.address_id") + order).execution_options(yield_per=PAGE)
                for row in transaction.execute(query, part.bounds):
                    yield gap_row(part, row)
                for end in open_ends(transaction, part.chain, only):
                    yield end.gap

    def unlisted(self, chain: str | None = None, wallet: str | None = None) -> Generator[UnlistedRow]:
        """What is held of tokens that are not listed, in order of chain, index, contract; streamed."""
        with self._read() as transaction:
            for part in chosen(transaction, chain, None, members.only(transaction, wallet)):
                yield from unlisted.rows(transaction, part)

    def unlisted_count(self, chain: str | None = None, wallet: str | None = None) -> UnlistedCount:
        """How many tokens that are not listed are held."""
        with self._read() as transaction:
            return unlisted.count(transaction, chosen(transaction, chain, None, members.only(transaction, wallet)))

    def claims(self, scan_id: int, chain: str) -> int:
        """How many readings of a scan one operator alone says to have changed."""
        with self._read() as transaction:
            values = transaction.chain(chain).bounds | {"scan": scan_id, "code": ReadCode.UNCONFIRMED}
            return int(transaction.execute(_CLAIMS, values).scalar_one())

    def known(self, chain: str, address: str) -> list[Known] | None:
        """Everything known of an address, an item per asset of its chain; None if no wallet has the address there."""
        with self._read() as transaction:
            key = transaction.chains.get(chain)
            found = None if key is None else transaction.execute(_FIND, {"chain": key.number, "text": address}).scalar()
            if key is None or found is None:
                return None
            disputed = set(transaction.execute(_DISPUTED, {"address": found}).scalars())
            audits = {row[0]: _audit(row, disputed) for row in transaction.execute(_AUDITS, {"address": found})}
            failed = {asset: tuple(map(_tried, each)) for asset, each in attempts.of_address(transaction, found).items()}
            known: list[Known] = []
            for part in chosen(transaction, chain, None):
                owners = Owners(transaction, key, found, found + 1)
                if not owners.of(found):
                    return None
                values = part.bounds | {"low": found, "high": found + 1}
                gaps = {end.asset_id: end.gap for end in open_ends(transaction, key, None) if end.gap.address == address}
                gaps |= {row.asset_id: gap_row(part, row) for row in transaction.execute(statement(GAPS + _GAPS[0]), values)}
                for row in transaction.execute(statement(ALL + "".join(_ALL)), values):
                    asset, each = row.asset_id, balance_row(part, owners, row)
                    known.append(Known(each, gaps.get(asset), audits.get(asset), failed.get(asset, ())))
            return known


def _tried(attempt: Attempt) -> Tried:
    return Tried(attempt.provider, attempt.code.value, attempt.message, rfc3339(attempt.at))


def _audit(row: Sequence[Any], disputed: set[int]) -> AuditRecord:
    asset_id, scan_id, outcome, stored, error, current = row
    stands = asset_id in disputed if outcome == AuditOutcome.DISPUTED else bool(current)
    return AuditRecord(scan_id, AuditOutcome(outcome), answers.shown(stored), error, stands)
