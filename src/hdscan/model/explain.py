"""Everything known about one reading, as `hdscan explain` shows it."""

import msgspec

from hdscan.model.audit import AuditOutcome
from hdscan.model.scan import Answer, BalanceRow, Gap, ProviderState, Status


class Tried(msgspec.Struct, frozen=True):
    """A failed attempt of the last scan; `at` is RFC 3339 in UTC."""

    provider: str
    code: str
    error: str
    at: str


class AuditRecord(msgspec.Struct, frozen=True):
    """The last audit of a reading."""

    scan_id: int
    outcome: AuditOutcome
    answers: tuple[Answer, ...]  # in the order asked
    error: str | None  # why no other operator answered
    current: bool  # False where it was about an earlier amount


class ProviderReason(msgspec.Struct, frozen=True):
    """A provider as last seen, and why it was or was not asked for a reading."""

    provider: str
    operator: str
    state: ProviderState
    why: str


class Known(msgspec.Struct, frozen=True):
    """What the database knows about a reading; `attempts` failed in the last scan, oldest first."""

    balance: BalanceRow
    gap: Gap | None
    audit: AuditRecord | None
    attempts: tuple[Tried, ...]


class Explained(msgspec.Struct, frozen=True):
    """A line of `explain --jsonl`; `scan_id` and `status` are those of the chain's last scan, None before the first."""

    scan_id: int | None
    status: Status | None
    balance: BalanceRow
    gap: Gap | None
    audit: AuditRecord | None
    attempts: tuple[Tried, ...]
    providers: tuple[ProviderReason, ...]
