"""Prints tables, totals and lines for people to stdout."""

from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from hdscan.cli.stdout import write
from hdscan.cli.text import clean, coins, percent
from hdscan.model.scan import AssetTotal

GAP = 2  # columns between those of a table
ROOM = 20  # columns to which a cell is not narrowed as long as a spare one can be left out
WIDE = 1000  # columns of a table that goes to a file or a pipe, so that nothing is folded there


class Columns(Table):
    """A table for people; the columns named in `spare` are left out in turn, as long as it is wider than the terminal."""

    spare: tuple[str, ...] = ()


def table(*columns: str, right: Iterable[str] = (), spare: tuple[str, ...] = ()) -> Columns:
    """An empty table; the columns named in `right` hold numbers, those in `spare` may be left out on a narrow terminal."""
    made = Columns(box=None, pad_edge=False, header_style="bold")
    made.spare = spare
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def show(*parts: RenderableType) -> None:
    """Tables and lines for people, to stdout; colours on a terminal only (and not with NO_COLOR).

    A table, and no line beside it, is wider than the terminal rather than break a number or an address in two.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDE
    lines = console.width
    parts = tuple(_narrowed(console, part) if isinstance(part, Columns) else part for part in parts)
    console.width = max([lines, *(_fit(console, part) for part in parts if isinstance(part, Table))])
    with console.capture() as capture:
        for part in parts:
            console.print(part, width=None if isinstance(part, Table) else lines)
    write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))


def _narrowed(console: Console, made: Columns) -> Columns:
    """The table without the spare columns that have no room."""
    unbound = console.options.update(width=WIDE)
    cells = [[Measurement.get(console, unbound, cell) for cell in (column.header, *column.cells)] for column in made.columns]
    least = [max(max(cell.minimum, min(cell.maximum, ROOM)) for cell in each) for each in cells]
    if not made.spare or sum(least) + GAP * (len(least) - 1) <= console.width:
        return made
    kept = [column for column in made.columns if column.header != made.spare[0]]
    fewer = table(*(str(column.header) for column in kept), spare=made.spare[1:])
    for column, before in zip(fewer.columns, kept, strict=True):
        column.justify = before.justify
    for row in zip(*(column.cells for column in kept), strict=True):
        fewer.add_row(*row)
    return _narrowed(console, fewer)


def _fit(console: Console, made: Table) -> int:
    """Narrow the widest columns of a table until it fits the terminal, none below its longest word; its width."""
    unbound = console.options.update(width=WIDE)
    cells = [[Measurement.get(console, unbound, cell) for cell in (each.header, *each.cells)] for each in made.columns]
    least = [max(cell.minimum for cell in each) for each in cells]
    widths = [max(cell.maximum for cell in each) for each in cells]
    gaps = GAP * (len(widths) - 1)
    while sum(widths) + gaps > console.width and (loose := [at for at, width in enumerate(widths) if width > least[at]]):
        widths[max(loose, key=widths.__getitem__)] -= 1
    for column, width in zip(made.columns, widths, strict=True):
        column.width = width
    return sum(widths) + gaps


def amount_words(total: AssetTotal) -> str:
    """What is held at least; nothing where nothing was read, as that is no zero."""
    return "" if total.amount is None else _at_least(total) + coins(total.amount, total.decimals)


def _at_least(total: AssetTotal) -> str:
    return "≥ " if total.partial else ""


def total_words(total: AssetTotal, width: int = 0) -> str:
    """An asset's total in words, the amount right-aligned in `width` columns; what is unread or stale is said beside it."""
    amount = amount_words(total)
    missing = [f"{total.unread:,} unread"] if total.unread else []
    missing += [f"{total.disputed:,} disputed"] if total.disputed else []
    if total.stale:
        missing.append(f"{total.stale:,} stale with {coins(total.stale_amount, total.decimals)} {total.asset} not added")
    if not amount:
        return " " * width + (", ".join(missing) or "nothing to read")
    return ", ".join([f"{amount.rjust(width)} {clean(total.asset)}", *missing])


def confirmed_words(totals: Iterable[AssetTotal]) -> str | None:
    """Which share of what was read two operators said, counted in readings; None where nothing was read."""
    every = list(totals)
    held = sum(each.funded or 0 for each in every)
    shares = (
        (sum(each.confirmed_funded for each in every), held, "what is held"),
        (sum(each.confirmed_zeros for each in every), sum(each.read for each in every) - held, "the zeros"),
    )
    parts = [f"{percent(part, whole)} of {what}" for part, whole, what in shares if whole]
    return f"confirmed by two operators: {', '.join(parts)}" if parts else None


def totals_table(totals: Iterable[AssetTotal]) -> Table:
    """A row per chain and asset."""
    every = list(totals)
    width = max((len(amount_words(each)) for each in every), default=0)
    made = table("chain", "asset", "total", "funded", "of", "unconfirmed", right=("funded", "of", "unconfirmed"))
    for each in every:
        pending = "" if each.unconfirmed in (None, "0") else coins(each.unconfirmed or 0, each.decimals)
        words = Text(total_words(each, width), style="yellow" if each.partial else "")
        funded = "" if each.funded is None else f"{_at_least(each)}{each.funded:,}"
        counts = funded, f"{each.addresses:,}"
        made.add_row(each.chain, clean(each.asset), words, *counts, pending)
    return made
