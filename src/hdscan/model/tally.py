"""Counts of a chain's scan, shared by everything that reports one."""

import msgspec


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How far a chain's scan is, as of its last commit."""

    addresses: int  # planned
    readings: int  # planned: addresses times assets
    read: int
    unread: int
    funded: int  # addresses with an amount above zero
    seconds: float  # over all runs
    requests: int  # HTTP calls
    audited: int = 0  # readings answered by a second operator, disputed ones among them
    disputed: int = 0
    unaudited: int = 0  # readings that no second operator answered
    audit_requests: int = 0  # of the HTTP calls, those for audits

    @property
    def open(self) -> int:
        """Readings that ended without an amount; a retry asks for them again."""
        return self.unread + self.disputed

    @property
    def ended(self) -> int:
        return self.read + self.open
