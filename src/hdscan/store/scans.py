"""The scan log: a scan's plan in chunks, the commits of what it has read, its totals, and what stayed unread."""

from collections.abc import Collection, Mapping, Sequence

import msgspec
from sqlalchemy import TextClause, text

from hdscan.model.audit import Standing
from hdscan.model.chain import Address
from hdscan.model.errors import InputError
from hdscan.model.events import TokenError
from hdscan.model.reading import Reading
from hdscan.model.scan import ChainPlan, ChainScan, Chunk, ScanRecord, Status
from hdscan.model.times import rfc3339
from hdscan.store import plans
from hdscan.store.commits import Commits
from hdscan.store.dialect import Finding
from hdscan.store.pages import LIMIT
from hdscan.store.records import COLUMNS, records
from hdscan.store.scan_rows import (
    ScanRows,
)

_NEVER = 2**31  # more than any scan's id

_BEGIN = text("INSERT INTO scan (began_at) VALUES (:now) RETURNING id")
_LATEST = text(f"SELECT {COLUMNS} FROM scan_chain WHERE chain = :chain ORDER BY scan_id DESC LIMIT 1")  # noqa: S608 own constant
_SCAN = text(f"SELECT {COLUMNS} FROM scan_chain WHERE scan_id = :scan ORDER BY chain")  # noqa: S608 own constant
_RECORDS = text("SELECT id, began_at FROM scan WHERE id < :before ORDER BY id DESC LIMIT :limit")
_STATUS = text(f"""
    UPDATE scan_chain SET status = :status, error = :error, updated_at = :now
    WHERE scan_id = :scan AND chain = :chain RETURNING {COLUMNS}
""")  # noqa: S608 own constant
_ENDED = text("UPDATE branch SET open_end = NULL WHERE wallet_id = :wallet AND chain = :chain")
_OPEN = text("UPDATE branch SET open_end = :what WHERE id = :branch")
_OPEN_ENDS = text(f"""
    UPDATE scan_chain SET open_ends = :count WHERE scan_id = :scan AND chain = :chain RETURNING {COLUMNS}
""")  # noqa: S608 own constant
_PENDING = text("""
    SELECT seq, first, stop FROM chunk
    WHERE scan_id = :scan AND chain = :chain AND seq > :after AND done_at IS NULL ORDER BY seq LIMIT :limit
""")
# with row values instead, SQLite would scan for the place in the key
_GAPS, _DISPUTED = (
    text(f"""
        SELECT a.id, a.text, a.path, t.symbol FROM {table} g
        JOIN address a ON a.id = g.address_id JOIN asset t ON t.id = g.asset_id
        WHERE g.address_id >= :low AND g.address_id < :high AND g.scan_id = :scan
            AND (g.address_id > :low OR t.symbol > :symbol)
        ORDER BY g.address_id, t.symbol LIMIT :limit
    """)  # noqa: S608 own constants
    for table in ("gap", "dispute")
)
_READ = text("""
    SELECT a.id, a.text, a.path, t.symbol FROM balance b
    JOIN address a ON a.id = b.address_id JOIN asset t ON t.id = b.asset_id
    WHERE b.address_id >= :low AND b.address_id < :high AND b.scan_id = :scan LIMIT 1
""")
# a token's latest gap gives the reason
_TOKEN_ERRORS = text("""
    SELECT t.symbol, g.error, g.code, n.addresses, g.providers FROM (
        SELECT asset_id, count(*) AS addresses, max(address_id) AS last FROM gap
        WHERE address_id >= :low AND address_id < :high AND scan_id = :scan GROUP BY asset_id
    ) n JOIN gap g ON g.address_id = n.last AND g.asset_id = n.asset_id JOIN asset t ON t.id = n.asset_id
    WHERE t.contract <> '' ORDER BY t.id
""")


class Scans(Commits):
    """The tables of scans, chunks and gaps, and the balances that a scan's commits write. Times are unix seconds."""

    # -- the log

    def begin(self, chains: Sequence[ChainPlan], now: float) -> int:
        """Begin a scan of these chains, with all their chunks; its id. It drops chunks and attempts of their earlier scans."""
        with self._write() as transaction:
            scan_id: int = transaction.execute(_BEGIN, {"now": now}).scalar_one()
            for plan in chains:
                plans.write_plan(transaction, scan_id, plan, now)
            return scan_id

    def latest(self, chain: str) -> ChainScan | None:
        """A chain in the last scan that had it, or None."""
        with self._read() as transaction:
            key = transaction.chains.get(chain)
            return None if key is None else next(iter(records(transaction, _LATEST, {"chain": key.number})), None)

    def scan(self, scan_id: int) -> tuple[ChainScan, ...]:
        """Every chain of a scan, in order of registration; empty where there is no such scan."""
        with self._read() as transaction:
            return records(transaction, _SCAN, {"scan": scan_id})

    def records(self, before: int | None = None, limit: int = 100) -> list[ScanRecord]:
        """The newest scans, or those before one, newest first; InputError unless 1 <= `limit` <= 1000."""
        if not 1 <= limit <= LIMIT:
            raise InputError(f"a page has 1 to {LIMIT} rows, not {limit}")
        values = {"before": _NEVER if before is None else min(max(before, 0), _NEVER), "limit": limit}
        with self._read() as transaction:
            return [
                ScanRecord(row.id, rfc3339(row.began_at), records(transaction, _SCAN, {"scan": row.id}))
                for row in transaction.execute(_RECORDS, values).all()
            ]

    def record(self, scan_id: int) -> ScanRecord | None:
        """A scan and its chains, or None where there is no such scan."""
        return next((record for record in self.records(scan_id + 1, 1) if record.scan_id == scan_id), None)

    def set_status(self, scan_id: int, chain: str, status: Status, error: str | None, now: float) -> ChainScan:
        """Change a chain's status and error within a scan; its new record."""
        with self._write() as transaction:
            keys = ScanRows(transaction, scan_id, chain).keys
            return records(transaction, _STATUS, keys | {"status": status.value, "error": error, "now": now})[0]

    def set_open_ends(self, scan_id: int, chain: str, ends: Mapping[int, str]) -> ChainScan:
        """Say of which branches a scan could not find the end: by id what can be done about it, or ""; the new record.

        The end of every other branch that it covers is known.
        """
        with self._write() as transaction:
            rows = ScanRows(transaction, scan_id, chain)
            for wallet in plans.covered(transaction, scan_id, rows.chain):
                transaction.execute(_ENDED, {"wallet": wallet, "chain": rows.chain.number})
            transaction.executemany(_OPEN, [(what, branch) for branch, what in ends.items()])
            return records(transaction, _OPEN_ENDS, rows.keys | {"count": len(ends)})[0]

    def covers(self, scan_id: int, chain: str, wallets: Collection[str]) -> bool:
        """Whether a chain's scan covers just these wallets; InputError for one that there is not."""
        with self._read() as transaction:
            key = transaction.chain(chain)
            return plans.covered(transaction, scan_id, key) == plans.asked(transaction, key, wallets)

    def check(self) -> list[Finding]:
        """The last scans whose totals differ from their rows."""
        found = []
        with self._read() as transaction:
            for key in transaction.chains.values():
                for record in records(transaction, _LATEST, {"chain": key.number}):
                    if ScanRows(transaction, record.scan_id, key.id).recount() != record:
                        what = f"the totals of scan {record.scan_id} of {key.id} differ from its rows"
                        found.append(Finding(what, "hdscan scan --restart"))
        return found

    # -- what is left to read

    def pending_chunks(self, scan_id: int, chain: str, after_seq: int, limit: int) -> list[Chunk]:
        """At most `limit` chunks that are not done and have a higher number than `after_seq`, in order."""
        with self._read() as transaction:
            keys = {"scan": scan_id, "chain": transaction.chain(chain).number}
            return [Chunk(*row) for row in transaction.execute(_PENDING, keys | {"after": after_seq, "limit": limit})]

    def gaps(self, scan_id: int, chain: str, after: tuple[int, str] | None, limit: int) -> list[tuple[Address, str]]:
        """At most `limit` unread readings of a scan as (address, asset symbol), in the order of index and symbol."""
        return self._left(_GAPS, scan_id, chain, after, limit)

    def _left(
        self, statement: TextClause, scan_id: int, chain: str, after: tuple[int, str] | None, limit: int
    ) -> list[tuple[Address, str]]:
        index, symbol = after or (0, "")
        with self._read() as transaction:
            key = transaction.chain(chain)
            values = {"low": key.low + index, "high": key.high, "symbol": symbol, "scan": scan_id, "limit": limit}
            rows = transaction.execute(statement, values)
            return [(Address(chain, address - key.low, text, path), symbol) for address, text, path, symbol in rows]

    def disputed(self, scan_id: int, chain: str, after: tuple[int, str] | None, limit: int) -> list[tuple[Address, str]]:
        """At most `limit` readings that a scan left disputed, as `gaps` gives its unread ones."""
        return self._left(_DISPUTED, scan_id, chain, after, limit)

    def standing(self, scan_id: int, chain: str, readings: Sequence[Reading]) -> dict[tuple[int, str], Standing]:
        """What is known of readings, by index and symbol; what was never read is left out."""
        with self._read() as transaction:
            rows = ScanRows(transaction, scan_id, chain)
            return rows.standing({rows.key(reading): (reading.index, reading.asset.symbol) for reading in readings})

    def any_reading(self, scan_id: int, chain: str) -> tuple[Address, str] | None:
        """A reading that the scan could make, as (address, asset symbol): its provider can be probed with it."""
        with self._read() as transaction:
            key = transaction.chain(chain)
            row = transaction.execute(_READ, key.bounds | {"scan": scan_id}).first()
            return None if row is None else (Address(chain, row.id - key.low, row.text, row.path), row.symbol)

    def token_errors(self, scan_id: int, chain: str) -> list[TokenError]:
        """The tokens of which a scan counts readings as unread, with the latest address's reason."""
        with self._read() as transaction:
            rows = transaction.execute(_TOKEN_ERRORS, transaction.chain(chain).bounds | {"scan": scan_id})
            return [
                TokenError(chain, symbol, error, code, count, msgspec.json.decode(providers, type=dict[str, str]))
                for symbol, error, code, count, providers in rows
            ]
