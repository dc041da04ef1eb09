"""What is fuzzed: a function of bytes that says how it went, and inputs to begin with."""

import atexit
import shutil
import tempfile
import traceback
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import msgspec

from hdscan.model.errors import HdscanError

SLOW = 5.0  # seconds of this thread; an input of at most `most` bytes takes milliseconds


class Target(msgspec.Struct, frozen=True):
    """`run` gives a word for what an input led to; whatever it raises is a failure. Inputs have at most `most` bytes."""

    name: str
    corpus: Sequence[bytes]
    run: Callable[[bytes], str]
    most: int = 1 << 14


@cache
def scratch() -> Path:
    """A directory for this process, gone with it."""
    place = tempfile.mkdtemp(prefix="hdscan-fuzz-")
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return Path(place)


def refused(error: HdscanError, *, plain: bool = True) -> str:
    """A word for a refusal: where in hdscan it was raised. `plain`: its text has to be one short line as it is."""
    text = str(error)
    assert text, f"{type(error).__name__} without a sentence"
    assert not plain or len(text) < 2000, f"an error of {len(text)} characters"
    assert not plain or text.isprintable(), f"an error that is not one plain line: {text!r}"
    lines = [f"{frame.f_code.co_name}:{line}" for frame, line in traceback.walk_tb(error.__traceback__)]
    return f"{type(error).__name__} {' '.join(lines[1:])}"
