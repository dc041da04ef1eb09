"""Chains and assets: the numbers they go by in every other table, given once and never changed."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, text

from hdscan.model.chain import Asset, Chain
from hdscan.model.errors import StoreError

_CHAINS = text("SELECT id, number FROM chain ORDER BY number")
_ADD_CHAIN = text("INSERT INTO chain (number, id) VALUES (:number, :id)")
_ASSETS = text(
    "SELECT a.id, c.id AS chain, a.symbol, a.decimals, a.contract FROM asset a JOIN chain c ON c.number = a.chain ORDER BY a.id"
)
_ADD_ASSET = text("INSERT INTO asset (chain, symbol, contract, decimals) VALUES (:chain, :symbol, :contract, :decimals)")


def normal(asset: Asset) -> Asset:
    """The asset as it is compared: a contract in hexadecimal is the same in any letter case."""
    if asset.contract is None or not asset.contract.startswith("0x"):
        return asset
    return msgspec.structs.replace(asset, contract=asset.contract.lower())


def chain_numbers(connection: Connection) -> dict[str, int]:
    """The number of every chain, in order."""
    return {row.id: row.number for row in connection.execute(_CHAINS)}


def chain_number(connection: Connection, chain: str) -> int:
    """The number of a chain; StoreError where it was never registered."""
    try:
        return chain_numbers(connection)[chain]
    except KeyError:
        raise StoreError(f"the database does not know chain {chain!r}; add it to the configuration") from None


def assets(connection: Connection) -> dict[int, Asset]:
    """Every asset that ever was registered, by id."""
    return {row.id: Asset(row.chain, row.symbol, row.decimals, row.contract or None) for row in connection.execute(_ASSETS)}


def newest(connection: Connection) -> dict[int, Asset]:
    """One asset per chain and symbol: the last that came to carry the symbol."""
    known = assets(connection)
    by_symbol = {(asset.chain, asset.symbol): key for key, asset in known.items()}
    return {key: known[key] for key in sorted(by_symbol.values())}


def find(connection: Connection, wanted: Iterable[Asset]) -> dict[int, Asset] | None:
    """The ids of these assets, in order; None where one is missing."""
    ids = {asset: key for key, asset in assets(connection).items()}
    try:
        return {ids[normal(asset)]: asset for asset in wanted}
    except KeyError:
        return None


def missing(connection: Connection, chains: Sequence[Chain], wanted: Sequence[Asset]) -> bool:
    """Whether something of these is not registered yet."""
    return bool({chain.id for chain in chains} - chain_numbers(connection).keys()) or find(connection, wanted) is None


def add(connection: Connection, chains: Sequence[Chain], wanted: Sequence[Asset]) -> None:
    """Register what is missing, in the order given."""
    numbers = chain_numbers(connection)
    for chain in chains:
        if chain.id not in numbers:
            numbers[chain.id] = len(numbers) + 1
            connection.execute(_ADD_CHAIN, {"number": numbers[chain.id], "id": chain.id})
    known = set(assets(connection).values())
    for asset in map(normal, wanted):
        if asset.chain not in numbers:
            raise StoreError(f"{asset.symbol} belongs to chain {asset.chain!r}, which is not configured")
        if asset not in known:
            known.add(asset)
            row = {"chain": numbers[asset.chain], "symbol": asset.symbol, "decimals": asset.decimals}
            connection.execute(_ADD_ASSET, row | {"contract": asset.contract or ""})


def asset_of_symbol(current: Mapping[int, Asset], chain: str, symbol: str) -> int:
    """The id of the asset that carries a symbol now; StoreError where none does."""
    for key, asset in current.items():
        if (asset.chain, asset.symbol) == (chain, symbol):
            return key
    raise StoreError(f"the database does not know the asset {symbol} of {chain}; add it to the configuration")
