"""What is known, as rows and sums: never a zero that was not read."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain as joined
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, text

from hdscan.model.chain import Asset
from hdscan.model.scan import AssetTotal, BalanceRow, BalanceState, Gap
from hdscan.model.times import rfc3339
from hdscan.store import addresses, doubts, registry
from hdscan.store.span import span

PAGE = 2000  # rows held at once

_BALANCES = text("""
    SELECT a.id, a.text, a.path, t.id, b.amount, b.unconfirmed, b.height, b.observed_at, b.source_id, g.error, d.answers
    FROM address a CROSS JOIN asset t
    LEFT JOIN balance b ON b.address_id = a.id AND b.asset_id = t.id
    LEFT JOIN gap g ON g.address_id = a.id AND g.asset_id = t.id
    LEFT JOIN dispute d ON d.address_id = a.id AND d.asset_id = t.id
    WHERE a.id >= :low AND a.id < :high AND t.id IN :assets ORDER BY a.id, t.id
""").bindparams(bindparam("assets", expanding=True))
_FUNDED = text("""
    SELECT a.id, a.text, a.path, b.asset_id, b.amount, b.unconfirmed, b.height, b.observed_at, b.source_id, g.error, NULL
    FROM balance b JOIN address a ON a.id = b.address_id
    LEFT JOIN gap g ON g.address_id = b.address_id AND g.asset_id = b.asset_id
    WHERE b.address_id >= :low AND b.address_id < :high AND b.asset_id IN :assets AND b.amount <> '0'
    ORDER BY b.address_id, b.asset_id
""").bindparams(bindparam("assets", expanding=True))
_GAPS = text("""
    SELECT a.id, a.text, g.asset_id, g.code, g.error, g.attempts, g.providers
    FROM gap g JOIN address a ON a.id = g.address_id
    WHERE g.address_id >= :low AND g.address_id < :high AND g.asset_id IN :assets ORDER BY g.address_id, g.asset_id
""").bindparams(bindparam("assets", expanding=True))
_SOURCES = text("SELECT id, name FROM source")
_COUNT = text("SELECT count(*) FROM balance WHERE address_id >= :low AND address_id < :high")
_GAPPED = text("""
    SELECT g.asset_id, b.amount FROM gap g
    LEFT JOIN balance b ON b.address_id = g.address_id AND b.asset_id = g.asset_id
    WHERE g.address_id >= :low AND g.address_id < :high
""")
# those with a gap too are counted apart: of an earlier scan, which the last one could not settle
_DISPUTED = text("""
    SELECT d.asset_id, count(*), count(g.address_id) FROM dispute d
    LEFT JOIN gap g ON g.address_id = d.address_id AND g.asset_id = d.asset_id
    WHERE d.address_id >= :low AND d.address_id < :high GROUP BY d.asset_id
""")
_AMOUNTS = text("SELECT amount FROM balance WHERE asset_id = :asset AND amount <> '0'")
# each amount once: most are "0"
_UNCONFIRMED = text("""
    SELECT b.unconfirmed, count(*) FROM balance b WHERE b.asset_id = :asset AND b.unconfirmed IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM gap g WHERE g.address_id = b.address_id AND g.asset_id = b.asset_id)
    GROUP BY b.unconfirmed
""")


class Part(msgspec.Struct, frozen=True):
    """A chain that is asked about: its assets by id, and the bounds of its address ids."""

    id: str
    assets: Mapping[int, Asset]
    low: int
    high: int

    @property
    def bounds(self) -> dict[str, int]:
        """The first of its address ids, and the one after the last, as values of a statement."""
        return {"low": self.low, "high": self.high}


def chosen(connection: Connection, current: Mapping[int, Asset], chain: str | None, asset: str | None) -> Iterator[Part]:
    """The chains of which a report tells, in order of registration, with those of their current assets that are asked about."""
    for name, number in registry.chain_numbers(connection).items():
        chosen = {
            key: each
            for key, each in current.items()
            if each.chain == name and chain in (None, name) and (asset is None or each.symbol.upper() == asset.upper())
        }
        if chosen:
            yield Part(name, chosen, *span(number))


def balances(
    connection: Connection, current: Mapping[int, Asset], chain: str | None, asset: str | None, funded: bool
) -> Iterator[BalanceRow]:
    """Every address and current asset (with `funded` those whose known amount is above zero), streamed."""
    names = sources(connection)
    for part in chosen(connection, current, chain, asset):
        query = (_FUNDED if funded else _BALANCES).execution_options(yield_per=PAGE)
        result = connection.execute(query, part.bounds | {"assets": list(part.assets)})
        for row in joined.from_iterable(result.partitions()):
            yield balance_row(part, names, row)


def rows_of(connection: Connection, part: Part, address: int) -> dict[int, BalanceRow]:
    """The rows of one address (by its id), by asset id."""
    names = sources(connection)
    values = {"low": address, "high": address + 1, "assets": list(part.assets)}
    return {row[3]: balance_row(part, names, row) for row in connection.execute(_BALANCES, values)}


def sources(connection: Connection) -> dict[int, str]:
    """The names of the providers that ever gave a balance, by id."""
    return {row.id: row.name for row in connection.execute(_SOURCES)}


def balance_row(part: Part, names: Mapping[int, str], row: Sequence[Any]) -> BalanceRow:
    """What is known of an address and asset: read, stale where there is a gap too; without an amount disputed or unread."""
    key, address, path, asset_id, amount, unconfirmed, height, observed_at, source, error, disputed = row
    if amount is not None:
        state = BalanceState.READ if error is None else BalanceState.STALE
    else:
        state = BalanceState.UNREAD if disputed is None else BalanceState.DISPUTED
    return BalanceRow(
        chain=part.id,
        index=key - part.low,
        path=path,
        address=address,
        asset=part.assets[asset_id].symbol,
        amount=amount,
        unconfirmed=unconfirmed,
        decimals=part.assets[asset_id].decimals,
        height=height,
        observed_at=None if observed_at is None else rfc3339(observed_at),
        source=names.get(source),
        state=state,
        error=doubts.error_of(disputed) if disputed is not None else error,
        answers=None if disputed is None else doubts.answers(disputed),
    )


def gaps(connection: Connection, current: Mapping[int, Asset], chain: str | None) -> Iterator[Gap]:
    """Every reading that its last scan could not make, streamed."""
    for part in chosen(connection, current, chain, None):
        query = _GAPS.execution_options(yield_per=PAGE)
        for row in connection.execute(query, part.bounds | {"assets": list(part.assets)}):
            yield gap(part, row)


def gap(part: Part, row: Sequence[Any]) -> Gap:
    """A reading that its last scan could not make."""
    key, address, asset_id, code, error, attempts, providers = row
    named = msgspec.json.decode(providers, type=dict[str, str])
    return Gap(part.id, key - part.low, address, part.assets[asset_id].symbol, code, error, attempts, named)


def totals(connection: Connection, current: Mapping[int, Asset], chain: str | None, asset: str | None) -> list[AssetTotal]:
    """Exact sums per asset: summed here, since no database adds integers of 256 bits."""
    found: list[AssetTotal] = []
    for part in chosen(connection, current, chain, asset):
        addressed = addresses.count(connection, part.id)
        gapped = _gapped(connection, part)
        disputed = {key: (count, gaps) for key, count, gaps in connection.execute(_DISPUTED, part.bounds)}
        known = _known(connection, part, addressed, gapped, sum(count - gaps for count, gaps in disputed.values()))
        for key, each in part.assets.items():
            stale = [int(amount) for amount in gapped[key] if amount is not None]
            amounts = [int(amount) for amount in connection.execute(_AMOUNTS, {"asset": key}).scalars()]
            unconfirmed = [int(amount) * count for amount, count in connection.execute(_UNCONFIRMED, {"asset": key})]
            read = known[key] - len(stale)
            doubted, _ = disputed.get(key, (0, 0))
            found.append(
                AssetTotal(
                    chain=part.id,
                    asset=each.symbol,
                    decimals=each.decimals,
                    amount=str(sum(amounts) - sum(stale)) if read else None,
                    unconfirmed=str(sum(unconfirmed)) if unconfirmed else None,
                    stale_amount=str(sum(stale)),
                    read=read,
                    stale=len(stale),
                    unread=addressed - known[key] - doubted,
                    funded=len(amounts) - sum(amount > 0 for amount in stale) if read else None,
                    disputed=doubted,
                )
            )
    return found


def _gapped(connection: Connection, part: Part) -> Mapping[int, list[str | None]]:
    """The amounts known from before of what the last scan could not read, by asset; None where there is none."""
    gapped: dict[int, list[str | None]] = defaultdict(list)
    for asset_id, amount in connection.execute(_GAPPED, part.bounds):
        gapped[asset_id].append(amount)
    return gapped


def _known(
    connection: Connection, part: Part, addressed: int, gapped: Mapping[int, list[str | None]], disputed: int
) -> Mapping[int, int]:
    """How many balances there are of each of a chain's current assets.

    Where every address has a balance or a gap of every asset that ever was registered, as after any whole scan, one plain
    count proves it, and the gaps tell the rest: less than half the time of counting by asset.
    """
    every = [key for key, each in registry.assets(connection).items() if each.chain == part.id]
    missing = {key: sum(amount is None for amount in gapped[key]) for key in every}
    rows: int = connection.execute(_COUNT, part.bounds).scalar_one()
    if not disputed and rows + sum(missing.values()) == addressed * len(every):
        return {key: addressed - missing[key] for key in part.assets}
    counts = ", ".join(f"count(*) FILTER (WHERE asset_id = {key:d})" for key in part.assets)
    query = f"SELECT {counts} FROM balance WHERE address_id >= :low AND address_id < :high"  # noqa: S608 numbers
    return dict(zip(part.assets, connection.execute(text(query), part.bounds).one(), strict=True))
