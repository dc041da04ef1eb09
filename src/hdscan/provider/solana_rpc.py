"""Solana through getMultipleAccounts: lamports and associated token accounts, 99 keys and the clock a call."""

from collections.abc import Sequence

import msgspec

from hdscan.model.chain import Chain
from hdscan.model.endpoint import Cost, Endpoint, Protocol
from hdscan.model.provider import Head, Reply
from hdscan.model.reading import Kind, Reading
from hdscan.provider.remote import Clock, Remote, most_items
from hdscan.provider.transport import Transport
from hdscan.wire import jsonrpc, solana
from hdscan.wire.failure import Dialect

MOST = 100  # keys a call, the clock among them


class SolanaRpc(Remote):
    """Reads lamports and token units at a commitment, with the slot they are of."""

    protocol = Protocol.SOLANA_RPC
    states_head = True
    overhead = 1  # the clock
    takes_canaries = True

    def __init__(
        self, endpoint: Endpoint, chain: Chain, transport: Transport, clock: Clock, *, commitment: str = "finalized"
    ) -> None:
        keys = max(1, most_items(endpoint, MOST) - 1)
        methods = {Kind.NATIVE: "getMultipleAccounts (native)"}
        weight = {Kind.NATIVE: 1}
        if keys >= 2:
            methods |= {Kind.MIXED: "getMultipleAccounts", Kind.TOKEN: "getMultipleAccounts (token)"}
            weight[Kind.TOKEN] = 2
        super().__init__(
            endpoint,
            chain,
            transport,
            clock,
            capacity=dict.fromkeys(methods, keys),
            methods=methods,
            weight=weight,
            costs_items=endpoint.cost is Cost.ITEM,
        )
        self._commitment = commitment

    async def prove(self) -> None:
        """Compare the genesis hash."""
        self._require(solana.genesis_hash(await self._call(solana.GENESIS)))

    async def tip(self) -> Head:
        """Ask for the slot at our commitment."""
        return Head(solana.slot(await self._call(("getSlot", ({"commitment": self._commitment},)))))

    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        """Read accounts; what a short reply leaves open comes back as MISSING."""
        return await self._with_canary(self._read, readings, height)

    async def _read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        asked = solana.ask(readings, self._commitment)
        found = solana.read(await self._call(asked.call), asked)
        reply = self._reply(found.outcomes, found.slot, Head(found.slot))
        return msgspec.structs.replace(reply, requested=len(asked.keys), received=found.received)

    async def _call(self, call: jsonrpc.Call) -> msgspec.Raw:
        batch = jsonrpc.encode([call])
        return jsonrpc.single(await self._ask(batch.request), batch, Dialect.SOLANA)
