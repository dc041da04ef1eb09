"""Reads the JSON of a wallet's file within limits; no error repeats a value of it."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from hdscan.keys.listing import MAX_LABEL
from hdscan.keys.secret import masked
from hdscan.model.errors import InputError

LONGEST_NAME = 80  # characters of a wallet's name
_KEY_LIKE = re.compile("[0-9A-Za-z]{20,}")
_MOST = 10_000  # members of a list that is read one by one


class Record:
    """An object of a file: `what` the file was taken for, `where` the object stands in it."""

    def __init__(self, what: str, data: Mapping[str, Any], where: str = "") -> None:
        self.what = what
        self.data = data
        self._where = where

    def __repr__(self) -> str:
        return f"<{self._where or 'record'} of {self.what}>"

    def __contains__(self, key: str) -> bool:
        return self.data.get(key) not in (None, "")

    def fault(self, key: str, wrong: str) -> InputError:
        """An error about a member."""
        return InputError(f"{self.what}: `{self._where}{key}` {wrong}")

    def text(self, *keys: str) -> str:
        """The first of these members that is there; it has to be text."""
        for key in keys:
            if key in self:
                value = self.data[key]
                if not isinstance(value, str):
                    raise self.fault(key, "is not text")
                return value.strip()
        raise self.fault(keys[0], "is missing")

    def maybe(self, *keys: str) -> str | None:
        """The first of these members that is there, or None."""
        return self.text(*keys) if any(key in self for key in keys) else None

    def number(self, key: str, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        value = self.data.get(key)
        if value is None:
            raise self.fault(key, "is missing")
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.fault(key, f"is not a whole number from {low:,} to {high:,}")
        return value

    def count(self, key: str) -> int:
        """How many addresses a wallet says it has given out; 0 where it does not say."""
        return self.number(key, 0, 1_000_000) if key in self else 0

    def record(self, key: str) -> "Record":
        """An object within."""
        if not isinstance(self.data.get(key), Mapping):
            raise self.fault(key, "is not an object" if key in self else "is missing")
        return Record(self.what, self.data[key], f"{self._where}{key}.")

    def records(self, key: str) -> list["Record"]:
        """A list of objects within."""
        values = self.data.get(key)
        if not isinstance(values, list) or not values:
            raise self.fault(key, "is not a list" if key in self else "is missing")
        if len(values) > _MOST:
            raise self.fault(key, f"has more than {_MOST:,} entries")
        return list(self._numbered(key, values))

    def _numbered(self, key: str, values: list[Any]) -> Iterator["Record"]:
        for number, value in enumerate(values, 1):
            if not isinstance(value, Mapping):
                raise self.fault(f"{key}[{number}]", "is not an object")
            yield Record(self.what, value, f"{self._where}{key}[{number}].")

    def name(self, *keys: str) -> str | None:
        """What the file calls a wallet, in one line that can be printed."""
        return next((clean(str(self.data[key])) for key in keys if isinstance(self.data.get(key), str)), None)


def clean(name: str) -> str | None:
    """A wallet's name as it can be shown, without what may be a piece of a key; None if nothing is left."""
    return (clean_label(_KEY_LIKE.sub("…", name)) or "")[:LONGEST_NAME].strip() or None


def clean_label(label: str) -> str | None:
    """A label, which may name an address, in one line that can be printed, without what looks like a key."""
    text = "".join(character if character.isprintable() else " " for character in masked(label[: 20 * MAX_LABEL]))
    return " ".join(text.split())[:MAX_LABEL].strip() or None


def load(text: str, start: int = 0) -> tuple[Any, int]:
    """The JSON value that stands in a text at `start`, and where it ends."""
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        where = "it ends too early" if error.pos >= len(text.rstrip()) else f"line {error.lineno}, column {error.colno}"
        raise InputError(f"this begins like JSON, but is damaged or cut off ({where}): export it again") from None
    except RecursionError:
        raise InputError("this is JSON that is nested too deeply: no wallet's file is") from None
    except ValueError:  # an integer of more than 4,300 digits
        raise InputError("this is JSON with a number that is too large: no wallet's file has one") from None
    return value, end


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise InputError("this is JSON in which an object has a member twice: which one counts cannot be told")
    return members


_DECODER = json.JSONDecoder(object_pairs_hook=_once)
