"""How far a branch is known: the last used address, the unused ones that end it, and how far to read on. Pure.

Positions count from 0. An address is used, unused, or neither is known: of what is not known a branch takes no end and does not
grow; it waits.
"""

import msgspec

GROWTH = 0.3  # of the addresses up to the last used one, that are read beyond it while its end is not known


class Frontier(msgspec.Struct):
    """The first `length` addresses of a branch; `used_to` is the position of the last one that is used, -1 where none is.

    `unknown` are positions of which it is not known; none matters up to `used_to`. The others after it are unused.
    """

    gap: int
    length: int = 0
    used_to: int = -1
    unknown: set[int] = set()

    @property
    def need(self) -> int:
        """How many addresses end the branch if those after the last used one are unused."""
        return self.used_to + 1 + self.gap

    @property
    def ended(self) -> bool:
        """Whether `gap` addresses after the last used one are known to be unused."""
        return self.length >= self.need and self.first_unknown is None

    @property
    def first_unknown(self) -> int | None:
        """The first position that keeps the end from being known."""
        after = range(self.used_to + 1, min(self.need, self.length))
        return next((position for position in after if position in self.unknown), None)

    @property
    def horizon(self) -> int:
        """How many addresses to read: more the more were found, so that a long branch takes few rounds."""
        found = self.used_to + 1
        return max(self.need, found + int(GROWTH * found))

    def grow(self, count: int) -> None:
        """Add so many addresses, of which nothing is known."""
        self.unknown.update(range(self.length, self.length + count))
        self.length += count

    def tell(self, position: int, used: bool | None) -> None:
        """Say what is known of the use of an address."""
        if used:
            self.used_to = max(self.used_to, position)
        if used is None:
            self.unknown.add(position)
        else:
            self.unknown.discard(position)

    def cut(self, length: int) -> None:
        """Forget the addresses from a position on; never one that is used."""
        self.length = max(length, self.used_to + 1)
        self.unknown = {position for position in self.unknown if position < self.length}

    def copy(self) -> "Frontier":
        """The same, to be changed by itself."""
        return msgspec.structs.replace(self, unknown=set(self.unknown))
