"""Turns the arguments of `hdscan add` into what is added: files, standard input, or texts."""

import sys
from collections.abc import Sequence
from getpass import getpass
from pathlib import Path

from hdscan.cli.secrets import refuse_exposed
from hdscan.model.errors import InputError

Source = str | bytes | Path
_LOOKS_LIKE_A_FILE = (".txt", ".csv", ".json", ".jsonl", ".bsms", ".wallet", ".dat")


def sources(arguments: Sequence[str]) -> list[Source]:
    """What the arguments stand for: files one by one, all texts together; KeyFault for what should not be typed there."""
    found: list[Source] = []
    texts: list[str] = []
    for argument in arguments:
        if argument == "-":
            found.append(argument)
        elif _is_file(argument):
            found.append(Path(argument))
        else:
            texts.append(argument)
    refuse_exposed(texts)
    for text in texts:
        if text.lower().endswith(_LOOKS_LIKE_A_FILE) or text.startswith(("/", "./", "../", "~")):
            raise InputError(f"{text!r} cannot be read: there is no such file")
    found += ["\n".join(texts)] if texts else []
    return [_standard_input() if each == "-" else each for each in found]


def _is_file(argument: str) -> bool:
    try:
        return Path(argument).exists()
    except (OSError, ValueError):  # a text that is too long for a name
        return False


def _standard_input() -> Source:
    """All of it; a terminal is asked for one line, without an echo."""
    if sys.stdin.isatty():
        return getpass("address, key or descriptor (not shown): ")
    return sys.stdin.buffer.read()
