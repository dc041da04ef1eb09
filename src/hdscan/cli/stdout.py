"""Writes data to stdout, streamed, in the form that was asked for."""

import os
import sys
from collections.abc import Iterable, Iterator
from enum import Enum

import msgspec

from hdscan.model.errors import InputError

BLOCK = 1 << 16  # characters that are collected before they are written

_encode = msgspec.json.Encoder().encode


class Form(Enum):
    """How data is written to stdout."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


class OutputClosed(Exception):
    """The reader of stdout is gone (`| head`): end silently."""


def form(*, as_json: bool = False, as_jsonl: bool = False, as_csv: bool = False) -> Form:
    """The form that the flags ask for; InputError where they ask for two."""
    asked = [each for each, flag in ((Form.JSON, as_json), (Form.JSONL, as_jsonl), (Form.CSV, as_csv)) if flag]
    if len(asked) > 1:
        raise InputError("choose one of --json, --jsonl and --csv")
    return asked[0] if asked else Form.TEXT


def write(text: str) -> None:
    """Write to stdout now; OutputClosed where its reader is gone."""
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
    """Stream rows of one kind as JSON lines, as one JSON array or as CSV with these `columns`."""
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
            from hdscan.app.spreadsheet import csv_lines

            yield from csv_lines(rows, columns)
