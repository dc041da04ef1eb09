"""Solana's tokens through getTokenAccountsByOwner: the sum over all token accounts of an owner, associated or not."""

from collections.abc import Mapping, Sequence

import msgspec

from hdscan.model.endpoint import Endpoint
from hdscan.model.provider import Head, Reply
from hdscan.model.reading import Balance, Kind, ReadError, Reading
from hdscan.provider.remote import Link
from hdscan.provider.solana_rpc import SolanaHost
from hdscan.wire import solana_owner


class SolanaTokens(SolanaHost):
    """Reads token units at a commitment: for an owner a call per token program, for several owners in a batch.

    Hosts count the calls of a batch, so that they are counted here whatever the endpoint's row says.
    """

    methods: Mapping[Kind, str] = {Kind.TOKEN: "getTokenAccountsByOwner"}
    most: Mapping[Kind, int] = {Kind.TOKEN: 40}  # calls
    weight: Mapping[Kind, int] = {Kind.TOKEN: solana_owner.CALLS}

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self.costs_items = True
        self._listed: frozenset[str] = frozenset()

    def _sizes(self, endpoint: Endpoint) -> Mapping[Kind, int]:
        """Calls in a batch, no more than a second's."""
        return {kind: max(solana_owner.CALLS, min(size, int(endpoint.rate))) for kind, size in super()._sizes(endpoint).items()}

    def know_tokens(self, programs: Mapping[str, str | None]) -> None:
        """One question answers them all; what is held of others is told beside."""
        self._listed = frozenset(programs)
        self.by_owner = max(1, len(programs))

    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        owners = list(dict.fromkeys(reading.address for reading in readings))
        calls = [call for owner in owners for call in solana_owner.calls(owner, self._commitment)]
        held = dict(zip(owners, solana_owner.holdings(await self.together(calls, solana_owner.CALLS), owners), strict=True))
        slot = min((each.slot for each in held.values() if not isinstance(each, ReadError)), default=None)
        found = [_units(held[reading.address], reading) for reading in readings]
        reply = self.reply(found, slot, None if slot is None else Head(slot))
        rest = {owner: each.unlisted(self._listed) for owner, each in held.items() if not isinstance(each, ReadError)}
        outcomes = (
            msgspec.structs.replace(outcome, unlisted=rest[reading.address]) if isinstance(outcome, Balance) else outcome
            for reading, outcome in zip(readings, reply.outcomes, strict=True)
        )
        return msgspec.structs.replace(reply, outcomes=tuple(outcomes))


def _units(held: solana_owner.Holdings | ReadError, reading: Reading) -> int | ReadError:
    """What an owner holds of a reading's mint; a complete list of accounts that names it nowhere says that it is none."""
    return held if isinstance(held, ReadError) else held.amounts.get(str(reading.asset.contract), 0)
