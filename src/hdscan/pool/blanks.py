"""Blank calls, answered without an amount: the fault of the provider, or of what was asked? Pure.

Nobody can tell before another provider reads some of it. A contract that reverts everywhere is no provider's fault.
"""

import msgspec

from hdscan.model.reading import Kind
from hdscan.pool.breaker import Permit


class Blank(msgspec.Struct, eq=False):
    """A call of which nothing was read; `row` numbers the rows of such calls, which an amount ends.

    Where a row becomes long enough to matter its calls are `suspect`: one reading of each is to be asked of another at once.
    """

    kind: Kind
    permit: Permit
    row: int
    suspect: bool
    disproved: bool = False  # another provider read some of it


class Blanks:
    """A provider's blank calls of one kind; `threshold` disproved ones in a row are failures."""

    def __init__(self, threshold: int) -> None:
        self._threshold = threshold
        self._row = 0
        self._length = 0
        self._disproved = 0

    def end(self) -> None:
        """An amount was given: the row is over."""
        self._row += 1
        self._length = self._disproved = 0

    def add(self, kind: Kind, permit: Permit) -> Blank:
        self._length += 1
        return Blank(kind, permit, self._row, self._threshold <= self._length < 2 * self._threshold)

    def disprove(self, blank: Blank, *, probe: bool) -> int:
        """Another provider read some of a call: how many failures that makes; a `probe` of a breaker is one at once."""
        if blank.disproved or blank.row != self._row:
            return 0
        blank.disproved = True
        self._disproved += 1
        if self._disproved < self._threshold and not probe:
            return 0
        failures, self._disproved = self._disproved, 0
        return failures
