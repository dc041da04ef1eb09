"""Rows as CSV (RFC 4180) that a spreadsheet shows and never executes."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # a spreadsheet takes a cell that begins so for a formula
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def csv_lines(rows: Iterable[msgspec.Struct], fields: tuple[str, ...], *, header: bool = True) -> Iterator[str]:
    """A header and a line per row, in memory that doesn't grow with their number."""
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
    """A value as a cell: empty where there is none, and never one that a spreadsheet would execute."""
    if value is None:
        return ""
    text = msgspec.json.encode(value).decode() if isinstance(value, Mapping | tuple | list) else str(value)
    return f"'{text}" if text.startswith(FORMULA) and not NUMBER.fullmatch(text) else text
