"""The table of readings beside what the nodes say by another way."""

from collections.abc import Iterable

import msgspec


class Line(msgspec.Struct, frozen=True):
    """A line of the table that is printed at the end: readings equal and unequal to what the node says by another way."""

    what: str
    protocol: str
    asset: str
    equal: int
    unequal: int
    funded: int
    seconds: float


COMPARED = "compared"  # the name under which a test's lines travel to whoever prints them
compared: list[Line] = []  # those of the test that runs


def table(lines: Iterable[Line]) -> list[str]:
    """The table as text."""
    cells = [["node", "protocol", "asset", "equal", "unequal", "above zero", "seconds"]]
    cells += [[x.what, x.protocol, x.asset, f"{x.equal:,}", str(x.unequal), f"{x.funded:,}", f"{x.seconds:.1f}"] for x in lines]
    wide = [max(len(line[n]) for line in cells) for n in range(len(cells[0]))]
    return ["  ".join(text.ljust(wide[n]) if n < 3 else text.rjust(wide[n]) for n, text in enumerate(line)) for line in cells]
