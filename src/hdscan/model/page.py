"""Paging through long results."""

from enum import StrEnum
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some items, and the opaque cursor for the next page, None at the end."""

    items: tuple[T, ...]
    next: str | None


class Sort(StrEnum):
    """The order of balances.

    INDEX is chain, index, asset, and INDEX_DOWN its reverse. Amounts of different assets are not comparable: AMOUNT and
    AMOUNT_DOWN are chain and asset in order of registration, then amount and index, ascending or descending; rows without an
    amount come last within their asset, in order of index.
    """

    INDEX = "index"
    INDEX_DOWN = "-index"
    AMOUNT = "amount"
    AMOUNT_DOWN = "-amount"
