"""What the doctor finds."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at: `mend` says what to do about it, where there is anything to do."""

    check: str
    level: Level
    message: str
    mend: str | None = None


class Checkup(msgspec.Struct, frozen=True):
    """What `doctor --json` prints: `status` is the worst level of all."""

    status: Level
    checks: tuple[Finding, ...]


def checkup(findings: Sequence[Finding]) -> Checkup:
    """Sum findings up."""
    worst = max((finding.level for finding in findings), key=list(Level).index, default=Level.OK)
    return Checkup(worst, tuple(findings))
