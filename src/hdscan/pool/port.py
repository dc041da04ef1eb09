"""The port that the pool needs of a provider."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from hdscan.model.chain import Asset
from hdscan.model.provider import Head, Reply, TokenFacts
from hdscan.model.reading import Kind, ReadError, Reading


class Provider(Protocol):
    """One protocol spoken to one endpoint."""

    name: str
    chain: str
    endpoint: str
    operator: str  # runs the endpoint: two providers of one operator confirm nothing to each other
    trusted: bool  # its word alone is enough
    methods: Mapping[Kind, str]  # the remote method per kind of call; a missing kind cannot be served
    capacity: Mapping[Kind, int]  # units that one call of a kind may hold
    first: int | None  # units of the first call, from which they grow; None: at once as large as it may be
    drawn: bool  # of many that offer the same to the public: some are drawn for a scan
    weight: Mapping[Kind, int]  # units that a reading of a kind takes (Solana: a token takes two keys)
    by_owner: int  # readings of one address that take their units once, as one question answers them all
    costs_items: bool  # the endpoint counts units, not calls, against its rate
    overhead: int  # units that it counts for a call beside its readings (Solana: the clock)
    gathers: bool  # a call takes minutes however much it reads: one at a time, which waits for all that comes
    states_head: bool  # every reply names its own height, so that no tip call is needed
    names_blocks: bool  # `block_hash` can be asked
    token_units: int  # units that a token takes in a call of `tokens`; 0 where that cannot be asked

    async def prove(self) -> Head | None:
        """Prove the chain in one or two calls and return the head where known; CallError WRONG_CHAIN if it is another."""

    async def tip(self) -> Head:
        """The provider's head; CallError otherwise."""

    async def block_hash(self, height: int) -> str:
        """The hash of the provider's block at a height; CallError otherwise."""

    async def tokens(self, assets: Sequence[Asset]) -> Sequence[TokenFacts | ReadError]:
        """Ask in exactly one call what the chain says of these tokens, in their order; EMPTY where there is no such token.

        Raises CallError when the call failed as a whole.
        """

    def know_tokens(self, programs: Mapping[str, str | None]) -> None:
        """The tokens that will be read: the token program of each contract or mint, None where it is not proved.

        Their readings may weigh less then.
        """

    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        """Ask for these readings in exactly one call; `height` is the last tip, for replies that name none.

        Raises CallError when the call failed as a whole.
        """
