"""A scan's records: its plan in chunks, the totals per chain, what is pending and what stayed unread."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection, Row, text

from hdscan.model.address import Address
from hdscan.model.audit import AuditPlan
from hdscan.model.chain import Asset
from hdscan.model.errors import StoreError
from hdscan.model.events import TokenError
from hdscan.model.scan import ChainPlan, ChainScan, Chunk, ScanRecord, Status
from hdscan.model.times import rfc3339
from hdscan.store import registry
from hdscan.store.database import executemany
from hdscan.store.span import span

_BEGIN = text("INSERT INTO scan (began_at) VALUES (:now) RETURNING id")
_PLAN = text("""
    INSERT INTO scan_chain
        (scan_id, chain, status, assets, addresses, readings, read, unread, funded, seconds, requests, updated_at)
    VALUES (:scan, :chain, :status, :assets, :addresses, :readings, 0, 0, 0, 0, 0, :now)
""")
_CHUNK = text("INSERT INTO chunk (scan_id, chain, seq, first, stop) VALUES (:scan, :chain, :seq, :first, :stop)")
_FORGET_CHUNKS = text("DELETE FROM chunk WHERE chain = :chain AND scan_id < :scan")
_COLUMNS = "scan_id, chain, status, assets, addresses, readings, read, unread, funded, seconds, requests, error"
_LATEST = text(f"SELECT {_COLUMNS} FROM scan_chain WHERE chain = :chain ORDER BY scan_id DESC LIMIT 1")  # noqa: S608 own constant
_SCAN = text(f"SELECT {_COLUMNS} FROM scan_chain WHERE scan_id = :scan ORDER BY chain")  # noqa: S608 own constant
_RECORDS = text("SELECT id, began_at FROM scan WHERE id < :before ORDER BY id DESC LIMIT :limit")
_LAST = text("SELECT max(id) FROM scan")
_PENDING = text("""
    SELECT seq, first, stop FROM chunk
    WHERE scan_id = :scan AND chain = :chain AND seq > :after AND done_at IS NULL ORDER BY seq LIMIT :limit
""")
_STATUS = text(f"""
    UPDATE scan_chain SET status = :status, error = :error, updated_at = :now
    WHERE scan_id = :scan AND chain = :chain RETURNING {_COLUMNS}
""")  # noqa: S608 own constant
_ADD_TOTALS = text(f"""
    UPDATE scan_chain SET read = read + :read, unread = unread + :unread, funded = funded + :funded,
        seconds = seconds + :seconds, requests = requests + :requests, updated_at = :now
    WHERE scan_id = :scan AND chain = :chain RETURNING {_COLUMNS}
""")  # noqa: S608 own constant
# row values alone would find the place in the key only by scanning
_GAPS = text("""
    SELECT a.id, a.text, a.path, t.symbol FROM gap g
    JOIN address a ON a.id = g.address_id JOIN asset t ON t.id = g.asset_id
    WHERE g.address_id >= :low AND g.address_id < :high AND g.scan_id = :scan
        AND (g.address_id > :low OR t.symbol > :symbol)
    ORDER BY g.address_id, t.symbol LIMIT :limit
""")
_READ = text("""
    SELECT a.id, a.text, a.path, t.symbol FROM balance b
    JOIN address a ON a.id = b.address_id JOIN asset t ON t.id = b.asset_id
    WHERE b.address_id >= :low AND b.address_id < :high AND b.scan_id = :scan LIMIT 1
""")
# of the gaps of a token the last one tells why
_TOKEN_ERRORS = text("""
    SELECT t.symbol, g.error, g.code, n.addresses, g.providers FROM (
        SELECT asset_id, count(*) AS addresses, max(address_id) AS last FROM gap
        WHERE address_id >= :low AND address_id < :high AND scan_id = :scan GROUP BY asset_id
    ) n JOIN gap g ON g.address_id = n.last AND g.asset_id = n.asset_id JOIN asset t ON t.id = n.asset_id
    WHERE t.contract <> '' ORDER BY t.id
""")
_RANGES = text("""
    SELECT first, stop, done_at IS NOT NULL FROM chunk
    WHERE scan_id = :scan AND chain = :chain AND first < :stop AND stop > :first ORDER BY seq
""")
_FUNDED = text("""
    SELECT count(DISTINCT b.address_id) FROM balance b
    WHERE b.address_id >= :low AND b.address_id < :high AND b.scan_id = :scan AND b.amount <> '0'
        AND NOT EXISTS (SELECT 1 FROM gap g WHERE g.address_id = b.address_id AND g.asset_id = b.asset_id)
""")
_COUNT_DISPUTES = text("SELECT count(*) FROM dispute WHERE address_id >= :low AND address_id < :high AND scan_id = :scan")
_AUDITS = text("SELECT scan_id, chain, percent, audited, disputed, unaudited FROM scan_audit WHERE scan_id = :scan")
_PLAN_AUDIT = text("""
    INSERT INTO scan_audit (scan_id, chain, percent, seed, audited, disputed, unaudited)
    VALUES (:scan, :chain, :percent, :seed, 0, 0, 0) ON CONFLICT (scan_id, chain) DO UPDATE SET percent = excluded.percent
""")
_AUDIT = text("SELECT percent, seed FROM scan_audit WHERE scan_id = :scan AND chain = :chain")
_FORGET_ATTEMPTS = text("DELETE FROM attempt WHERE address_id >= :low AND address_id < :high")
_COUNT_GAPS = text("SELECT count(*) FROM gap WHERE address_id >= :low AND address_id < :high AND scan_id = :scan")


class Totals(msgspec.Struct, frozen=True):
    """Counts of readings (`read`, `unread`) and of addresses (`funded`), or what is to be added to them."""

    read: int = 0
    unread: int = 0
    funded: int = 0

    def __sub__(self, other: "Totals") -> "Totals":
        return Totals(self.read - other.read, self.unread - other.unread, self.funded - other.funded)


def begin(connection: Connection, plans: Sequence[ChainPlan], current: Mapping[int, Asset], now: float) -> int:
    """Write down a new scan with all its chunks; the chunks of the chains' earlier scans are forgotten."""
    scan_id: int = connection.execute(_BEGIN, {"now": now}).scalar_one()
    for plan in plans:
        number = registry.chain_number(connection, plan.chain)
        assets = [registry.asset_of_symbol(current, plan.chain, symbol) for symbol in plan.assets]
        row = {"scan": scan_id, "chain": number, "status": Status.RUNNING.value, "assets": msgspec.json.encode(assets).decode()}
        connection.execute(_PLAN, row | {"addresses": plan.addresses, "readings": plan.addresses * len(assets), "now": now})
        connection.execute(_FORGET_CHUNKS, {"chain": number, "scan": scan_id})
        low, high = span(number)
        connection.execute(_FORGET_ATTEMPTS, {"low": low, "high": high})
        if plan.audit is not None:
            plan_audit(connection, scan_id, plan.chain, plan.audit)
        firsts = range(0, plan.addresses, plan.chunk)
        stops = (min(first + plan.chunk, plan.addresses) for first in firsts)
        executemany(
            connection, _CHUNK, [(scan_id, number, seq, *ends) for seq, ends in enumerate(zip(firsts, stops, strict=True))]
        )
    return scan_id


def plan_audit(connection: Connection, scan_id: int, chain: str, plan: AuditPlan) -> None:
    """Have a chain's scan audited; the seed of an earlier plan stays, so that the same zeros are chosen."""
    number = registry.chain_number(connection, chain)
    connection.execute(_PLAN_AUDIT, {"scan": scan_id, "chain": number} | msgspec.structs.asdict(plan))


def audit_of(connection: Connection, scan_id: int, chain: str) -> AuditPlan | None:
    """How a chain's scan is to be audited, or None."""
    row = connection.execute(_AUDIT, {"scan": scan_id, "chain": registry.chain_number(connection, chain)}).first()
    return None if row is None else AuditPlan(row.percent, row.seed)


def latest(connection: Connection, chain: str) -> ChainScan | None:
    """A chain in the last scan that had it."""
    number = registry.chain_numbers(connection).get(chain)
    rows = connection.execute(_LATEST, {"chain": number}).all()
    return _records(connection, rows)[0] if rows else None


def every_chain(connection: Connection, scan_id: int) -> tuple[ChainScan, ...]:
    """All chains of a scan."""
    return _records(connection, connection.execute(_SCAN, {"scan": scan_id}).all())


def records(connection: Connection, before: int, limit: int) -> list[ScanRecord]:
    """At most `limit` scans with a lower id than `before`, newest first."""
    found = connection.execute(_RECORDS, {"before": before, "limit": limit}).all()
    return [ScanRecord(row.id, rfc3339(row.began_at), every_chain(connection, row.id)) for row in found]


def last_id(connection: Connection) -> int | None:
    """The newest scan."""
    found: int | None = connection.execute(_LAST).scalar()
    return found


def pending(connection: Connection, scan_id: int, chain: str, after_seq: int, limit: int) -> list[Chunk]:
    """Chunks that are not done."""
    number = registry.chain_number(connection, chain)
    rows = connection.execute(_PENDING, {"scan": scan_id, "chain": number, "after": after_seq, "limit": limit})
    return [Chunk(*row) for row in rows]


def set_status(connection: Connection, scan_id: int, chain: str, status: Status, *, error: str | None, now: float) -> ChainScan:
    """Change a chain's status and error."""
    number = registry.chain_number(connection, chain)
    values = {"scan": scan_id, "chain": number, "status": status.value, "error": error, "now": now}
    return _only(_records(connection, connection.execute(_STATUS, values).all()), scan_id, chain)


def add_totals(
    connection: Connection, scan_id: int, chain: str, more: Totals, *, now: float, seconds: float, requests: int
) -> ChainScan:
    """Move a chain's totals; the new ones."""
    number = registry.chain_number(connection, chain)
    values = {"scan": scan_id, "chain": number, "now": now, "seconds": seconds, "requests": requests}
    rows = connection.execute(_ADD_TOTALS, values | msgspec.structs.asdict(more)).all()
    return _only(_records(connection, rows), scan_id, chain)


def gaps(
    connection: Connection, scan_id: int, chain: str, after: tuple[int, str] | None, limit: int
) -> list[tuple[Address, str]]:
    """Unread readings in the order of (index, symbol), after the one given."""
    low, high = span(registry.chain_number(connection, chain))
    index, symbol = after or (0, "")
    values = {"low": low + index, "high": high, "symbol": symbol, "scan": scan_id, "limit": limit}
    rows = connection.execute(_GAPS, values)
    return [(Address(chain, key - low, address, path), symbol) for key, address, path, symbol in rows]


def any_reading(connection: Connection, scan_id: int, chain: str) -> tuple[Address, str] | None:
    """A reading that a scan could make, if there is one."""
    low, high = span(registry.chain_number(connection, chain))
    row = connection.execute(_READ, {"low": low, "high": high, "scan": scan_id}).first()
    return None if row is None else (Address(chain, row.id - low, row.text, row.path), row.symbol)


def token_errors(connection: Connection, scan_id: int, chain: str) -> list[TokenError]:
    """The tokens of which a scan has unread readings: how many, and why."""
    low, high = span(registry.chain_number(connection, chain))
    rows = connection.execute(_TOKEN_ERRORS, {"low": low, "high": high, "scan": scan_id})
    return [
        TokenError(chain, symbol, error, code, count, msgspec.json.decode(providers, type=dict[str, str]))
        for symbol, error, code, count, providers in rows
    ]


def scan_assets(connection: Connection, scan_id: int, chain: str) -> dict[int, Asset]:
    """The assets that a scan reads of a chain, by id."""
    number = registry.chain_number(connection, chain)
    query = text("SELECT assets FROM scan_chain WHERE scan_id = :scan AND chain = :chain")
    ids: str | None = connection.execute(query, {"scan": scan_id, "chain": number}).scalar()
    if ids is None:
        raise StoreError(f"there is no scan {scan_id} of {chain} in the database")
    known = registry.assets(connection)
    return {key: known[key] for key in msgspec.json.decode(ids, type=list[int])}


def ranges(connection: Connection, scan_id: int, number: int, first: int, stop: int, *, done: bool) -> list[tuple[int, int]]:
    """The parts of `first` <= index < `stop` whose chunks are done (or are not), neighbours made one."""
    found: list[tuple[int, int]] = []
    values = {"scan": scan_id, "chain": number, "first": first, "stop": stop}
    for here, there, is_done in connection.execute(_RANGES, values):
        if bool(is_done) is done:
            since = found.pop()[0] if found and found[-1][1] == here else here
            found.append((since, there))
    return found


def funded(connection: Connection, scan_id: int, low: int, high: int) -> int:
    """On how many addresses (ids from `low` to before `high`) the scan read an amount above zero."""
    count: int = connection.execute(_FUNDED, {"scan": scan_id, "low": low, "high": high}).scalar_one()
    return count


def recount(connection: Connection, scan_id: int, chain: str) -> Totals:
    """The totals as the rows tell them: what the stored totals must equal after every commit."""
    number = registry.chain_number(connection, chain)
    low, high = span(number)
    done = ranges(connection, scan_id, number, 0, high - low, done=True)
    ended = sum(stop - first for first, stop in done) * len(scan_assets(connection, scan_id, chain))
    unread: int = connection.execute(_COUNT_GAPS, {"scan": scan_id, "low": low, "high": high}).scalar_one()
    disputed: int = connection.execute(_COUNT_DISPUTES, {"scan": scan_id, "low": low, "high": high}).scalar_one()
    rich = sum(funded(connection, scan_id, low + first, low + stop) for first, stop in done)
    return Totals(ended - unread - disputed, unread, rich)


def totals_of(record: ChainScan) -> Totals:
    """The totals that a record states."""
    return Totals(record.read, record.unread, record.funded)


def _records(connection: Connection, rows: Sequence[Row[tuple[object, ...]]]) -> tuple[ChainScan, ...]:
    chains = {number: chain for chain, number in registry.chain_numbers(connection).items()}
    known = registry.assets(connection)
    audits = {
        (each.scan_id, each.chain): {
            "audit": each.percent,
            "audited": each.audited,
            "disputed": each.disputed,
            "unaudited": each.unaudited,
        }
        for scan_id in {row.scan_id for row in rows}
        for each in connection.execute(_AUDITS, {"scan": scan_id})
    }
    return tuple(
        msgspec.convert(
            {
                **row._asdict(),
                **audits.get((row.scan_id, row.chain), {}),
                "chain": chains[row.chain],
                "assets": tuple(known[key].symbol for key in msgspec.json.decode(row.assets, type=list[int])),
            },
            ChainScan,
        )
        for row in rows
    )


def _only(records: tuple[ChainScan, ...], scan_id: int, chain: str) -> ChainScan:
    if not records:
        raise StoreError(f"there is no scan {scan_id} of {chain} in the database")
    return records[0]
