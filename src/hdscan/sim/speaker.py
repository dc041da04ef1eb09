"""What a protocol is to a host: it hears requests and answers them from a view of the chain."""

from typing import Protocol

import msgspec

from hdscan.sim.faults import Trouble
from hdscan.sim.http import Request
from hdscan.sim.view import View

Ask = tuple[str, str]


class Call(msgspec.Struct, frozen=True, gc=False):
    """A request understood: `methods` named, `items` that count for cost and batch cap, balances asked, and `work` to be done.

    `asks` are (address or token account, asset symbol; "account" for an unknown Solana account).
    """

    methods: tuple[str, ...]
    items: int
    asks: tuple[Ask, ...]
    work: object


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A reply: JSON unless `text` says that it is prose."""

    body: bytes
    status: int = 200
    text: bool = False


class Speaker(Protocol):
    """One protocol. None of its methods raises: a request that it can't understand has an answer too."""

    def hear(self, request: Request) -> Call:
        """Understand a request."""

    def answer(self, call: Call, view: View, trouble: Trouble | None) -> Answer:
        """Answer it, spoiled by an item fault, ERROR_OBJECT or STRING_RESULT where there is trouble."""

    def throttled(self, *, disguised: bool) -> Answer:
        """Return the reply to one who asks too fast; `disguised` is the form with HTTP 200."""

    def too_large(self, cap: int) -> Answer:
        """Return the reply to a batch of more than `cap` items."""
