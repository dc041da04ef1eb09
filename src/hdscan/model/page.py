"""A long answer in pages, each beginning where the former ended."""

from enum import StrEnum
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some items, and the cursor that the next page is asked for with: opaque, None at the end."""

    items: tuple[T, ...]
    next: str | None


class Sort(StrEnum):
    """The order of balances.

    INDEX is chain, index, asset, and INDEX_DOWN its reverse. Amounts of two assets can't be compared: AMOUNT and AMOUNT_DOWN
    are chain and asset, in order of registration, then amount and index, upwards or downwards; what was never read has no
    amount and ends its asset's rows in both, in order of index.
    """

    INDEX = "index"
    INDEX_DOWN = "-index"
    AMOUNT = "amount"
    AMOUNT_DOWN = "-amount"
