"""Wallets as they are shown, with their branches."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import text

from hdscan.model.times import rfc3339
from hdscan.model.wallet import BranchRow, WalletKind, WalletRow
from hdscan.store import branches, members
from hdscan.store.branches import BranchState
from hdscan.store.rows import chosen
from hdscan.store.transaction import ChainKey, Transaction

_WALLETS = text("SELECT id, name, kind FROM wallet ORDER BY id")
_CHAINS = text("""
    SELECT chain FROM member WHERE wallet_id = :wallet UNION SELECT chain FROM branch WHERE wallet_id = :wallet
""")
_COUNTS = """
    SELECT count(*) FILTER (WHERE b.asset_id IN :assets), min(b.observed_at),
        count(DISTINCT CASE WHEN b.used = 1 THEN b.address_id END)
    FROM balance b WHERE b.address_id >= :low AND b.address_id < :high"""
_FUNDED = """
    SELECT count(DISTINCT b.address_id) FROM balance b
    WHERE b.address_id >= :low AND b.address_id < :high AND +b.asset_id IN :assets AND b.amount <> '0'
        AND NOT EXISTS (SELECT 1 FROM gap g WHERE g.address_id = b.address_id AND g.asset_id = b.asset_id)"""
_STALE = """
    SELECT count(*) FROM gap g CROSS JOIN balance b
    WHERE b.address_id = g.address_id AND b.asset_id = g.asset_id
        AND g.address_id >= :low AND g.address_id < :high AND g.asset_id IN :assets"""
_FIRST = text("""
    SELECT a.text FROM member m JOIN address a ON a.id = m.first WHERE m.branch_id = :branch AND m.position = 0
""")


def rows(transaction: Transaction, name: str | None) -> Iterator[WalletRow]:
    """Every wallet in order of arrival, or the one of a name; InputError where there is none of the name."""
    only = None if name is None else members.wallet_id(transaction, name)
    for wallet in transaction.execute(_WALLETS).all():
        if only in (None, wallet.id):
            yield _row(transaction, wallet)


def _row(transaction: Transaction, wallet: Any) -> WalletRow:
    numbers = set(transaction.execute(_CHAINS, {"wallet": wallet.id}).scalars())
    chains = [key for key in transaction.chains.values() if key.number in numbers]
    addresses = used = funded = unread = 0
    times: list[float | None] = []
    for part in chosen(transaction, None, None, [wallet.id]):
        asked = part.addresses * len(part.assets)
        known, oldest, with_use = part.select(transaction, _COUNTS, "b.address_id").one()
        if asked:
            times.append(oldest if known == asked else None)
        addresses += part.addresses
        used += with_use
        funded += part.select(transaction, _FUNDED, "b.address_id").scalar_one()
        unread += asked - known + part.select(transaction, _STALE, "g.address_id").scalar_one()
    read = [each for each in times if each is not None]
    states = [(key, each) for key in chains for each in branches.states(transaction, key, [wallet.id], None)]
    return WalletRow(
        name=wallet.name,
        kind=WalletKind(wallet.kind),
        chains=tuple(key.id for key in chains),
        addresses=addresses,
        used=used,
        funded=funded,
        unread=unread,
        last_scan=rfc3339(min(read)) if read and len(read) == len(times) else None,
        branches=tuple(_branch(transaction, key, each) for key, each in states),
    )


def _branch(transaction: Transaction, chain: ChainKey, state: BranchState) -> BranchRow:
    return BranchRow(
        chain=chain.id,
        role=state.role,
        style=state.style,
        account=state.account,
        path=state.path,
        first=transaction.execute(_FIRST, {"branch": state.id}).scalar(),
        addresses=state.length,
        used_to=state.used_to,
        ended=state.ended,
        unknown=len(state.unknown),
        gap=state.gap,
        kept=state.source is not None,
    )
