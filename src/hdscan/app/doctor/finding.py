"""Findings of the checks."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec


class Level(StrEnum):
    """The severity of a finding."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(msgspec.Struct, frozen=True):
    """The result of one check; `mend` says how to fix a problem."""

    check: str
    level: Level
    message: str
    mend: str | None = None


class Checkup(msgspec.Struct, frozen=True):
    """What `doctor --json` prints: `status` is the worst level of all."""

    status: Level
    checks: tuple[Finding, ...]


def checkup(findings: Sequence[Finding]) -> Checkup:
    """Summarise findings."""
    worst = max((finding.level for finding in findings), key=list(Level).index, default=Level.OK)
    return Checkup(worst, tuple(findings))
