"""An address as it stands in the store."""

import msgspec


class Address(msgspec.Struct, frozen=True):
    """An address of a chain: `index` is its position in order of arrival, `path` its derivation path where it was derived."""

    chain: str
    index: int
    text: str
    path: str | None = None
