"""Solana through getMultipleAccounts: lamports and associated token accounts, 99 keys and the clock a call."""

from collections.abc import Mapping, Sequence

import msgspec

from hdscan.model.endpoint import Endpoint
from hdscan.model.provider import Head, Reply
from hdscan.model.reading import Kind, Reading
from hdscan.provider.remote import JsonRpc, Link
from hdscan.wire import solana


class SolanaRpc(JsonRpc):
    """Reads lamports and token units at a commitment, with the slot they are of."""

    codes = solana.CODES
    methods: Mapping[Kind, str] = {
        Kind.NATIVE: "getMultipleAccounts (native)",
        Kind.MIXED: "getMultipleAccounts",
        Kind.TOKEN: "getMultipleAccounts (token)",
    }
    most: Mapping[Kind, int] = dict.fromkeys(Kind, 100)  # keys, the clock among them
    weight: Mapping[Kind, int] = {Kind.NATIVE: 1, Kind.TOKEN: 2}  # keys
    counts_items = True
    states_head = True
    overhead = 1  # the clock
    takes_canaries = True

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._commitment = link.chain.read_at or "finalized"

    def _sizes(self, endpoint: Endpoint) -> Mapping[Kind, int]:
        keys = {kind: max(1, most - 1) for kind, most in super()._sizes(endpoint).items()}
        return keys if keys[Kind.TOKEN] > 1 else {Kind.NATIVE: 1}

    async def prove(self) -> None:
        self.require(solana.genesis_hash(await self.call(solana.GENESIS)))

    async def tip(self) -> Head:
        return Head(solana.slot(await self.call(("getSlot", ({"commitment": self._commitment},)))))

    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        return await self.with_canary(self._read, readings, height)

    async def _read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        asked = solana.ask(readings, self._commitment)
        found = solana.read(await self.call(asked.call), asked)
        reply = self.reply(found.outcomes, found.slot, Head(found.slot))
        return msgspec.structs.replace(reply, requested=len(asked.keys), received=found.received)
