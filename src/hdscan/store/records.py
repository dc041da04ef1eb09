"""The records of scans, as their rows give them."""

from typing import Any

import msgspec
from sqlalchemy import TextClause, text

from hdscan.model.scan import ChainScan
from hdscan.store.transaction import Transaction

COLUMNS = "scan_id, chain, status, assets, addresses, readings, read, unread, funded, seconds, requests, error, open_ends"

_AUDITS = text("""
    SELECT scan_id, chain, percent AS audit, audited, disputed, unaudited, audit_requests FROM scan_audit WHERE scan_id = :scan
""")


def records(transaction: Transaction, statement: TextClause, values: dict[str, Any]) -> tuple[ChainScan, ...]:
    """The records of the rows, of COLUMNS, that a statement returns."""
    rows = transaction.execute(statement, values).all()
    chains = {key.number: key.id for key in transaction.chains.values()}
    audits = {
        (each.scan_id, each.chain): each._asdict()
        for scan_id in {row.scan_id for row in rows}
        for each in transaction.execute(_AUDITS, {"scan": scan_id})
    }
    return tuple(
        msgspec.convert(
            {
                **audits.get((row.scan_id, row.chain), {}),
                **row._asdict(),
                "open_ends": row.open_ends or 0,
                "chain": chains[row.chain],
                "assets": tuple(transaction.assets[key].symbol for key in msgspec.json.decode(row.assets, type=list[int])),
            },
            ChainScan,
        )
        for row in rows
    )
