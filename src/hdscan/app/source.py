"""Opens what a user gives to be added: a file, a text, bytes or lines."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from hdscan.app.choices import Source
from hdscan.keys.listing import MAX_LINE
from hdscan.keys.secret import masked, private
from hdscan.keys.source import MAX_BYTES, decode
from hdscan.model.errors import InputError, KeyFault

LARGEST_TEXT = 16 * 1024 * 1024  # bytes; what is larger is a list, unless it is JSON
_ENDINGS = (".txt", ".csv", ".tsv", ".json", ".jsonl", ".bsms", ".wallet", ".dat", ".pdf", ".xls", ".xlsx")
_PLACES = ("/", "./", "../", "~", ".\\", "..\\")
_LONGEST_SECRET = 4096  # characters
_BEGIN = 4096  # bytes


class Given(msgspec.Struct, frozen=True):
    """What was given: its `text`, None where it is a list by its size or form, and the `name` of a file, if it is one.

    `typed`: a text of one line, which is no list; `shown`: the path of the file in quotes, without what looks like a key.
    """

    text: str | None
    lines: Iterable[str | bytes]
    name: str | None = None
    typed: bool = False
    shown: str | None = None

    @contextmanager
    def named(self) -> Iterator[None]:
        """Says of which file a refusal is."""
        try:
            yield
        except (InputError, KeyFault) as error:
            if self.shown is None or str(error).startswith(self.shown):
                raise
            raise type(error)(f"{self.shown}: {error}") from None


@contextmanager
def opened(source: Source) -> Iterator[Given]:
    """The content of a source, which is a file where there is one of this path, and a text otherwise.

    Raises InputError for a file that cannot be read or is not there, and KeyFault for a private key or a mnemonic; neither
    repeats more than the path.
    """
    if isinstance(source, str):
        source = path_of(source) or source
    if isinstance(source, Path):
        with _file(source) as given:
            yield given
    elif isinstance(source, str):
        given = _whole(source, None, " If it stood on a command line, treat it as exposed.")
        yield msgspec.structs.replace(given, typed="\n" not in source.strip())
    elif isinstance(source, bytes):
        yield _whole(decode(source), None)
    else:
        yield Given(None, source)


def path_of(text: str) -> Path | None:
    """The file that a text names; InputError where it looks like the path of one that is not there."""
    text = text.strip()
    if not text or "\n" in text or len(text) > 1000:
        return None
    try:
        path = Path(text).expanduser()
        if path.exists():
            return path
    except (OSError, ValueError, RuntimeError):
        return None
    if text.lower().endswith(_ENDINGS) or text.startswith(_PLACES):
        raise InputError(f"{masked(text)!r} cannot be read: there is no such file")
    return None


@contextmanager
def _file(path: Path) -> Iterator[Given]:
    shown = repr(masked(str(path)))
    if path.is_dir():
        raise InputError(f"{shown} is a folder: give the files in it")
    with _readable(shown):
        file = path.open("rb")
    with file:
        with _readable(shown):
            content = file.read(_BEGIN)
            whole = content[:1] in (b"{", b"[") or path.stat().st_size <= LARGEST_TEXT
            if whole:
                content += file.read(MAX_BYTES + 1)
            else:
                file.seek(0)
        given = Given(None, _lines(file, shown), path.stem, shown=shown)
        with given.named():
            text = decode(content)  # refuses what is no text
            if whole:
                given = msgspec.structs.replace(_whole(text, path.stem), shown=shown)
        yield given


@contextmanager
def _readable(shown: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{shown} cannot be read: {error.strerror}") from None


def _whole(text: str, name: str | None, more: str = "") -> Given:
    what = private(text) if len(text) <= _LONGEST_SECRET else None
    if what and (what.startswith("looks") or "\n" not in text.strip()):  # else it is a line of a list that is wrong
        raise KeyFault(f"this {what}.{more}")
    return Given(text, text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), name)


def _lines(file: IO[bytes], shown: str) -> Iterator[bytes]:
    """The lines of a file; of one that is too long, no more than tells that."""
    with _readable(shown):
        while line := file.readline(MAX_LINE + 1):
            yield line
            while len(line) > MAX_LINE and not line.endswith(b"\n"):
                line = file.readline(MAX_LINE + 1)
