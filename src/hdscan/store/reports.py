"""What is known, as rows and sums: never a zero that was not read."""

from collections.abc import Iterator, Mapping
from itertools import chain as joined

import msgspec
from sqlalchemy import Connection, bindparam, text

from hdscan.model.chain import Asset
from hdscan.model.scan import AssetTotal, BalanceRow, BalanceState, Gap
from hdscan.store import addresses, registry
from hdscan.store.schema import span
from hdscan.store.times import rfc3339

PAGE = 2000  # rows held at once

_BALANCES = text("""
    SELECT a.id, a.text, a.path, t.id, b.amount, b.unconfirmed, b.height, b.observed_at, b.source_id, g.error
    FROM address a CROSS JOIN asset t
    LEFT JOIN balance b ON b.address_id = a.id AND b.asset_id = t.id
    LEFT JOIN gap g ON g.address_id = a.id AND g.asset_id = t.id
    WHERE a.id >= :low AND a.id < :high AND t.id IN :assets ORDER BY a.id, t.id
""").bindparams(bindparam("assets", expanding=True))
_FUNDED = text("""
    SELECT a.id, a.text, a.path, b.asset_id, b.amount, b.unconfirmed, b.height, b.observed_at, b.source_id, g.error
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
_KNOWN = text(
    "SELECT count(*), count(unconfirmed) FROM balance WHERE address_id >= :low AND address_id < :high AND asset_id = :asset"
)
_STALE = text("""
    SELECT g.asset_id, count(*), count(b.unconfirmed) FROM gap g
    JOIN balance b ON b.address_id = g.address_id AND b.asset_id = g.asset_id
    WHERE g.address_id >= :low AND g.address_id < :high GROUP BY g.asset_id
""")
_AMOUNTS = text("""
    SELECT b.asset_id, b.amount, b.unconfirmed, g.address_id IS NOT NULL FROM balance b
    LEFT JOIN gap g ON g.address_id = b.address_id AND g.asset_id = b.asset_id
    WHERE b.address_id >= :low AND b.address_id < :high AND (b.amount <> '0' OR b.unconfirmed <> '0')
""")


class _Chain(msgspec.Struct, frozen=True):
    """A chain that is asked about: its assets by id, and the bounds of its address ids."""

    id: str
    assets: Mapping[int, Asset]
    low: int
    high: int

    @property
    def bounds(self) -> dict[str, int]:
        return {"low": self.low, "high": self.high}


def _chosen(connection: Connection, current: Mapping[int, Asset], chain: str | None, asset: str | None) -> Iterator[_Chain]:
    for name, number in registry.chain_numbers(connection).items():
        chosen = {
            key: each
            for key, each in current.items()
            if each.chain == name and chain in (None, name) and (asset is None or each.symbol.upper() == asset.upper())
        }
        if chosen:
            yield _Chain(name, chosen, *span(number))


def balances(
    connection: Connection, current: Mapping[int, Asset], chain: str | None, asset: str | None, funded: bool
) -> Iterator[BalanceRow]:
    """Every address and current asset (with `funded` those whose known amount is above zero), streamed."""
    sources: dict[int, str] = {row.id: row.name for row in connection.execute(_SOURCES)}
    for part in _chosen(connection, current, chain, asset):
        query = (_FUNDED if funded else _BALANCES).execution_options(yield_per=PAGE)
        result = connection.execute(query, part.bounds | {"assets": list(part.assets)})
        for row in joined.from_iterable(result.partitions()):
            key, address, path, asset_id, amount, unconfirmed, height, observed_at, source, error = row
            known = BalanceState.READ if error is None else BalanceState.STALE
            yield BalanceRow(
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
                source=sources.get(source),
                state=BalanceState.UNREAD if amount is None else known,
                error=error,
            )


def gaps(connection: Connection, current: Mapping[int, Asset], chain: str | None) -> Iterator[Gap]:
    """Every reading that its last scan could not make, streamed."""
    for part in _chosen(connection, current, chain, None):
        query = _GAPS.execution_options(yield_per=PAGE)
        for key, address, asset_id, code, error, attempts, providers in connection.execute(
            query, part.bounds | {"assets": list(part.assets)}
        ):
            named = msgspec.json.decode(providers, type=dict[str, str])
            yield Gap(part.id, key - part.low, address, part.assets[asset_id].symbol, code, error, attempts, named)


def totals(connection: Connection, current: Mapping[int, Asset], chain: str | None, asset: str | None) -> list[AssetTotal]:
    """Exact sums per asset: summed here, since no database adds integers of 256 bits."""
    found: list[AssetTotal] = []
    for part in _chosen(connection, current, chain, asset):
        addressed = addresses.count(connection, part.id)
        stale = {row[0]: (row[1], row[2]) for row in connection.execute(_STALE, part.bounds)}
        sums = {key: _Sum() for key in part.assets}
        for asset_id, amount, unconfirmed, is_stale in connection.execute(
            _AMOUNTS.execution_options(yield_per=PAGE), part.bounds
        ):
            if asset_id in sums:
                sums[asset_id].add(int(amount), int(unconfirmed or 0), stale=bool(is_stale))
        for key, each in part.assets.items():
            rows, pending = connection.execute(_KNOWN, part.bounds | {"asset": key}).one()
            stale_rows, stale_pending = stale.get(key, (0, 0))
            found.append(
                AssetTotal(
                    chain=part.id,
                    asset=each.symbol,
                    decimals=each.decimals,
                    amount=str(sums[key].amount) if rows > stale_rows else None,
                    unconfirmed=str(sums[key].unconfirmed) if pending > stale_pending else None,
                    stale_amount=str(sums[key].stale),
                    read=rows - stale_rows,
                    stale=stale_rows,
                    unread=addressed - rows,
                    funded=sums[key].funded if rows > stale_rows else None,
                )
            )
    return found


class _Sum:
    """An asset's sums so far, in base units; `funded` counts the read amounts above zero."""

    def __init__(self) -> None:
        self.amount = self.unconfirmed = self.stale = self.funded = 0

    def add(self, amount: int, unconfirmed: int, *, stale: bool) -> None:
        """Add a balance to where it belongs."""
        if stale:
            self.stale += amount
        else:
            self.amount += amount
            self.unconfirmed += unconfirmed
            self.funded += amount > 0
