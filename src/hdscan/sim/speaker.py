"""What every protocol does: parse requests, and answer them from a view of the chain."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import msgspec

from hdscan.sim.faults import Trouble
from hdscan.sim.http import Request
from hdscan.sim.view import View
from hdscan.sim.world import ChainWorld

Ask = tuple[str, str]


class Call(msgspec.Struct, frozen=True, gc=False):
    """A parsed request: its `methods`, its `items` as they count for cost and batch cap, and the protocol's own `work`.

    `asks` are the balances asked for: (address or token account, asset symbol; "account" for an unknown Solana account), and
    what is asked of an address's use: (address, USE).
    """

    methods: tuple[str, ...]
    items: int
    asks: tuple[Ask, ...]
    work: Any = None


class Answer(msgspec.Struct, frozen=True):
    """A reply: JSON, or plain text; sent `after` more seconds than the latency, when `instead` may give another body."""

    body: bytes
    status: int = 200
    text: bool = False
    after: float = 0.0
    instead: Callable[[], bytes | None] = lambda: None


class Speaker(ABC):
    """One protocol, at `path` below a host's address; one aggregate3 may hold `gas_cap` subcalls.

    None of its methods raises, as invalid requests have an answer too.
    """

    path = ""
    pass_seconds = 0.0
    limited: Answer

    def __init__(self, world: ChainWorld, gas_cap: int = 5_000) -> None:
        self._world, self._native = world, world.chain.symbol

    @abstractmethod
    def hear(self, request: Request) -> Call:
        """Parse a request."""

    def refuse(self, call: Call, trouble: Trouble) -> Answer | None:
        """Refuse it as a whole, where `trouble` is ERROR_OBJECT, BUSY_TEXT or NODE_STATE (that only for balances)."""
        return None

    @abstractmethod
    def answer(self, call: Call, view: View, trouble: Trouble) -> Answer:
        """Answer it, with the item fault of `trouble`."""

    def throttled(self, *, disguised: bool) -> Answer:
        """Make the reply to a client that exceeds the rate: `limited` with status 429, or `disguised` with 200."""
        return msgspec.structs.replace(self.limited, status=200 if disguised else 429)

    @abstractmethod
    def too_large(self, cap: int) -> Answer:
        """Make the reply to a batch of more than `cap` items."""
