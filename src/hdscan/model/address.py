"""An address as stored."""

import msgspec


class Address(msgspec.Struct, frozen=True):
    """An address: `index` is its position on its chain in order of arrival, `path` its derivation path if it was derived."""

    chain: str
    index: int
    text: str
    path: str | None = None


class BadLine(msgspec.Struct, frozen=True):
    """A line without a usable address: its number, from 1, and the reason, which never repeats the line."""

    number: int
    reason: str
