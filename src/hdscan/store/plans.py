"""The plan of a scan: its chains, wallets, audits and chunks."""

from collections.abc import Collection

import msgspec
from sqlalchemy import text

from hdscan.model.errors import StoreError
from hdscan.model.scan import ChainPlan, Status
from hdscan.store import attempts, audits, members
from hdscan.store.spans import without
from hdscan.store.transaction import ChainKey, Transaction

_PLAN = text("""
    INSERT INTO scan_chain
        (scan_id, chain, status, assets, addresses, readings, read, unread, funded, seconds, requests, updated_at, wallets)
    VALUES (:scan, :chain, :status, :assets, :addresses, :readings, 0, 0, 0, 0, 0, :now, :wallets)
""")
_CHUNK = text("INSERT INTO chunk (scan_id, chain, seq, first, stop) VALUES (:scan, :chain, :seq, :first, :stop)")
_FORGET_CHUNKS = text("DELETE FROM chunk WHERE chain = :chain AND scan_id < :scan")
_OF_CHAIN = text("""
    SELECT wallet_id FROM member WHERE chain = :chain UNION SELECT wallet_id FROM branch WHERE chain = :chain ORDER BY wallet_id
""")
_WALLETS = text("SELECT wallets FROM scan_chain WHERE scan_id = :scan AND chain = :chain")


def write_plan(transaction: Transaction, scan_id: int, plan: ChainPlan, now: float) -> None:
    """Write a scan's plan, and drop the chunks of the chain's earlier scans and the attempts of what it reads anew.

    A wallet that has got addresses since the plan was made is left to the next scan. StoreError for an unknown asset.
    """
    key = transaction.chain(plan.chain)
    by_symbol = {asset.symbol: number for number, asset in transaction.current.items() if asset.chain == plan.chain}
    if missing := [symbol for symbol in plan.assets if symbol not in by_symbol]:
        raise StoreError(f"the database does not know the asset {missing[0]} of {plan.chain}; add it to the configuration")
    assets = [by_symbol[symbol] for symbol in plan.assets]
    spans = [(key.low + first, key.low + stop) for first, stop in plan.ranges]
    mine = asked(transaction, key, plan.wallets)
    whole = [each for each in mine if not without(members.spans_on(transaction, key, [each]), spans)]
    row = {"scan": scan_id, "chain": key.number, "status": Status.RUNNING.value, "assets": msgspec.json.encode(assets).decode()}
    row |= {"addresses": plan.addresses, "readings": plan.addresses * len(assets), "now": now}
    transaction.execute(_PLAN, row | {"wallets": msgspec.json.encode(whole).decode()})
    transaction.execute(_FORGET_CHUNKS, {"chain": key.number, "scan": scan_id})
    for low, high in spans:
        attempts.forget(transaction, low, high)
    transaction.execute(audits.PLAN, {"scan": scan_id, "chain": key.number} | msgspec.structs.asdict(plan.audit))
    pieces = [(at, min(at + plan.chunk, stop)) for first, stop in plan.ranges for at in range(first, stop, plan.chunk)]
    transaction.executemany(_CHUNK, [(scan_id, key.number, seq, *ends) for seq, ends in enumerate(pieces)])


def asked(transaction: Transaction, chain: ChainKey, names: Collection[str]) -> list[int]:
    """Those of the wallets of these names, or of all, that are on a chain; InputError for one that there is not."""
    named = [members.wallet_id(transaction, name) for name in names]
    on_chain = transaction.execute(_OF_CHAIN, {"chain": chain.number}).scalars()
    return [each for each in on_chain if not names or each in named]


def covered(transaction: Transaction, scan_id: int, chain: ChainKey) -> list[int]:
    """The wallets that a chain's scan covers, those that were removed meanwhile among them."""
    stored: str | None = transaction.execute(_WALLETS, {"scan": scan_id, "chain": chain.number}).scalar()
    return [] if stored is None else msgspec.json.decode(stored, type=list[int])
