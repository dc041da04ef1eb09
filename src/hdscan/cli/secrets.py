"""Reads keys, mnemonics and tokens without echo: from standard input or a file that only its owner can read."""

import getpass
import os
import re
import shlex
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from hdscan.app import private
from hdscan.model.errors import KeyFault

TOKEN_VARIABLE = "HDSCAN_TOKEN"
LONGEST = 4096  # bytes; a mnemonic with its passphrase is far shorter


def refuse_exposed(arguments: Sequence[str]) -> None:
    """KeyFault, which repeats nothing, where a command line holds a private key or a mnemonic, in one argument or in many."""
    for text in (*arguments, " ".join(arguments)):
        if what := private(text):
            raise KeyFault(
                f"an argument {what}; others may have seen it on this command line and in its history, so treat it as exposed"
            )


def read_mnemonic(file: Path | None) -> tuple[str, str]:
    """Words and passphrase: lines 1 and 2 of the file, or of standard input without one."""
    if file is not None:
        return _split(protected(file, "seed"))
    if sys.stdin.isatty():
        return _split(f"{getpass.getpass('mnemonic (not shown): ')}\n{getpass.getpass('passphrase (empty for none): ')}")
    return _split(_decoded(sys.stdin.buffer.read(LONGEST)))


def _split(text: str) -> tuple[str, str]:
    lines = text.splitlines()
    if not lines or not lines[0].strip():
        raise KeyFault("there is no mnemonic in the first line")
    if any(line.strip() for line in lines[2:]):
        raise KeyFault("a mnemonic is one line, its passphrase a second; there are more")
    return lines[0], lines[1] if len(lines) > 1 else ""


def read_token(file: Path | None) -> str | None:
    """The token of the file or the environment, or None; KeyFault if it is not a valid token."""
    if file is not None:
        text, where = protected(file, "token"), "--token-file"
    else:
        text, where = os.environ.get(TOKEN_VARIABLE, ""), TOKEN_VARIABLE
    token = text.strip()
    if not token and file is None:
        return None
    if not re.fullmatch(r"[\x21-\x7e]{16,}", token):
        raise KeyFault(f"the token of {where} has to be at least 16 printable ASCII characters without spaces")
    return token


def protected(path: Path, what: str) -> str:
    """The text of a file that only its owner can read; otherwise KeyFault, which names it by `what` it holds."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name != "nt" and stat.S_IMODE(mode) & 0o077:
                raise KeyFault(f"the {what} file can be read by others; fix it with: chmod 600 {shlex.quote(str(path))}")
            return _decoded(file.read(LONGEST))
    except OSError as error:
        raise KeyFault(f"the {what} file cannot be read: {error.strerror}") from None


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise KeyFault("the key or mnemonic is not UTF-8 text") from None
