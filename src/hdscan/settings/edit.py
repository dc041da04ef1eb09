"""Edits the [[token]] rows of a user's hdscan.toml; every other byte stays as it is.

A row is added at the end and cut out where it stands, and what tomllib reads then is compared with what was meant.
"""

import json
import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hdscan.model.errors import ConfigError
from hdscan.settings.load import places

Row = Mapping[str, Any]

_HEADER = re.compile(r"""^[ \t]*\[\[[ \t]*(?:token|"token"|'token')[ \t]*]]""", re.MULTILINE)
_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)
_ROW = re.compile(r"(?:.*\n)*[ \t]*[^#\s].*\n?")  # up to its last line that is neither empty nor a comment
_BLANK = re.compile(r"(?:\A|(?<=\n))[ \t]*\r?\n\Z")
_BOM = b"\xef\xbb\xbf"


def own_file(files: tuple[str, ...]) -> Path:
    """The file to write to: of those that were read the strongest, else the user's own; ConfigError without a home."""
    if files:
        return Path(files[-1])
    home = places().config
    if home is None:
        raise ConfigError("there is no home directory to keep hdscan.toml in: name a file with --config")
    return home / "hdscan.toml"


def token_rows(text: str) -> list[dict[str, Any]]:
    """The [[token]] rows of a file."""
    return list(tomllib.loads(text).get("token", []))


def with_token(text: str, row: Row) -> str:
    """The text with a row at its end, in the file's own kind of line break."""
    end = "\r\n" if "\r\n" in text else "\n"
    lines = ["[[token]]", *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in row.items())]
    before = text if not text or text.endswith("\n") else text + end
    edited = before + (end if text else "") + "".join(line + end for line in lines)
    return _checked(text, edited, [*token_rows(text), dict(row)])


def without_token(text: str, number: int) -> str:
    """The text without the row of this number (from 0); comments around it stay."""
    rows = token_rows(text)
    headers = list(_HEADER.finditer(text))
    if len(headers) != len(rows):
        raise ConfigError("its tokens are not written as [[token]] rows: take the row out by hand")
    start, body = headers[number].span()
    following = _TABLE.search(text, body)
    segment = text[start : following.start() if following else len(text)]
    row = _ROW.match(segment)
    assert row is not None  # the header at least
    edited = _BLANK.sub("", text[:start]) + text[start + row.end() :]
    return _checked(text, edited, rows[:number] + rows[number + 1 :])


def _checked(text: str, edited: str, rows: list[dict[str, Any]]) -> str:
    """The edited text; ConfigError unless nothing but its tokens differs, and they are these."""
    meant = tomllib.loads(text) | {"token": rows}
    try:
        read = {"token": []} | tomllib.loads(edited)
    except tomllib.TOMLDecodeError:
        read = {}
    if read != meant:
        raise ConfigError("its tokens are not written as [[token]] rows, one below the other: change the row by hand")
    return edited


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    """Replace a file by what `change` makes of its text ("" where there is none), all of it or nothing.

    Its mode, owner and byte order mark are kept, and a symbolic link stays one; a new file is its owner's alone (0600). The new
    text is written beside it, to a file that only one process at a time can make. ConfigError says what to do; nothing has
    been changed then.
    """
    target = path.resolve()
    fresh = target.with_name(f"{target.name}.new")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        why = f"cannot be written: {error.strerror}"
        if fresh.exists():
            why = f"is being changed by another hdscan; if none runs, delete {fresh} and try again"
        raise ConfigError(f"{path} {why}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            before = target.read_bytes() if target.exists() else None
            raw = before or b""
            bom = _BOM if raw.startswith(_BOM) else b""
            file.write(bom + change(raw[len(bom) :].decode()).encode())
            file.flush()
            os.fsync(file.fileno())
        if before is not None:
            _keep_access(fresh, target.stat())
        if before != (target.read_bytes() if target.exists() else None):
            raise ConfigError("it was changed by another program meanwhile; try again")
        fresh.replace(target)
    except BaseException as error:
        fresh.unlink(missing_ok=True)
        if isinstance(error, OSError | ConfigError):
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(f"{path} cannot be changed: {reason}") from None
        raise


def _keep_access(fresh: Path, was: os.stat_result) -> None:
    if os.name == "posix":
        with suppress(PermissionError):  # of another owner, where it may be written all the same
            os.chown(fresh, was.st_uid, was.st_gid)
    fresh.chmod(stat.S_IMODE(was.st_mode))
