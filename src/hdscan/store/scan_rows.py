"""One chain's scan within a transaction: the rows that its commits, audits and retractions write, and its totals."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Row, TextClause, text

from hdscan.model.audit import Audited, AuditOutcome, Standing
from hdscan.model.chain import Asset
from hdscan.model.errors import StoreError
from hdscan.model.reading import Balance, BalanceResult, Reading
from hdscan.model.scan import ChainScan, Chunk
from hdscan.store import addresses, answers, registry, unlisted
from hdscan.store.ended import Ended, Read, Rows
from hdscan.store.records import COLUMNS, records
from hdscan.store.spans import Span
from hdscan.store.transaction import Key, Transaction

T = TypeVar("T")

_READ = "address_id, asset_id, amount, unconfirmed, height, observed_at, source_id, scan_id, witness_id, confirmed_in, used"
COPIED = f"{_READ}, used_by"
DENSE = 50  # addresses to a reading, up to which they are looked up in one range

_ASSETS = text("SELECT assets FROM scan_chain WHERE scan_id = :scan AND chain = :chain")
_AMOUNTS = """amount = excluded.amount, unconfirmed = excluded.unconfirmed, height = excluded.height,
    observed_at = excluded.observed_at, source_id = excluded.source_id, scan_id = excluded.scan_id,
    witness_id = excluded.witness_id, confirmed_in = excluded.confirmed_in"""
# once used, always used; an older zero says nothing any more, unless this very scan was told
_STANDS = "balance.used = 1 OR (excluded.used IS NULL AND balance.scan_id = excluded.scan_id)"
_USE = f"""used = CASE WHEN {_STANDS} THEN balance.used ELSE excluded.used END,
    used_by = CASE WHEN {_STANDS} THEN coalesce(balance.used_by, balance.source_id) END"""
_KEEP_EARLIER = text(f"""
    INSERT INTO earlier ({COPIED}) SELECT {COPIED} FROM balance
    WHERE address_id >= :low AND address_id < :high AND scan_id <> :scan
    ON CONFLICT (address_id, asset_id) DO UPDATE SET {_AMOUNTS}, used = excluded.used, used_by = excluded.used_by
""")  # noqa: S608 own constant
# a newer scan is newer whatever the clocks say; within a scan the later reading is
_PUT_BALANCE = text(f"""
    INSERT INTO balance ({_READ})
    VALUES (:address, :asset, :amount, :unconfirmed, :height, :observed_at, :source, :scan, :witness, :confirmed_in, :used)
    ON CONFLICT (address_id, asset_id) DO UPDATE SET {_AMOUNTS}, {_USE}
    WHERE excluded.scan_id > balance.scan_id OR excluded.observed_at >= balance.observed_at
""")  # noqa: S608 own constant
_EARLY = text("""
    SELECT address_id, asset_id, amount, witness_id FROM balance
    WHERE address_id >= :low AND address_id < :high AND scan_id = :scan
""")
DISPUTES = text("SELECT address_id, asset_id FROM dispute WHERE address_id >= :low AND address_id < :high")
OWN_DISPUTES = text(
    "SELECT address_id, asset_id FROM dispute WHERE address_id >= :low AND address_id < :high AND scan_id = :scan"
)
_STANDING = text("""
    SELECT address_id, asset_id, amount, height FROM balance WHERE address_id >= :low AND address_id < :high
""")
_PUT_DISPUTE = text("""
    INSERT INTO dispute (address_id, asset_id, scan_id, answers) VALUES (:address, :asset, :scan, :answers)
    ON CONFLICT (address_id, asset_id) DO UPDATE SET scan_id = excluded.scan_id, answers = excluded.answers
""")
DROP_BALANCE = text("DELETE FROM balance WHERE address_id = :address AND asset_id = :asset")
END_DISPUTE = text("DELETE FROM dispute WHERE address_id = :address AND asset_id = :asset")
OPEN_GAPS = text("SELECT address_id, asset_id FROM gap WHERE address_id >= :low AND address_id < :high AND scan_id = :scan")
END_GAP = text("DELETE FROM gap WHERE address_id = :address AND asset_id = :asset")
_RANGES = text("""
    SELECT first, stop, done_at IS NOT NULL FROM chunk
    WHERE scan_id = :scan AND chain = :chain AND first < :stop AND stop > :first ORDER BY seq
""")
_FUNDED = text("""
    SELECT count(DISTINCT b.address_id) FROM balance b
    WHERE b.address_id >= :low AND b.address_id < :high AND b.scan_id = :scan AND b.amount <> '0'
        AND NOT EXISTS (SELECT 1 FROM gap g WHERE g.address_id = b.address_id AND g.asset_id = b.asset_id)
""")
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
        self._low = self.chain.low

    def key(self, reading: Reading) -> Key:
        """The ids of a reading's address and asset, however its contract is written; StoreError where it is not the scan's."""
        return self._low + reading.index, self._asset_ids.get(reading.asset) or self._asset_id(reading.asset)

    def _asset_id(self, asset: Asset) -> int:
        if (found := self._asset_ids.get(registry.normal(asset))) is None:
            raise StoreError(
                f"scan {self.id} does not read this {asset.symbol} of {asset.chain}: its contract or decimals have"
                " changed since the scan began; begin a new one with: hdscan scan --restart"
            )
        self._asset_ids[asset] = found
        return found

    def ended(self, results: Sequence[BalanceResult], found: Sequence[Audited] = ()) -> Ended:
        """Results and cases as rows; StoreError for a reading that ended twice or is foreign."""
        ended = Ended()
        said: dict[str, frozenset[str]] = {}  # one for all that a source said alone
        for result in results:
            key, end = self.key(result.reading), result.outcome
            if isinstance(end, Balance):
                ended.reads[key] = Read(end, said.get(end.source) or said.setdefault(end.source, frozenset({end.source})))
            else:
                providers = msgspec.json.encode(end.providers).decode()
                ended.unread[key] = (*key, self.id, end.code.value, end.message, end.attempts, providers)
            if result.failed:
                ended.failed[key] = result.failed
        for case in found:
            key = self.key(case.reading)
            ended.cases[key] = case
            if case.amount is None:
                ended.disputes[key] = (*key, self.id, answers.encoded(case.answers))
            else:
                ended.reads[key] = Read(case.amount, case.sources, case.outcome is not AuditOutcome.UNAUDITED)
            if case.failed:
                ended.failed[key] = case.failed
        if len(ended.reads.keys() | ended.unread.keys() | ended.disputes.keys()) != len(results) + len(found):
            raise StoreError(f"the same reading ended twice in one commit of {self.chain.id}; nothing of it was written")
        return ended

    def check_whole(self, chunk: Chunk, results: Sequence[BalanceResult | Audited]) -> None:
        """StoreError if a reading of the chunk is lost, a result is foreign, or one is not of the address at its index."""
        known = addresses.texts(self.transaction, self.chain, chunk.first, chunk.stop)
        readings = [result.reading for result in results]
        foreign = sum([known.get(reading.index) != reading.address for reading in readings])
        lost = len(known) * len(self.assets) - (len(results) - foreign)
        if foreign or lost or len(known) != chunk.stop - chunk.first:
            raise StoreError(
                f"the results of chunk {chunk.seq} of {self.chain.id} are not its readings ({lost} lost, {foreign} foreign);"
                " nothing of it was written"
            )

    def put(self, reads: Mapping[Key, Read], ends: Sequence[tuple[int, int]]) -> None:
        """Store balances that the scan read within these ranges of address ids, and what came with them; disputes end."""
        transaction = self.transaction
        transaction.executemany(END_DISPUTE, self.found(DISPUTES, reads))
        transaction.executemany(_KEEP_EARLIER, [(low, high, self.id) for low, high in ends])
        early = {(row[0], row[1]): row for row in self.rows(_EARLY, reads)}  # of a chunk that did not end
        transaction.executemany(_PUT_BALANCE, [self._balance(key, read, early.get(key)) for key, read in reads.items()])
        unlisted.keep(transaction, self.id, reads)

    def _balance(self, key: Key, read: Read, early: Any) -> tuple[Any, ...]:
        """The row; who bore a change out earlier in the scan is still among those who said it."""
        balance, transaction = read.balance, self.transaction
        amount, pending = str(balance.amount), balance.unconfirmed
        source, witness = transaction.source_id(balance.source), transaction.said_by_all(read.sources)
        if early is not None and early.amount == amount:
            witness = transaction.witness_id(transaction.witnesses[early.witness_id] | transaction.witnesses[witness])
        unconfirmed, confirmed_in = None if pending is None else str(pending), self.id if read.confirmed else None
        amounts = amount, unconfirmed, balance.height, balance.observed_at, source, self.id, witness, confirmed_in
        return *key, *amounts, balance.is_used

    def dispute(self, rows: Rows, ends: Sequence[tuple[int, int]]) -> None:
        """Store disputes in place of balances, whose earlier amounts are kept."""
        if rows:
            self.transaction.executemany(_KEEP_EARLIER, [(low, high, self.id) for low, high in ends])
            self.transaction.executemany(DROP_BALANCE, rows)
            self.transaction.executemany(_PUT_DISPUTE, rows.values())

    def end_gaps(self, reads: Mapping[Key, Read]) -> int:
        """Store balances of readings that had no amount; returns how many funded addresses that adds."""
        rich = {key[0] for key, read in reads.items() if read.balance.amount}
        before = self.funded_among(rich)
        self.put_early(reads)
        return self.funded_among(rich) - before

    def put_early(self, reads: Mapping[Key, Read]) -> None:
        """Store balances of readings whose chunk is not done; they count when it is."""
        self.put(reads, alone(reads))
        self.transaction.executemany(END_GAP, reads)

    def add_totals(
        self, *, now: float, seconds: float = 0.0, requests: int = 0, read: int = 0, unread: int = 0, funded: int = 0
    ) -> ChainScan:
        """Add to the scan's totals; its new record."""
        more = {"now": now, "seconds": seconds, "requests": requests, "read": read, "unread": unread, "funded": funded}
        return records(self.transaction, _ADD_TOTALS, self.keys | more)[0]

    def standing(self, keys: Mapping[Key, T]) -> dict[T, Standing]:
        """What is known of readings, by what stands for each; what was never read is left out."""
        disputed = self.found(DISPUTES, keys)
        known = {(r[0], r[1]): Standing(int(r.amount), r.height) for r in self.rows(_STANDING, keys)}
        stands = known | dict.fromkeys(disputed, Standing(None, None))
        return {keys[key]: each for key, each in stands.items() if key in keys}

    def found(self, statement: TextClause, keys: Collection[Key], **values: Any) -> dict[Key, Any]:
        """The last column that a statement selects of these readings, by key (the first two); {} without readings."""
        return {key: row[-1] for row in self.rows(statement, keys, **values) if (key := (row[0], row[1])) in keys}

    def rows(self, statement: TextClause, keys: Collection[Key], **values: Any) -> Iterator[Row[*tuple[Any, ...]]]:
        """The rows that a statement selects of these readings and perhaps of others between them."""
        if not keys:
            return
        low, high = min(keys)[0], max(keys)[0] + 1
        ends = [(low, high)] if high - low <= DENSE * len(keys) else alone(keys)
        for first, stop in ends:
            yield from self.transaction.execute(statement, values | {"low": first, "high": stop, "scan": self.id})

    def ranges(self, first: int, stop: int, *, done: bool | None = None) -> list[Span]:
        """The ranges of the chunks that have some of `first` <= index < `stop`, those done or not or all, in their order."""
        found: list[Span] = []
        for here, there, is_done in self.transaction.execute(_RANGES, self.keys | {"first": first, "stop": stop}):
            if done in (None, bool(is_done)):
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


def alone(keys: Iterable[Key]) -> list[tuple[int, int]]:
    """The ranges of the addresses of these readings, one by one."""
    return [(address, address + 1) for address in sorted({key[0] for key in keys})]
