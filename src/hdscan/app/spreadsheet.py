"""Rows as CSV (RFC 4180) whose cells no spreadsheet executes."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet takes for the start of a formula
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def csv_lines(rows: Iterable[msgspec.Struct], fields: tuple[str, ...], *, header: bool = True) -> Iterator[str]:
    """Yield a header and a line per row, in constant memory."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    if header:
        writer.writerow(fields)
    for row in rows:
        writer.writerow([cell(getattr(row, field)) for field in fields])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def cell(value: Any) -> str:
    """A value as a cell: empty for None, never a formula."""
    if value is None:
        return ""
    text = msgspec.json.encode(value).decode() if isinstance(value, Mapping | tuple | list) else str(value)
    return f"'{text}" if text.startswith(FORMULA) and not NUMBER.fullmatch(text) else text
