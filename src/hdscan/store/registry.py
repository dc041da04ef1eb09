"""Chains and assets: the numbers they go by in every other table, given once and never changed."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import text

from hdscan.model.chain import Asset, Chain
from hdscan.model.errors import StoreError
from hdscan.store.transaction import Transaction

_ADD_CHAIN = text("INSERT INTO chain (number, id) VALUES (:number, :id)")
_ADD_ASSET = text("INSERT INTO asset (chain, symbol, contract, decimals) VALUES (:chain, :symbol, :contract, :decimals)")


def normal(asset: Asset) -> Asset:
    """The asset as it is compared: a contract in hexadecimal is the same in any letter case, whatever it calls itself."""
    contract = asset.contract
    if contract is not None and contract.startswith("0x"):
        contract = contract.lower()
    return msgspec.structs.replace(asset, contract=contract, onchain_symbol=None)


def find(transaction: Transaction, chains: Sequence[Chain], wanted: Iterable[Asset]) -> dict[int, Asset] | None:
    """The ids of these assets, in order; None where one of them or of the chains is missing."""
    ids = {asset: key for key, asset in transaction.assets.items()}
    try:
        found = {ids[normal(asset)]: asset for asset in wanted}
    except KeyError:
        return None
    return found if transaction.chains.keys() >= {chain.id for chain in chains} else None


def add(transaction: Transaction, chains: Sequence[Chain], wanted: Sequence[Asset]) -> None:
    """Register what is missing, in the order given."""
    numbers = {key.id: key.number for key in transaction.chains.values()}
    for chain in chains:
        if chain.id not in numbers:
            numbers[chain.id] = len(numbers) + 1
            transaction.execute(_ADD_CHAIN, {"number": numbers[chain.id], "id": chain.id})
    known = set(transaction.assets.values())
    for asset in map(normal, wanted):
        if asset.chain not in numbers:
            raise StoreError(f"{asset.symbol} belongs to chain {asset.chain!r}, which is not configured")
        if asset not in known:
            known.add(asset)
            row = {"chain": numbers[asset.chain], "symbol": asset.symbol, "decimals": asset.decimals}
            transaction.execute(_ADD_ASSET, row | {"contract": asset.contract or ""})
