"""Reads a list of addresses, one a line or CSV, and explains every bad line."""

import csv
from collections.abc import Iterable, Iterator

from hdscan.keys.address import canonical
from hdscan.keys.secret import recognise
from hdscan.model.chain import BadLine, Chain
from hdscan.model.errors import InputError

MAX_LINE = 10_000  # characters; bytes where lines are bytes
DELIMITERS = ",;\t"


def parse(chain: Chain, lines: Iterable[str | bytes]) -> Iterator[str | BadLine]:
    """Yield the canonical address of every line, or a BadLine.

    Blank lines and lines that begin with # are skipped; a byte order mark and CRLF are allowed; bytes are UTF-8. If the first
    other line has one field `address` (any case) it is the header of a CSV (RFC 4180; comma, semicolon or tab), whose other
    columns are ignored. A field does not span lines, so that a stray quote costs one line only.
    """
    begun, column = False, None
    for number, line in enumerate(lines, 1):
        try:
            text = _text(line)
            if not text.strip(' "' + DELIMITERS) or text.lstrip().startswith("#"):
                continue
            if not begun:
                begun, column = True, _address_column(text)
                if column:
                    continue
            entry: str | BadLine = canonical(chain, _field(text, *column) if column else _only_field(text))
        except InputError as error:
            entry = BadLine(number, str(error))
        yield entry


def _text(line: str | bytes) -> str:
    if len(line) > MAX_LINE:
        raise InputError(f"is longer than {MAX_LINE:,} characters")
    try:
        text = line.decode() if isinstance(line, bytes) else line
        if not text.isascii():
            text.encode()  # a file opened with errors="surrogateescape"
    except UnicodeError:
        raise InputError("is not UTF-8 text") from None
    return text.strip("\ufeff\r\n ")  # a tab may be an empty first field


def _address_column(header: str) -> tuple[str, int] | None:
    """The delimiter and the position of the field `address`, or None if this is no header."""
    for delimiter in DELIMITERS:
        names = [name.strip().lower() for name in _split(header, delimiter)]
        if names.count("address") == 1:
            return delimiter, names.index("address")
    return None


def _field(line: str, delimiter: str, position: int) -> str:
    fields = _split(line, delimiter)
    if len(fields) <= position or not fields[position].strip():
        raise InputError("has nothing in the column `address`")
    return fields[position].strip()


def _only_field(line: str) -> str:
    line = line.strip().strip('"')
    if any(delimiter in line for delimiter in DELIMITERS):
        several = "holds several fields; a CSV begins with a header line in which one column is named `address`"
        raise InputError(recognise(line) or several)
    return line


def _split(line: str, delimiter: str) -> list[str]:
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True))
    except csv.Error:
        raise InputError("has a quote that is not closed, or text after a closing one") from None
