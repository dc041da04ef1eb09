"""Bitcoin through Blockchair: a hundred addresses a call, of which it names those that hold something."""

from collections.abc import Mapping, Sequence

from hdscan.chains.bitcoin import params_of
from hdscan.model.provider import Head, Reply
from hdscan.model.reading import Kind, Reading
from hdscan.provider.remote import Remote
from hdscan.wire import blockchair


class Blockchair(Remote):
    """Reads confirmed satoshi with their height; an address that it does not name is for another provider to read."""

    methods: Mapping[Kind, str] = {Kind.NATIVE: "addresses/balances"}
    most: Mapping[Kind, int] = {Kind.NATIVE: 100}  # of 25,000: most addresses are empty, and each of those goes elsewhere
    states_head = True

    async def prove(self) -> Head:
        block_hash, height = blockchair.genesis(await self.ask(blockchair.GENESIS))
        self.require(block_hash)
        return Head(height)

    async def tip(self) -> Head:
        return Head(blockchair.height(await self.ask(blockchair.STATS)))

    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        response = await self.ask(blockchair.balances_request(readings))
        stated, found = blockchair.balances(response, readings, params_of(self._chain).supply)
        return self.reply(found, stated, Head(stated))
