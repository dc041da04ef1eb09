"""One chain's scan within a transaction: the rows that its commits, audits and retractions write, and its totals."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import TextClause, text

from hdscan.model.errors import StoreError
from hdscan.model.reading import Attempt, Balance, BalanceResult, Reading
from hdscan.model.scan import ChainScan, Chunk
from hdscan.store import addresses, registry
from hdscan.store.transaction import Key, Transaction

COLUMNS = "scan_id, chain, status, assets, addresses, readings, read, unread, funded, seconds, requests, error"
Rows = dict[Key, tuple[Any, ...]]

_ASSETS = text("SELECT assets FROM scan_chain WHERE scan_id = :scan AND chain = :chain")
_AMOUNTS = """amount = excluded.amount, unconfirmed = excluded.unconfirmed, height = excluded.height,
    observed_at = excluded.observed_at, source_id = excluded.source_id, scan_id = excluded.scan_id"""
_KEEP_EARLIER = text(f"""
    INSERT INTO earlier (address_id, asset_id, amount, unconfirmed, height, observed_at, source_id, scan_id)
    SELECT address_id, asset_id, amount, unconfirmed, height, observed_at, source_id, scan_id FROM balance
    WHERE address_id >= :low AND address_id < :high AND scan_id <> :scan
    ON CONFLICT (address_id, asset_id) DO UPDATE SET {_AMOUNTS}
""")  # noqa: S608 own constant
# a newer scan is newer whatever the clocks say; within a scan the later reading is
_PUT_BALANCE = text(f"""
    INSERT INTO balance (address_id, asset_id, amount, unconfirmed, height, observed_at, source_id, scan_id)
    VALUES (:address, :asset, :amount, :unconfirmed, :height, :observed_at, :source, :scan)
    ON CONFLICT (address_id, asset_id) DO UPDATE SET {_AMOUNTS}
    WHERE excluded.scan_id > balance.scan_id OR excluded.observed_at >= balance.observed_at
""")  # noqa: S608 own constant
_DISPUTES = text("SELECT address_id, asset_id FROM dispute WHERE address_id >= :low AND address_id < :high")
END_DISPUTE = text("DELETE FROM dispute WHERE address_id = :address AND asset_id = :asset")
OPEN_GAPS = text("SELECT address_id, asset_id FROM gap WHERE address_id >= :low AND address_id < :high AND scan_id = :scan")
_END_GAP = text("DELETE FROM gap WHERE address_id = :address AND asset_id = :asset")
_RANGES = text("""
    SELECT first, stop, done_at IS NOT NULL FROM chunk
    WHERE scan_id = :scan AND chain = :chain AND first < :stop AND stop > :first ORDER BY seq
""")
_FUNDED = text("""
    SELECT count(DISTINCT b.address_id) FROM balance b
    WHERE b.address_id >= :low AND b.address_id < :high AND b.scan_id = :scan AND b.amount <> '0'
        AND NOT EXISTS (SELECT 1 FROM gap g WHERE g.address_id = b.address_id AND g.asset_id = b.asset_id)
""")
_AUDITS = text("SELECT scan_id, chain, percent AS audit, audited, disputed, unaudited FROM scan_audit WHERE scan_id = :scan")
_COUNT_GAPS = text("SELECT count(*) FROM gap WHERE address_id >= :low AND address_id < :high AND scan_id = :scan")
_COUNT_DISPUTES = text("SELECT count(*) FROM dispute WHERE address_id >= :low AND address_id < :high AND scan_id = :scan")
_RECORD = text(f"SELECT {COLUMNS} FROM scan_chain WHERE scan_id = :scan AND chain = :chain")  # noqa: S608 own constant
_ADD_TOTALS = text(f"""
    UPDATE scan_chain SET read = read + :read, unread = unread + :unread, funded = funded + :funded,
        seconds = seconds + :seconds, requests = requests + :requests, updated_at = :now
    WHERE scan_id = :scan AND chain = :chain RETURNING {COLUMNS}
""")  # noqa: S608 own constant


class ScanRows:
    """The rows of one chain's scan; `assets` are those that it reads, by id. StoreError where there is no such scan."""

    def __init__(self, transaction: Transaction, scan_id: int, chain: str) -> None:
        self.transaction = transaction
        self.id = scan_id
        self.chain = transaction.chain(chain)
        self.keys = {"scan": scan_id, "chain": self.chain.number}
        ids: str | None = transaction.execute(_ASSETS, self.keys).scalar()
        if ids is None:
            raise StoreError(f"there is no scan {scan_id} of {chain} in the database")
        self.assets = {key: transaction.assets[key] for key in msgspec.json.decode(ids, type=list[int])}
        self._asset_ids = {asset: key for key, asset in self.assets.items()}

    def key(self, reading: Reading) -> Key:
        """The ids of a reading's address and asset, however its contract is written; StoreError where it is not the scan's."""
        asset = reading.asset
        if asset not in self._asset_ids:
            if (found := self._asset_ids.get(registry.normal(asset))) is None:
                raise StoreError(
                    f"scan {self.id} does not read this {asset.symbol} of {asset.chain}: its contract or decimals have"
                    " changed since the scan began; begin a new one with: hdscan scan --restart"
                )
            self._asset_ids[asset] = found
        return self.chain.low + reading.index, self._asset_ids[asset]

    def balance(self, key: Key, balance: Balance) -> tuple[Any, ...]:
        """A balance as the values of its row."""
        pending = None if balance.unconfirmed is None else str(balance.unconfirmed)
        source = self.transaction.source_id(balance.source)
        return (*key, str(balance.amount), pending, balance.height, balance.observed_at, source, self.id)

    def ended(self, results: Sequence[BalanceResult]) -> tuple[Rows, Rows, dict[Key, Sequence[Attempt]]]:
        """Results as rows of `balance` and of `gap`, and the failed attempts, by key; StoreError for one twice or foreign."""
        reads: Rows = {}
        unread: Rows = {}
        failed: dict[Key, Sequence[Attempt]] = {}
        for result in results:
            key, end = self.key(result.reading), result.outcome
            if isinstance(end, Balance):
                reads[key] = self.balance(key, end)
            else:
                providers = msgspec.json.encode(end.providers).decode()
                unread[key] = (*key, self.id, end.code.value, end.message, end.attempts, providers)
            if result.failed:
                failed[key] = result.failed
        if len(reads) + len(unread) != len(results) or not reads.keys().isdisjoint(unread):
            raise StoreError(f"the same reading ended twice in one commit of {self.chain.id}; nothing of it was written")
        return reads, unread, failed

    def check_whole(self, chunk: Chunk, results: Sequence[BalanceResult]) -> None:
        """StoreError if a reading of the chunk is lost, a result is foreign, or one is not of the address at its index."""
        known = {each.index: each.text for each in addresses.between(self.transaction, self.chain, chunk.first, chunk.stop)}
        foreign = sum(known.get(result.reading.index) != result.reading.address for result in results)
        lost = len(known) * len(self.assets) - (len(results) - foreign)
        if foreign or lost or len(known) != chunk.stop - chunk.first:
            raise StoreError(
                f"the results of chunk {chunk.seq} of {self.chain.id} are not its readings ({lost} lost, {foreign} foreign);"
                " nothing of it was written"
            )

    def put(self, reads: Rows, ends: Sequence[tuple[int, int]]) -> None:
        """Store balances that the scan read within these ranges of address ids; their disputes end."""
        self.transaction.executemany(END_DISPUTE, self.found(_DISPUTES, reads))
        self.transaction.executemany(_KEEP_EARLIER, [(low, high, self.id) for low, high in ends])
        self.transaction.executemany(_PUT_BALANCE, reads.values())

    def end_gaps(self, reads: Rows) -> int:
        """Store balances of readings that were unread; returns how many funded addresses that adds."""
        rich = {key[0] for key, row in reads.items() if row[2] != "0"}
        before = self.funded_among(rich)
        self.put_early(reads)
        return self.funded_among(rich) - before

    def put_early(self, reads: Rows) -> None:
        """Store balances of readings whose chunk is not done; they count when it is."""
        self.put(reads, [(address, address + 1) for address in {key[0] for key in reads}])
        self.transaction.executemany(_END_GAP, reads)

    def add_totals(
        self, *, now: float, seconds: float = 0.0, requests: int = 0, read: int = 0, unread: int = 0, funded: int = 0
    ) -> ChainScan:
        """Add to the scan's totals; its new record."""
        more = {"now": now, "seconds": seconds, "requests": requests, "read": read, "unread": unread, "funded": funded}
        return records(self.transaction, _ADD_TOTALS, self.keys | more)[0]

    def found(self, statement: TextClause, keys: Collection[Key]) -> dict[Key, Any]:
        """The last column that a statement selects of these readings, by key (the first two); {} without readings."""
        if not keys:
            return {}
        bounds = {"low": min(keys)[0], "high": max(keys)[0] + 1, "scan": self.id}
        rows = self.transaction.execute(statement, bounds)
        return {key: row[-1] for row in rows if (key := (row[0], row[1])) in keys}

    def ranges(self, first: int, stop: int, *, done: bool) -> list[tuple[int, int]]:
        """The parts of `first` <= index < `stop` whose chunks are done (or are not), neighbours made one."""
        found: list[tuple[int, int]] = []
        for here, there, is_done in self.transaction.execute(_RANGES, self.keys | {"first": first, "stop": stop}):
            if bool(is_done) is done:
                since = found.pop()[0] if found and found[-1][1] == here else here
                found.append((since, there))
        return found

    def funded(self, low: int, high: int) -> int:
        """On how many addresses (ids from `low` to before `high`) the scan read an amount above zero."""
        return int(self.transaction.execute(_FUNDED, {"scan": self.id, "low": low, "high": high}).scalar_one())

    def funded_among(self, addresses: Iterable[int]) -> int:
        return sum(self.funded(address, address + 1) for address in addresses)

    def recount(self) -> ChainScan:
        """The scan's record with totals counted from the rows; the stored record equals it after every commit."""
        bounds = self.chain.bounds | {"scan": self.id}
        low = self.chain.low
        done = self.ranges(0, self.chain.high - low, done=True)
        ended = sum(stop - first for first, stop in done) * len(self.assets)
        unread: int = self.transaction.execute(_COUNT_GAPS, bounds).scalar_one()
        disputed: int = self.transaction.execute(_COUNT_DISPUTES, bounds).scalar_one()
        funded = sum(self.funded(low + first, low + stop) for first, stop in done)
        (record,) = records(self.transaction, _RECORD, self.keys)
        return msgspec.structs.replace(record, read=ended - unread - disputed, unread=unread, funded=funded)


def records(transaction: Transaction, statement: TextClause, values: dict[str, Any]) -> tuple[ChainScan, ...]:
    """The records of the rows, of COLUMNS, that a statement returns."""
    rows = transaction.execute(statement, values).all()
    chains = {key.number: key.id for key in transaction.chains.values()}
    audits = {
        (each.scan_id, each.chain): each._asdict()
        for scan_id in {row.scan_id for row in rows}
        for each in transaction.execute(_AUDITS, {"scan": scan_id})
    }
    return tuple(
        msgspec.convert(
            {
                **audits.get((row.scan_id, row.chain), {}),
                **row._asdict(),
                "chain": chains[row.chain],
                "assets": tuple(transaction.assets[key].symbol for key in msgspec.json.decode(row.assets, type=list[int])),
            },
            ChainScan,
        )
        for row in rows
    )
