"""What a scan finds of branches: their state, the use of addresses, and more addresses with what was read of them."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import TextClause, text

from hdscan.model.audit import Audited, Standing
from hdscan.model.errors import StoreError
from hdscan.model.reading import Balance, BalanceResult, Reading
from hdscan.model.scan import ChainScan
from hdscan.store import addresses, branches, members, plans
from hdscan.store.adding import at_position
from hdscan.store.branches import Block, BranchState, Position
from hdscan.store.commits import write_done
from hdscan.store.database import Tables
from hdscan.store.scan_rows import ScanRows
from hdscan.store.spans import Span, merged, runs, total, without

_BRANCH = text("SELECT path, length FROM branch WHERE id = :branch AND chain = :chain")
_AWAKE = text("UPDATE branch SET dormant = 0 WHERE id = :branch")
_USED = text("UPDATE balance SET used = 1, used_by = :source WHERE address_id = :address AND coalesce(used, 0) <> 1")
# of what another scan read, a zero says nothing
_UNUSED = text("""
    UPDATE balance SET used = 0, used_by = :source
    WHERE address_id = :address AND asset_id = :native AND scan_id = :scan AND coalesce(used, 0) <> 1
""")
_UNUSED_AT = text("""
    SELECT m.position + a.id - m.first AS position, a.id, a.text, s.name
    FROM member m CROSS JOIN address a CROSS JOIN balance b CROSS JOIN source s
    WHERE m.branch_id = :branch AND a.id >= m.first + :begin - m.position AND a.id < m.first + :stop - m.position
        AND a.id >= m.first AND a.id < m.stop
        AND b.address_id = a.id AND b.asset_id = :native AND b.used = 0 AND s.id = coalesce(b.used_by, b.source_id)
""")
# where something is held, money tells
_TOLD = text("""
    SELECT m.position + a.id - m.first AS position, a.id, a.text, s.name
    FROM member m CROSS JOIN address a CROSS JOIN balance b CROSS JOIN source s
    WHERE m.branch_id = :branch AND a.id >= m.first + :begin - m.position AND a.id < m.first + :stop - m.position
        AND a.id >= m.first AND a.id < m.stop
        AND b.address_id = a.id AND b.asset_id = :native AND b.used = 1 AND s.id = coalesce(b.used_by, b.source_id)
        AND NOT EXISTS (
            SELECT 1 FROM balance o WHERE o.address_id = a.id AND (o.amount <> '0' OR coalesce(o.unconfirmed, '0') <> '0')
        )
    ORDER BY position DESC LIMIT 1
""")
_NEXT_CHUNK = text("SELECT coalesce(max(seq) + 1, 0) FROM chunk WHERE scan_id = :scan AND chain = :chain")
_DONE_CHUNK = text("""
    INSERT INTO chunk (scan_id, chain, seq, first, stop, done_at, worker)
    VALUES (:scan, :chain, :seq, :first, :stop, :now, :worker)
""")
_MORE = text("""
    UPDATE scan_chain SET addresses = addresses + :addresses, readings = readings + :readings
    WHERE scan_id = :scan AND chain = :chain
""")


class Blocks(Tables):
    """Branches as a scan extends them. Times are unix seconds."""

    def branches(self, scan_id: int, chain: str) -> list[BranchState]:
        """The branches of the wallets that a chain's scan covers, in order of arrival, as it has found them so far."""
        with self._read() as transaction:
            key = transaction.chain(chain)
            return list(branches.states(transaction, key, plans.covered(transaction, scan_id, key), scan_id))

    def early(self, scan_id: int, chain: str, limit: int) -> list[tuple[int, str]]:
        """At most `limit` empty addresses of each branch whose use nobody was asked for, with their indexes."""
        with self._read() as transaction:
            key = transaction.chain(chain)
            return list(branches.early(transaction, key, plans.covered(transaction, scan_id, key), scan_id, limit))

    def standing(self, scan_id: int, chain: str, readings: Sequence[Reading]) -> dict[tuple[int, str], Standing]:
        """What is known of the addresses of readings, as `Scans.standing` says it, though their indexes are not the store's."""
        with self._read() as transaction:
            rows = ScanRows(transaction, scan_id, chain)
            texts = list({reading.address: None for reading in readings})
            ids: dict[str, int] = {}
            for at in range(0, len(texts), members.BATCH):
                ids |= addresses.ids(transaction, rows.chain, texts[at : at + members.BATCH])
            place = _Place({address: key - rows.chain.low for address, key in ids.items()}, chain)
            there = [each for each in readings if each.address in ids]
            keys = {rows.key(place.reading(each)): (each.index, each.asset.symbol) for each in there}
            return rows.standing(keys)

    def unused(self, scan_id: int, chain: str, branch_id: int, begin: int, stop: int) -> list[tuple[Position, str]]:
        """The unused ones of `begin` <= position < `stop` of a branch, and who said so of each."""
        return self._told(_UNUSED_AT, scan_id, chain, {"branch": branch_id, "begin": begin, "stop": stop})

    def told(self, scan_id: int, chain: str, branch_id: int, begin: int, stop: int) -> list[tuple[Position, str]]:
        """The last one of these positions of a branch that is said to be used and holds nothing, if any, and by whom."""
        return self._told(_TOLD, scan_id, chain, {"branch": branch_id, "begin": begin, "stop": stop})

    def _told(self, statement: TextClause, scan_id: int, chain: str, where: dict[str, int]) -> list[tuple[Position, str]]:
        with self._read() as transaction:
            rows = ScanRows(transaction, scan_id, chain)
            found = transaction.execute(statement, where | {"native": branches.native_of(transaction, rows.chain)}).all()
            return [(Position(row.position, row.id - rows.chain.low, row.text), row.name) for row in found]

    def commit_use(
        self, scan_id: int, chain: str, uses: Sequence[BalanceResult], *, now: float, seconds: float, requests: int
    ) -> ChainScan:
        """Write whether addresses are used, as readings of `use_of` ended; those that failed tell nothing.

        Nothing is written of an address whose coin the scan has not read: its use is not known until it is.
        """
        with self._write() as transaction:
            rows = ScanRows(transaction, scan_id, chain)
            _put_uses(rows, uses)
            return rows.add_totals(now=now, seconds=seconds, requests=requests)

    def commit_block(
        self,
        scan_id: int,
        chain: str,
        block: Block,
        results: Sequence[BalanceResult],
        found: Sequence[Audited] = (),
        *,
        uses: Sequence[BalanceResult] = (),
        worker: str,
        now: float,
        seconds: float,
        requests: int,
    ) -> ChainScan | None:
        """Add the next addresses of a branch, and what was read of them, as `Scans.commit_chunk` does; the totals.

        Readings name their address alone: the index that each gets is not known before. Those of addresses that chunks of the
        scan cover already are left to those. None, and nothing written, unless the branch is just `block.start` long (or is
        gone); StoreError, and nothing written, unless every other address was read for every asset, once.
        """
        with self._write() as transaction:
            rows = ScanRows(transaction, scan_id, chain)
            branch = transaction.execute(_BRANCH, {"branch": block.branch_id, "chain": rows.chain.number}).first()
            if branch is None or branch.length != block.start:
                return None
            items = [(each, at_position(branch.path, at)) for at, each in enumerate(block.addresses, block.start)]
            ids, _ = members.insert_in_order(transaction, rows.chain, items)
            members.put_branch(transaction, block.branch_id, block.start, ids)
            transaction.execute(_AWAKE, {"branch": block.branch_id})
            low = rows.chain.low
            place = _Place({address: key - low for address, key in zip(block.addresses, ids, strict=True)}, chain)
            spans = _not_covered(rows, place.index.values())
            fresh = {at for first, stop in spans for at in range(first, stop)}
            kept = [each for each in map(place.result, results) if each.reading.index in fresh]
            cases = [each for each in map(place.case, found) if each.reading.index in fresh]
            ended = rows.ended(kept, cases)
            if len(kept) + len(cases) != len(fresh) * len(rows.assets):
                raise place.foreign
            _add_chunks(rows, spans, now, worker)
            more = write_done(rows, [(low + first, low + stop) for first, stop in spans], ended)
            _put_uses(rows, list(map(place.result, uses)))
            return rows.add_totals(now=now, seconds=seconds, requests=requests, **more)


class _Place(msgspec.Struct, frozen=True):
    """Where the addresses of a block are: their indexes, which readings did not know."""

    index: Mapping[str, int]
    chain: str

    @property
    def foreign(self) -> StoreError:
        return StoreError(f"the results of a block of {self.chain} are not its readings; nothing of it was written")

    def reading(self, reading: Reading) -> Reading:
        if (index := self.index.get(reading.address)) is None:
            raise self.foreign
        return Reading(index, reading.address, reading.asset)

    def result(self, result: BalanceResult) -> BalanceResult:
        return BalanceResult(self.reading(result.reading), result.outcome, result.failed)

    def case(self, case: Audited) -> Audited:
        return msgspec.structs.replace(case, reading=self.reading(case.reading))


def _not_covered(rows: ScanRows, indexes: Iterable[int]) -> list[Span]:
    """Those of some indexes that no chunk of the scan covers."""
    mine = merged(runs(sorted(indexes)))
    return without(mine, merged(rows.ranges(mine[0][0], mine[-1][1]))) if mine else []


def _add_chunks(rows: ScanRows, spans: Sequence[Span], now: float, worker: str) -> None:
    """Make these addresses part of the scan, as chunks that are done."""
    seq: int = rows.transaction.execute(_NEXT_CHUNK, rows.keys).scalar_one()
    chunks = [(*rows.keys.values(), seq + at, first, stop, now, worker) for at, (first, stop) in enumerate(spans)]
    rows.transaction.executemany(_DONE_CHUNK, chunks)
    count = total(spans)
    rows.transaction.execute(_MORE, rows.keys | {"addresses": count, "readings": count * len(rows.assets)})


def _put_uses(rows: ScanRows, uses: Iterable[BalanceResult]) -> None:
    transaction, native = rows.transaction, branches.native_of(rows.transaction, rows.chain)
    used: list[tuple[int, int]] = []
    unused: list[tuple[int, int, int, int]] = []
    for use in uses:
        if isinstance(use.outcome, Balance):
            source, address = transaction.source_id(use.outcome.source), rows.chain.low + use.reading.index
            if use.outcome.amount:
                used.append((source, address))
            else:
                unused.append((source, address, native, rows.id))
    transaction.executemany(_USED, used)
    transaction.executemany(_UNUSED, unused)
