"""The port of a protocol: it parses requests and answers them from a view of the chain."""

from typing import Protocol

import msgspec

from hdscan.sim.faults import Trouble
from hdscan.sim.http import Request
from hdscan.sim.view import View

Ask = tuple[str, str]


class Call(msgspec.Struct, frozen=True, gc=False):
    """A parsed request: its `methods`, its `items` as they count for cost and batch cap, and the protocol's own `work`.

    `asks` are the balances asked for: (address or token account, asset symbol; "account" for an unknown Solana account).
    """

    methods: tuple[str, ...]
    items: int
    asks: tuple[Ask, ...]
    work: object


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A reply: JSON, or plain text."""

    body: bytes
    status: int = 200
    text: bool = False


class Speaker(Protocol):
    """One protocol, at `path` below a host's address; none of its methods raises, as invalid requests have an answer too."""

    path: str

    def hear(self, request: Request) -> Call:
        """Parse a request."""

    def answer(self, call: Call, view: View, trouble: Trouble | None) -> Answer:
        """Answer it, with the item fault, ERROR_OBJECT or STRING_RESULT of `trouble`."""

    def throttled(self, *, disguised: bool) -> Answer:
        """Make the reply to a client that exceeds the rate; `disguised` with HTTP 200."""

    def too_large(self, cap: int) -> Answer:
        """Make the reply to a batch of more than `cap` items."""
