"""An address as stored."""

import msgspec


class Address(msgspec.Struct, frozen=True):
    """An address: `index` is its position on its chain in order of arrival, `path` its derivation path if it was derived."""

    chain: str
    index: int
    text: str
    path: str | None = None
