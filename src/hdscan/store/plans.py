"""The plan of a scan: its chains, their audits and chunks."""

import msgspec
from sqlalchemy import text

from hdscan.model.errors import StoreError
from hdscan.model.scan import ChainPlan, Status
from hdscan.store import attempts, audits
from hdscan.store.transaction import Transaction

_PLAN = text("""
    INSERT INTO scan_chain
        (scan_id, chain, status, assets, addresses, readings, read, unread, funded, seconds, requests, updated_at)
    VALUES (:scan, :chain, :status, :assets, :addresses, :readings, 0, 0, 0, 0, 0, :now)
""")
_CHUNK = text("INSERT INTO chunk (scan_id, chain, seq, first, stop) VALUES (:scan, :chain, :seq, :first, :stop)")
_FORGET_CHUNKS = text("DELETE FROM chunk WHERE chain = :chain AND scan_id < :scan")


def write_plan(transaction: Transaction, scan_id: int, plan: ChainPlan, now: float) -> None:
    """Write a scan's plan, and drop chunks and attempts of the chain's earlier scans; StoreError for an unknown asset."""
    key = transaction.chain(plan.chain)
    by_symbol = {asset.symbol: number for number, asset in transaction.current.items() if asset.chain == plan.chain}
    if missing := [symbol for symbol in plan.assets if symbol not in by_symbol]:
        raise StoreError(f"the database does not know the asset {missing[0]} of {plan.chain}; add it to the configuration")
    assets = [by_symbol[symbol] for symbol in plan.assets]
    row = {"scan": scan_id, "chain": key.number, "status": Status.RUNNING.value, "assets": msgspec.json.encode(assets).decode()}
    transaction.execute(_PLAN, row | {"addresses": plan.addresses, "readings": plan.addresses * len(assets), "now": now})
    transaction.execute(_FORGET_CHUNKS, {"chain": key.number, "scan": scan_id})
    attempts.forget(transaction, key)
    transaction.execute(audits.PLAN, {"scan": scan_id, "chain": key.number} | msgspec.structs.asdict(plan.audit))
    firsts = range(0, plan.addresses, plan.chunk)
    stops = (min(first + plan.chunk, plan.addresses) for first in firsts)
    chunks = enumerate(zip(firsts, stops, strict=True))
    transaction.executemany(_CHUNK, [(scan_id, key.number, seq, *ends) for seq, ends in chunks])
