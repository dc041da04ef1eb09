"""Copies the fields that two structs share."""

from typing import TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


def recast(value: msgspec.Struct, kind: type[T], **changes: object) -> T:
    """`value` as a `kind`: the fields that both have, and `changes`."""
    shared = {name: getattr(value, name) for name in value.__struct_fields__ if name in kind.__struct_fields__}
    return kind(**shared | changes)
