"""Everything that is known of one reading, and from whom: what `hdscan explain` tells."""

import msgspec

from hdscan.model.audit import AuditOutcome
from hdscan.model.scan import Answer, BalanceRow, Gap, ProviderState, Status


class Tried(msgspec.Struct, frozen=True):
    """An attempt of the last scan that failed; `at` is RFC 3339 in UTC."""

    provider: str
    code: str
    error: str
    at: str


class AuditRecord(msgspec.Struct, frozen=True):
    """How the last audit of a reading ended: every answer in the order asked, and why nobody else answered.

    `current` says that it is about the amount that stands now, not an earlier one.
    """

    scan_id: int
    outcome: AuditOutcome
    answers: tuple[Answer, ...]
    error: str | None
    current: bool


class Told(msgspec.Struct, frozen=True):
    """A provider as last seen, and why it was or was not asked for a reading."""

    provider: str
    operator: str
    state: ProviderState
    why: str


class Known(msgspec.Struct, frozen=True):
    """What the database knows of a reading: `attempts` are those of the last scan that failed, the oldest first."""

    balance: BalanceRow
    gap: Gap | None
    audit: AuditRecord | None
    attempts: tuple[Tried, ...]


class Explained(msgspec.Struct, frozen=True):
    """A reading explained: a line of `explain --jsonl`; `scan_id` and `status` are the chain's last scan, None before it."""

    scan_id: int | None
    status: Status | None
    balance: BalanceRow
    gap: Gap | None
    audit: AuditRecord | None
    attempts: tuple[Tried, ...]
    providers: tuple[Told, ...]
