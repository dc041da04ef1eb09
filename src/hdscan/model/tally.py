"""Counts of a chain's scan, shared by everything that reports one."""

import msgspec


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How far a chain's scan is, as of its last commit.

    `addresses` and `readings` (addresses times assets) are planned; `funded` counts the addresses with an amount above zero,
    `seconds` the time spent over all runs, `requests` HTTP calls. `audited` readings were answered by a second operator
    (disputed ones among them), `unaudited` ones could not be.
    """

    addresses: int
    readings: int
    read: int
    unread: int
    funded: int
    seconds: float
    requests: int
    audited: int = 0
    disputed: int = 0
    unaudited: int = 0

    @property
    def open(self) -> int:
        """Readings that ended without an amount; a retry asks for them again."""
        return self.unread + self.disputed

    @property
    def ended(self) -> int:
        """Readings that ended, with or without an amount."""
        return self.read + self.open
