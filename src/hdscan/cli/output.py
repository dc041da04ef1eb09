"""What goes to stdout (data in the asked form, streamed) and how text for people is made safe and readable."""

import os
import sys
from collections.abc import Iterable, Iterator
from enum import Enum

import msgspec
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table

from hdscan.app import csv_lines
from hdscan.model.errors import InputError

BLOCK = 1 << 16  # characters that are collected before they are written
WIDE = 1000  # columns of a table that goes to a file or a pipe: nothing is folded there

_encode = msgspec.json.Encoder().encode


class Form(Enum):
    """How data is written to stdout."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


class OutputClosed(Exception):
    """Whoever read stdout has gone (`| head`): end without a word."""


def form(*, as_json: bool = False, as_jsonl: bool = False, as_csv: bool = False) -> Form:
    """The form that the flags ask for; InputError where they ask for two."""
    asked = [each for each, flag in ((Form.JSON, as_json), (Form.JSONL, as_jsonl), (Form.CSV, as_csv)) if flag]
    if len(asked) > 1:
        raise InputError("choose one of --json, --jsonl and --csv")
    return asked[0] if asked else Form.TEXT


def write(text: str) -> None:
    """Write to stdout now; OutputClosed where nobody reads it any more."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # the interpreter flushes once more when it ends: that must not fail
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputClosed from None
    except OSError as error:
        raise InputError(f"the output cannot be written: {error.strerror}") from None


def write_json(value: object) -> None:
    """One JSON object on a line of its own."""
    write(_encode(value).decode() + "\n")


def write_rows(
    rows: Iterable[msgspec.Struct], kind: type[msgspec.Struct], as_form: Form, columns: tuple[str, ...] | None = None
) -> None:
    """Rows of one kind as JSON lines, as one JSON array or as CSV (`columns` in this order), in memory that doesn't grow."""
    write_lines(_lines(rows, columns or kind.__struct_fields__, as_form))


def write_lines(lines: Iterable[str]) -> None:
    """Many lines, in blocks."""
    block: list[str] = []
    size = 0
    for line in lines:
        block.append(line)
        size += len(line)
        if size >= BLOCK:
            write("".join(block))
            block.clear()
            size = 0
    write("".join(block))


def _lines(rows: Iterable[msgspec.Struct], columns: tuple[str, ...], as_form: Form) -> Iterator[str]:
    match as_form:
        case Form.JSONL:
            for row in rows:
                yield _encode(row).decode() + "\n"
        case Form.JSON:
            before = "[\n"
            for row in rows:
                yield before + _encode(row).decode()
                before = ",\n"
            yield "[]\n" if before == "[\n" else "\n]\n"
        case _:
            yield from csv_lines(rows, columns)


# -- for people


def coins(base_units: str | int, decimals: int) -> str:
    """An amount in whole coins, exact, without trailing zeros: coins("150000000", 8) is 1.5."""
    number = int(base_units)
    digits = str(abs(number)).rjust(decimals + 1, "0")
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :].rstrip("0")
    return ("-" if number < 0 else "") + whole + (f".{fraction}" if fraction else "")


def duration(seconds: float | None) -> str:
    """Seconds as people say them: 45 s, 3 min 20 s, 2 h 5 min."""
    if seconds is None:
        return "?"
    total = round(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60} s"
    return f"{total // 3600:,} h {total % 3600 // 60} min"


def clean(text: str) -> str:
    """Foreign text without control characters: a host's words must not move the cursor."""
    return "".join(char if char.isprintable() else " " for char in text)


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
