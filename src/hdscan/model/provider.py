"""What a provider gives back for one call; `pool.port` declares the port itself."""

from collections.abc import Mapping

import msgspec

from hdscan.model.reading import Balance, ReadError


class Missing(msgspec.Struct, frozen=True):
    """A reading that a short reply left out: fetched again at once, in halves (B3)."""


MISSING = Missing()

ItemOutcome = Balance | ReadError | Missing


class Head(msgspec.Struct, frozen=True):
    """The block height or slot that a host named as its head, and the hashes by height that it stated of that same chain."""

    height: int
    blocks: Mapping[int, str] = {}


class Reply(msgspec.Struct, frozen=True):
    """A well-formed reply: one outcome per reading asked, in the order asked, and the head it named (None where it names none).

    `received` is how many items came back where that is fewer than `requested`; both are for the warning of B3.
    """

    outcomes: tuple[ItemOutcome, ...]
    head: Head | None = None
    requested: int = 0
    received: int = 0
