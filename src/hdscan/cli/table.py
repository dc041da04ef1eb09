"""Prints tables and lines for people to stdout."""

from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table

from hdscan.cli.stdout import write

WIDE = 1000  # columns of a table that goes to a file or a pipe, so that nothing is folded there


def table(*columns: str, right: Iterable[str] = ()) -> Table:
    """An empty table; the columns named in `right` hold numbers."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def show(*parts: RenderableType) -> None:
    """Tables and lines for people, to stdout; colours on a terminal only (and not with NO_COLOR).

    A table is wider than the terminal rather than break a number or an address in two.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    if console.is_terminal:
        unbound = console.options.update(width=WIDE)
        widths = [Measurement.get(console, unbound, part).minimum + 2 for part in parts if isinstance(part, Table)]
        console.width = max(console.width, *widths, 0)
    else:
        console.width = WIDE
    with console.capture() as capture:
        for part in parts:
            console.print(part)
    write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))
