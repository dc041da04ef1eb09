"""What is doubted: audits and what they found, disputes, and answers that are taken back. Each function is one transaction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, text

from hdscan.model.address import Address
from hdscan.model.audit import Audited, AuditOutcome
from hdscan.model.errors import ReadCode
from hdscan.model.reading import Balance
from hdscan.model.scan import Answer, ChainScan, disagreement
from hdscan.model.times import rfc3339
from hdscan.store import attempts, registry, scans
from hdscan.store.commits import AssetIds, Key, SourceIds, balance_values, put
from hdscan.store.database import executemany
from hdscan.store.scans import Totals
from hdscan.store.span import span

_WHERE = "address_id >= :low AND address_id < :high"
_DUE = text("""
    SELECT a.id, a.text, a.path, t.id AS asset_id, t.symbol, b.amount, b.unconfirmed, b.height, b.observed_at, s.name
    FROM balance b CROSS JOIN address a ON a.id = b.address_id JOIN asset t ON t.id = b.asset_id
    JOIN source s ON s.id = b.source_id
    LEFT JOIN audit u ON u.address_id = b.address_id AND u.asset_id = b.asset_id AND u.scan_id = b.scan_id
        AND u.observed_at = b.observed_at AND u.outcome <> 'unaudited'
    WHERE b.address_id >= :low AND b.address_id < :high AND b.scan_id = :scan AND u.address_id IS NULL
        AND (b.address_id > :low OR b.asset_id > :asset) AND (:zeros OR b.amount <> '0' OR b.unconfirmed <> '0')
    ORDER BY b.address_id, b.asset_id LIMIT :limit
""")
_DISPUTED = text("""
    SELECT a.id, a.text, a.path, t.id AS asset_id, t.symbol, d.answers
    FROM dispute d CROSS JOIN address a ON a.id = d.address_id JOIN asset t ON t.id = d.asset_id
    WHERE d.address_id >= :low AND d.address_id < :high AND d.scan_id = :scan
        AND (d.address_id > :low OR d.asset_id > :asset)
    ORDER BY d.address_id, d.asset_id LIMIT :limit
""")
_OUTCOMES = text(f"SELECT address_id, asset_id, outcome FROM audit WHERE {_WHERE} AND scan_id = :scan")  # noqa: S608 own constant
_DISPUTES = text(f"SELECT address_id, asset_id, answers FROM dispute WHERE {_WHERE} AND scan_id = :scan")  # noqa: S608 own constant
_PUT_AUDIT = text("""
    INSERT INTO audit (address_id, asset_id, scan_id, outcome, observed_at, error, answers)
    VALUES (:address, :asset, :scan, :outcome, :observed_at, :error, :answers)
    ON CONFLICT (address_id, asset_id) DO UPDATE SET scan_id = excluded.scan_id, outcome = excluded.outcome,
        observed_at = excluded.observed_at, error = excluded.error, answers = excluded.answers
""")
_PUT_DISPUTE = text("""
    INSERT INTO dispute (address_id, asset_id, scan_id, answers) VALUES (:address, :asset, :scan, :answers)
    ON CONFLICT (address_id, asset_id) DO UPDATE SET scan_id = excluded.scan_id, answers = excluded.answers
""")
_DROP_BALANCE = text("DELETE FROM balance WHERE address_id = :address AND asset_id = :asset")
_COUNT = text("""
    UPDATE scan_audit SET audited = audited + :audited, disputed = disputed + :disputed, unaudited = unaudited + :unaudited
    WHERE scan_id = :scan AND chain = :chain
""")
_RECOUNT = text(f"""
    UPDATE scan_audit SET
        audited = (SELECT count(*) FROM audit WHERE {_WHERE} AND scan_id = :scan AND outcome <> 'unaudited'),
        unaudited = (SELECT count(*) FROM audit WHERE {_WHERE} AND scan_id = :scan AND outcome = 'unaudited'),
        disputed = (SELECT count(*) FROM dispute WHERE {_WHERE} AND scan_id = :scan)
    WHERE scan_id = :scan AND chain = :chain
""")  # noqa: S608 own constant

_DOUBTED = """balance.address_id >= :low AND balance.address_id < :high AND balance.scan_id = :scan
    AND balance.source_id = :source AND (:height IS NULL OR balance.height IS NULL OR balance.height >= :height)"""
_DOUBT = text(f"""
    INSERT INTO gap (address_id, asset_id, scan_id, code, error, attempts, providers)
    SELECT address_id, asset_id, :scan, :code, :error, 1, :providers FROM balance WHERE {_DOUBTED}
    ON CONFLICT (address_id, asset_id) DO UPDATE SET scan_id = excluded.scan_id, code = excluded.code,
        error = excluded.error, attempts = gap.attempts + 1, providers = excluded.providers
""")  # noqa: S608 own constant
_FORGET_AUDITS = text(f"""
    DELETE FROM audit WHERE {_WHERE} AND EXISTS (
        SELECT 1 FROM balance WHERE balance.address_id = audit.address_id AND balance.asset_id = audit.asset_id AND {_DOUBTED}
    )
""")  # noqa: S608 own constant
_FORGET_VOTES = text(f"DELETE FROM audit WHERE {_WHERE} AND scan_id = :scan AND answers LIKE :said")  # noqa: S608 own constant
_UNCOUNT = text(f"UPDATE gap SET scan_id = NULL WHERE {_WHERE} AND scan_id = :scan")  # noqa: S608 own constant
_PUT_BACK = text(f"""
    UPDATE balance SET amount = e.amount, unconfirmed = e.unconfirmed, height = e.height, observed_at = e.observed_at,
        source_id = e.source_id, scan_id = e.scan_id
    FROM earlier AS e WHERE e.address_id = balance.address_id AND e.asset_id = balance.asset_id AND {_DOUBTED}
""")  # noqa: S608 own constant
_DROP = text(f"DELETE FROM balance WHERE {_DOUBTED}")  # noqa: S608 own constant
_DOUBT_DISPUTE = text("""
    INSERT INTO gap (address_id, asset_id, scan_id, code, error, attempts, providers)
    VALUES (:address, :asset, :scan, :code, :error, 1, :providers)
    ON CONFLICT (address_id, asset_id) DO UPDATE SET scan_id = excluded.scan_id, code = excluded.code,
        error = excluded.error, attempts = gap.attempts + 1, providers = excluded.providers
""")
_RESTORE = text("""
    INSERT INTO balance (address_id, asset_id, amount, unconfirmed, height, observed_at, source_id, scan_id)
    SELECT address_id, asset_id, amount, unconfirmed, height, observed_at, source_id, scan_id FROM earlier
    WHERE address_id = :address AND asset_id = :asset
""")
_END_DISPUTE = text("DELETE FROM dispute WHERE address_id = :address AND asset_id = :asset")
_END_AUDIT = text("DELETE FROM audit WHERE address_id = :address AND asset_id = :asset")


class _Said(msgspec.Struct, frozen=True):
    """An answer as it is stored: amounts as text, since they pass every integer; unix seconds."""

    source: str
    amount: str
    unconfirmed: str | None
    height: int | None
    observed_at: float


class Due(msgspec.Struct, frozen=True):
    """A reading that may be audited; `key` is what the next page begins after."""

    key: tuple[int, int]
    address: Address
    symbol: str
    balance: Balance


def answers(stored: str) -> tuple[Answer, ...]:
    """Stored answers as they are shown."""
    return tuple(
        Answer(said.source, said.amount, said.unconfirmed, said.height, rfc3339(said.observed_at)) for said in _decoded(stored)
    )


def error_of(stored: str) -> str:
    """Stored answers that differ, in a sentence."""
    return disagreement(answers(stored))


# -- what is to be audited


def due(
    connection: Connection, scan_id: int, chain: str, after: tuple[int, int] | None, limit: int, *, zeros: bool
) -> list[Due]:
    """Readings that the scan made and nobody has audited since, in order, without `zeros` only what is above zero."""
    found = []
    low, values = _page(connection, scan_id, chain, after, limit)
    for row in connection.execute(_DUE, values | {"zeros": zeros}):
        pending = None if row.unconfirmed is None else int(row.unconfirmed)
        said = Balance(int(row.amount), pending, row.height, row.observed_at, row.name)
        found.append(_due(chain, low, row, said))
    return found


def disputed(connection: Connection, scan_id: int, chain: str, after: tuple[int, int] | None, limit: int) -> list[Due]:
    """Readings that the scan left disputed, in order, with the first answer."""
    low, values = _page(connection, scan_id, chain, after, limit)
    return [_due(chain, low, row, _balance(_decoded(row.answers)[0])) for row in connection.execute(_DISPUTED, values)]


def _page(
    connection: Connection, scan_id: int, chain: str, after: tuple[int, int] | None, limit: int
) -> tuple[int, dict[str, Any]]:
    low, high = span(registry.chain_number(connection, chain))
    index, asset = after or (0, 0)
    return low, {"low": low + index, "high": high, "asset": asset, "scan": scan_id, "limit": limit}


def _due(chain: str, low: int, row: Any, said: Balance) -> Due:
    index = row.id - low
    return Due((index, row.asset_id), Address(chain, index, row.text, row.path), row.symbol, said)


# -- what an audit found


def audited(
    connection: Connection,
    scan_id: int,
    chain: str,
    found: Sequence[Audited],
    *,
    now: float,
    seconds: float,
    requests: int,
) -> ChainScan:
    """Amounts that moved or were corrected, disputes, and how each audit ended; the totals."""
    number = registry.chain_number(connection, chain)
    low, _ = span(number)
    asset_ids = AssetIds({asset: key for key, asset in scans.scan_assets(connection, scan_id, chain).items()}, scan_id)
    by_key = {(low + each.reading.index, asset_ids[each.reading.asset]): each for each in found}
    before = set(_of_scan(connection, _DISPUTES, scan_id, by_key))
    outcomes = _of_scan(connection, _OUTCOMES, scan_id, by_key)
    gone = {key for key, each in by_key.items() if each.amount is None}
    names = SourceIds(connection)
    new: dict[Key, tuple[Any, ...]] = {}
    for key, each in by_key.items():
        if each.amount is not None and _is_news(each, was_disputed=key in before):
            new[key] = balance_values(key, each.amount, names[each.amount.source], scan_id)
    touched = {key[0] for key in {*new, *gone}}
    funded = -sum(scans.funded(connection, scan_id, address, address + 1) for address in touched)
    put(connection, scan_id, new, [(address, address + 1) for address in {key[0] for key in new}])
    executemany(connection, _DROP_BALANCE, gone)
    executemany(connection, _PUT_DISPUTE, [(*key, scan_id, _encoded(by_key[key].answers)) for key in gone])
    executemany(connection, _PUT_AUDIT, [_row(key, each, scan_id) for key, each in by_key.items()])
    attempts.keep(connection, scan_id, chain, {key: each.failed for key, each in by_key.items() if each.failed})
    funded += sum(scans.funded(connection, scan_id, address, address + 1) for address in touched)
    disputes = len(gone - before) - len(before & new.keys())
    counts = {"audited": _answered(by_key) - _answered(outcomes), "unaudited": _silent(by_key) - _silent(outcomes)}
    connection.execute(_COUNT, counts | {"disputed": disputes, "scan": scan_id, "chain": number})
    more = Totals(-disputes, 0, funded)
    return scans.add_totals(connection, scan_id, chain, more, now=now, seconds=seconds, requests=requests)


def _is_news(each: Audited, *, was_disputed: bool) -> bool:
    """Whether another amount is to be stored than the scan has stored; nobody's answer to a disputed one decides nothing."""
    if each.outcome is AuditOutcome.UNAUDITED:
        return False
    return was_disputed or each.outcome in (AuditOutcome.MOVED, AuditOutcome.CORRECTED)


def _of_scan(connection: Connection, statement: Any, scan_id: int, keys: Iterable[Key]) -> dict[Key, str]:
    """What a scan has on record of these readings."""
    wanted = set(keys)
    if not wanted:
        return {}
    bounds = {"low": min(wanted)[0], "high": max(wanted)[0] + 1, "scan": scan_id}
    return {(row[0], row[1]): row[2] for row in connection.execute(statement, bounds) if (row[0], row[1]) in wanted}


def _row(key: Key, each: Audited, scan_id: int) -> tuple[Any, ...]:
    at = None if each.amount is None else each.amount.observed_at
    if each.amount is not None and each.outcome is AuditOutcome.CONFIRMED:
        at = each.answers[0].observed_at  # which is what stands in the store
    return (*key, scan_id, each.outcome.value, at, each.error, _encoded(each.answers))


def _answered(outcomes: Mapping[Key, Audited | str]) -> int:
    return len(outcomes) - _silent(outcomes)


def _silent(outcomes: Mapping[Key, Audited | str]) -> int:
    found = (each.outcome if isinstance(each, Audited) else each for each in outcomes.values())
    return sum(outcome == AuditOutcome.UNAUDITED for outcome in found)


# -- what is taken back


def retract(
    connection: Connection,
    scan_id: int,
    chain: str,
    *,
    source: str,
    height: int | None,
    code: ReadCode,
    error: str,
    now: float,
) -> int:
    """Take back what a source said in a scan, or of that what is from a height on; what was known before comes back."""
    number = registry.chain_number(connection, chain)
    low, high = span(number)
    doubted = {"low": low, "high": high, "scan": scan_id, "source": SourceIds(connection).get(source), "height": height}
    providers = msgspec.json.encode({source: error}).decode()
    why = {"code": code.value, "error": error, "providers": providers}
    before = scans.recount(connection, scan_id, chain)
    count = connection.execute(_DOUBT, doubted | why).rowcount
    disputes = list(_doubted_disputes(connection, doubted, source, height))
    executemany(connection, _DOUBT_DISPUTE, [(*key, scan_id, code.value, error, providers) for key in disputes])
    for first, stop in scans.ranges(connection, scan_id, number, 0, high - low, done=False):
        connection.execute(_UNCOUNT, {"low": low + first, "high": low + stop, "scan": scan_id})
    connection.execute(_FORGET_AUDITS, doubted)
    # what it confirmed is as good as not audited
    connection.execute(_FORGET_VOTES, doubted | {"said": f"%{msgspec.json.encode(source).decode()}%"})
    connection.execute(_PUT_BACK, doubted)
    connection.execute(_DROP, doubted)
    for statement in (_RESTORE, _END_DISPUTE, _END_AUDIT):
        executemany(connection, statement, disputes)
    connection.execute(_RECOUNT, doubted | {"chain": number})
    more = scans.recount(connection, scan_id, chain) - before
    scans.add_totals(connection, scan_id, chain, more, now=now, seconds=0.0, requests=0)
    return count + len(disputes)


def _doubted_disputes(connection: Connection, doubted: Mapping[str, Any], source: str, height: int | None) -> Iterator[Key]:
    bounds = {name: doubted[name] for name in ("low", "high", "scan")}
    for address, asset, stored in connection.execute(_DISPUTES, bounds):
        for said in _decoded(stored):
            if said.source == source and (height is None or said.height is None or said.height >= height):
                yield address, asset
                break


# -- answers at rest


def _encoded(said: Iterable[Balance]) -> str:
    kept = [
        _Said(b.source, str(b.amount), None if b.unconfirmed is None else str(b.unconfirmed), b.height, b.observed_at)
        for b in said
    ]
    return msgspec.json.encode(kept).decode()


def _decoded(stored: str) -> list[_Said]:
    return msgspec.json.decode(stored, type=list[_Said])


def _balance(said: _Said) -> Balance:
    pending = None if said.unconfirmed is None else int(said.unconfirmed)
    return Balance(int(said.amount), pending, said.height, said.observed_at, said.source)
