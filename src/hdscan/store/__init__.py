"""Schema, migrations, queries and transactions behind one `Store`."""

from hdscan.store.adding import Added
from hdscan.store.audits import Due
from hdscan.store.branches import Block, BranchState, Position
from hdscan.store.store import Store

__all__ = ["Added", "Block", "BranchState", "Due", "Position", "Store"]
