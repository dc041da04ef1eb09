"""What a provider returns for one call; `pool.port` declares the port itself."""

from collections.abc import Mapping

import msgspec

from hdscan.model.reading import Balance, ReadError


class Missing(msgspec.Struct, frozen=True):
    """A reading that a short reply left out: fetched again at once, in halves."""


MISSING = Missing()

ItemOutcome = Balance | ReadError | Missing


class Head(msgspec.Struct, frozen=True):
    """The head that a host stated (block height or slot), and the block hashes by height of the same chain."""

    height: int
    blocks: Mapping[int, str] = {}


class TokenFacts(msgspec.Struct, frozen=True):
    """What the chain says of a token: by its contract (EVM) or its mint (Solana)."""

    decimals: int
    symbol: str | None = None  # None where none is stated
    program: str | None = None  # Solana: the token program that owns the mint


class Reply(msgspec.Struct, frozen=True):
    """A well-formed reply."""

    outcomes: tuple[ItemOutcome, ...]  # one per reading, in the order asked
    head: Head | None = None  # None where the reply states none
    requested: int = 0  # both counts are for the warning about a short reply
    received: int = 0
    note: str | None = None  # something that users need to know, in one sentence
