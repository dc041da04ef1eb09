"""What readings ended as, between the results of a scan and the rows of its tables."""

from collections.abc import Sequence
from typing import Any

import msgspec

from hdscan.model.audit import Audited
from hdscan.model.reading import Attempt, Balance
from hdscan.store.transaction import Key

Rows = dict[Key, tuple[Any, ...]]


class Read(msgspec.Struct, frozen=True, gc=False):
    """A balance to store, the providers that said it, and whether two operators did in this scan."""

    balance: Balance
    sources: frozenset[str]
    confirmed: bool = False


class Ended(msgspec.Struct, frozen=True):
    """What readings ended as, by key: balances, rows of `gap` and `dispute`, failed attempts, and cases."""

    reads: dict[Key, Read] = {}
    unread: Rows = {}
    disputes: Rows = {}
    failed: dict[Key, Sequence[Attempt]] = {}
    cases: dict[Key, Audited] = {}


class Counted(msgspec.Struct, frozen=True):
    """Readings as a scan's totals count them: answered by a second operator, disputed, not answered by any other."""

    answered: set[Key] = set()
    disputed: set[Key] = set()
    unaudited: set[Key] = set()
