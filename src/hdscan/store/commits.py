"""What a scan has read becomes what is known: each function here is one transaction, whole or not at all (B4)."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, text

from hdscan.model.chain import Asset
from hdscan.model.errors import StoreError
from hdscan.model.reading import Attempt, Balance, BalanceResult
from hdscan.model.scan import ChainScan, Chunk
from hdscan.store import addresses, attempts, registry, scans
from hdscan.store.database import executemany
from hdscan.store.scans import Totals
from hdscan.store.span import span

Key = tuple[int, int]  # address id, asset id
Rows = dict[Key, tuple[Any, ...]]

# the guard: whoever marks the chunk first commits it
_DONE = text("""
    UPDATE chunk SET done_at = :now, worker = :worker
    WHERE scan_id = :scan AND chain = :chain AND seq = :seq AND first = :first AND stop = :stop AND done_at IS NULL
""")
_SOURCES = text("SELECT name, id FROM source")
_ADD_SOURCE = text("INSERT INTO source (name) VALUES (:name) ON CONFLICT (name) DO NOTHING")
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
_PUT_GAP = text("""
    INSERT INTO gap (address_id, asset_id, scan_id, code, error, attempts, providers)
    VALUES (:address, :asset, :scan, :code, :error, :attempts, :providers)
    ON CONFLICT (address_id, asset_id) DO UPDATE SET scan_id = excluded.scan_id, code = excluded.code,
        error = excluded.error, attempts = excluded.attempts, providers = excluded.providers
""")
_TRIED_AGAIN = text("""
    UPDATE gap SET code = :code, error = :error, attempts = attempts + :attempts, providers = :providers
    WHERE address_id = :address AND asset_id = :asset
""")
_END_GAPS = text("DELETE FROM gap WHERE address_id >= :low AND address_id < :high AND asset_id IN :assets").bindparams(
    bindparam("assets", expanding=True)
)
_END_GAP = text("DELETE FROM gap WHERE address_id = :address AND asset_id = :asset")
_DISPUTES = text("SELECT address_id, asset_id FROM dispute WHERE address_id >= :low AND address_id < :high")
_END_DISPUTE = text("DELETE FROM dispute WHERE address_id = :address AND asset_id = :asset")
_OPEN_GAPS = text("SELECT address_id, asset_id FROM gap WHERE address_id >= :low AND address_id < :high AND scan_id = :scan")


def chunk(
    connection: Connection,
    scan_id: int,
    chain: str,
    part: Chunk,
    results: Sequence[BalanceResult],
    *,
    worker: str,
    now: float,
    seconds: float,
    requests: int,
) -> ChainScan | None:
    """A chunk's balances, gaps, mark and totals; None where it was done already."""
    number = registry.chain_number(connection, chain)
    assets = scans.scan_assets(connection, scan_id, chain)
    mark = {"scan": scan_id, "chain": number, "seq": part.seq, "first": part.first, "stop": part.stop}
    if connection.execute(_DONE, mark | {"now": now, "worker": worker}).rowcount == 0:
        return None
    reads, unread = _split(connection, scan_id, chain, assets, results)
    _check_whole(connection, chain, part, results, keys={*reads, *unread}, per_address=len(assets))
    low, _ = span(number)
    ends = (low + part.first, low + part.stop)
    put(connection, scan_id, reads, [ends])
    connection.execute(_END_GAPS, {"low": ends[0], "high": ends[1], "assets": list(assets)})
    executemany(connection, _PUT_GAP, unread.values())
    attempts.keep(connection, scan_id, chain, _failed(connection, scan_id, chain, assets, results))
    more = Totals(len(reads), len(unread), scans.funded(connection, scan_id, *ends))
    return scans.add_totals(connection, scan_id, chain, more, now=now, seconds=seconds, requests=requests)


def final(
    connection: Connection,
    scan_id: int,
    chain: str,
    results: Sequence[BalanceResult],
    *,
    now: float,
    seconds: float,
    requests: int,
) -> ChainScan:
    """What came of readings that the scan had left unread."""
    assets = scans.scan_assets(connection, scan_id, chain)
    reads, unread = _split(connection, scan_id, chain, assets, results)
    waiting = _open_gaps(connection, scan_id, {*reads, *unread})
    more = _end_gaps(connection, scan_id, {key: row for key, row in reads.items() if key in waiting})
    tried = [(row[3], row[4], row[5], row[6], *key) for key, row in unread.items() if key in waiting]
    executemany(connection, _TRIED_AGAIN, tried)
    failed = _failed(connection, scan_id, chain, assets, results)
    attempts.keep(connection, scan_id, chain, {key: each for key, each in failed.items() if key in waiting})
    return scans.add_totals(connection, scan_id, chain, more, now=now, seconds=seconds, requests=requests)


def partial(connection: Connection, scan_id: int, chain: str, results: Sequence[BalanceResult], *, now: float) -> None:
    """The balances that are there of work that did not end: unread readings of the scan, or chunks that stay to be done."""
    number = registry.chain_number(connection, chain)
    assets = scans.scan_assets(connection, scan_id, chain)
    reads, _ = _split(connection, scan_id, chain, assets, results)
    if not reads:
        return
    waiting = _open_gaps(connection, scan_id, reads)
    more = _end_gaps(connection, scan_id, {key: row for key, row in reads.items() if key in waiting})
    low, _ = span(number)
    indices = [key[0] - low for key in reads]
    undone = scans.ranges(connection, scan_id, number, min(indices), max(indices) + 1, done=False)
    early = {
        key: row
        for key, row in reads.items()
        if key not in waiting and any(first <= key[0] - low < stop for first, stop in undone)
    }
    put(connection, scan_id, early, [(key[0], key[0] + 1) for key in early])
    executemany(connection, _END_GAP, early)
    scans.add_totals(connection, scan_id, chain, more, now=now, seconds=0.0, requests=0)


def _split(
    connection: Connection, scan_id: int, chain: str, assets: dict[int, Asset], results: Sequence[BalanceResult]
) -> tuple[Rows, Rows]:
    """Amounts and errors as rows of `balance` and `gap`, by key; StoreError for a reading that is not the scan's, or twice."""
    low, _ = span(registry.chain_number(connection, chain))
    asset_ids = AssetIds({asset: key for key, asset in assets.items()}, scan_id)
    source_ids = SourceIds(connection)
    reads: Rows = {}
    unread: Rows = {}
    for result in results:
        reading, end = result.reading, result.outcome
        key = address_id, asset_id = low + reading.index, asset_ids[reading.asset]
        if isinstance(end, Balance):
            reads[key] = balance_values(key, end, source_ids[end.source], scan_id)
        else:
            providers = msgspec.json.encode(end.providers).decode()
            unread[key] = (address_id, asset_id, scan_id, end.code.value, end.message, end.attempts, providers)
    if len(reads) + len(unread) != len(results) or not reads.keys().isdisjoint(unread):
        raise StoreError(f"the same reading ended twice in one commit of {chain}; nothing of it was written")
    return reads, unread


def _failed(
    connection: Connection, scan_id: int, chain: str, assets: dict[int, Asset], results: Sequence[BalanceResult]
) -> dict[Key, Sequence[Attempt]]:
    """What failed before the readings ended, of those with which something did."""
    low, _ = span(registry.chain_number(connection, chain))
    asset_ids = AssetIds({asset: key for key, asset in assets.items()}, scan_id)
    return {(low + each.reading.index, asset_ids[each.reading.asset]): each.failed for each in results if each.failed}


def _check_whole(
    connection: Connection, chain: str, part: Chunk, results: Sequence[BalanceResult], *, keys: set[Key], per_address: int
) -> None:
    """No reading of the chunk is lost, none is foreign, and each is of the address that has its index."""
    known = {address.index: address.text for address in addresses.between(connection, chain, part.first, part.stop)}
    wrong = sum(known.get(result.reading.index) != result.reading.address for result in results)
    lost = len(known) * per_address - (len(keys) - wrong)
    if wrong or lost or len(known) != part.stop - part.first:
        raise StoreError(
            f"the results of chunk {part.seq} of {chain} are not its readings ({lost} lost, {wrong} foreign);"
            " nothing of it was written"
        )


def balance_values(key: Key, said: Balance, source_id: int, scan_id: int) -> tuple[Any, ...]:
    """A balance as the values of its row."""
    pending = None if said.unconfirmed is None else str(said.unconfirmed)
    return (*key, str(said.amount), pending, said.height, said.observed_at, source_id, scan_id)


def put(connection: Connection, scan_id: int, reads: Rows, ends: Sequence[tuple[int, int]]) -> None:
    """Store balances that a scan read within these ranges of address ids; what was disputed of them is no more."""
    if reads:
        bounds = {"low": min(low for low, _ in ends), "high": max(high for _, high in ends)}
        disputes = [(address, asset) for address, asset in connection.execute(_DISPUTES, bounds) if (address, asset) in reads]
        executemany(connection, _END_DISPUTE, disputes)
    executemany(connection, _KEEP_EARLIER, [(low, high, scan_id) for low, high in ends])
    executemany(connection, _PUT_BALANCE, reads.values())


def _open_gaps(connection: Connection, scan_id: int, keys: Iterable[Key]) -> set[Key]:
    """Which of these readings the scan counts as unread."""
    wanted = set(keys)
    if not wanted:
        return set()
    rows = connection.execute(_OPEN_GAPS, {"low": min(wanted)[0], "high": max(wanted)[0] + 1, "scan": scan_id})
    return {(address, asset) for address, asset in rows} & wanted


def _end_gaps(connection: Connection, scan_id: int, reads: Rows) -> Totals:
    """Readings that were unread are read: what that adds to the totals."""
    rich = {key[0] for key, row in reads.items() if row[2] != "0"}
    before = sum(scans.funded(connection, scan_id, address, address + 1) for address in rich)
    put(connection, scan_id, reads, [(address, address + 1) for address in {key[0] for key in reads}])
    executemany(connection, _END_GAP, reads)
    after = sum(scans.funded(connection, scan_id, address, address + 1) for address in rich)
    return Totals(len(reads), -len(reads), after - before)


def _sources(connection: Connection) -> Iterable[tuple[str, int]]:
    return [(row.name, row.id) for row in connection.execute(_SOURCES)]


class AssetIds(dict[Asset, int]):
    """The ids of a scan's assets, found however their contract is written."""

    def __init__(self, ids: dict[Asset, int], scan_id: int) -> None:
        super().__init__(ids)
        self._scan_id = scan_id

    def __missing__(self, asset: Asset) -> int:
        found = self.get(registry.normal(asset))
        if found is None:
            raise StoreError(
                f"scan {self._scan_id} does not read this {asset.symbol} of {asset.chain}: its contract or decimals have"
                " changed since the scan began; begin a new one with: hdscan scan --restart"
            )
        self[asset] = found
        return found


class SourceIds(dict[str, int]):
    """The ids of sources, given when first named."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(_sources(connection))
        self._connection = connection

    def __missing__(self, name: str) -> int:
        self._connection.execute(_ADD_SOURCE, {"name": name})
        self.update(_sources(self._connection))
        return self[name]
