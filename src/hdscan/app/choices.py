"""What a program may add, and what it may say of it."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypedDict

from hdscan.keys.secret import masked
from hdscan.model.errors import InputError

Source = str | bytes | Path | Iterable[str]  # a text or a file's path, a file's bytes, a path, the lines of a list
Progress = Callable[[int], None]  # is given the number of addresses seen so far


class Choices(TypedDict, total=False):
    """What may be said of a source, as with `hdscan add`; None is as good as nothing."""

    name: str | None
    chains: Sequence[str]
    script: str | None
    path: str | None
    accounts: int | None
    gap: int | None
    count: int | None
    forget_key: bool
    skip_invalid: bool


def without_keys(text: str) -> str:
    """The name or label itself; InputError where it holds what looks like a key or a mnemonic, since it is shown to all."""
    if masked(text) != text:
        raise InputError("a name or label holds what looks like a key or a mnemonic; everybody who sees a report would see it")
    return text
