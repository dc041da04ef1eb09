"""Turns the arguments of `hdscan add` into what is added, and tells which lines are bad."""

import sys
from collections.abc import Sequence
from getpass import getpass

from hdscan.app.choices import Source
from hdscan.app.source import path_of
from hdscan.cli.secrets import refuse_exposed
from hdscan.cli.text import clean
from hdscan.model.chain import BadLine

BAD_SHOWN = 20  # bad lines that are listed


def sources(arguments: Sequence[str]) -> list[Source]:
    """What the arguments stand for: files one by one, all texts together; KeyFault for what should not be typed there."""
    refuse_exposed(arguments)
    places = [None if argument == "-" else path_of(argument) for argument in arguments]
    files: list[Source] = [path for path in places if path is not None]
    texts = [each for each, path in zip(arguments, places, strict=True) if path is None and each != "-"]
    found = [*files, *(["\n".join(texts)] if texts else [])]
    return [*found, _standard_input()] if "-" in arguments else found


def tell_bad(bad: Sequence[BadLine], where: str = "") -> None:
    """List the first bad lines of a list; `where` says of which list they are."""
    for line in bad[:BAD_SHOWN]:
        print(f"{where}line {line.number}: {clean(line.reason)}", file=sys.stderr)
    if len(bad) > BAD_SHOWN:
        print(f"and {len(bad) - BAD_SHOWN:,} more bad lines", file=sys.stderr)


def _standard_input() -> Source:
    """All of it; a terminal is asked for one line, without an echo."""
    if sys.stdin.isatty():
        return getpass("address, key or descriptor (not shown): ")
    return sys.stdin.buffer.read()
