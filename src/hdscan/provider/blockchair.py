"""Bitcoin through Blockchair: a hundred addresses a call, of which it names those that hold something."""

from collections.abc import Sequence

from hdscan.chains.bitcoin import params_of
from hdscan.model.chain import Chain
from hdscan.model.endpoint import Endpoint, Protocol
from hdscan.model.provider import Head, Reply
from hdscan.model.reading import Kind, Reading
from hdscan.provider.remote import Clock, Remote, most_items
from hdscan.provider.transport import Transport
from hdscan.wire import blockchair

MOST = 100  # of the 25,000 it takes: most addresses are empty, and each of those goes to another provider


class Blockchair(Remote):
    """Reads confirmed satoshi with the height they are of; what it does not name is for another provider to read."""

    protocol = Protocol.BLOCKCHAIR
    states_head = True

    def __init__(self, endpoint: Endpoint, chain: Chain, transport: Transport, clock: Clock) -> None:
        super().__init__(
            endpoint,
            chain,
            transport,
            clock,
            capacity={Kind.NATIVE: most_items(endpoint, MOST)},
            methods={Kind.NATIVE: "addresses/balances"},
            weight={Kind.NATIVE: 1},
        )
        self._supply = params_of(chain).supply

    async def prove(self) -> Head:
        """Compare the hash of the first block, in whose reply the height stands too."""
        block_hash, height = blockchair.genesis(await self._ask(blockchair.GENESIS))
        self._require(block_hash)
        return Head(height)

    async def tip(self) -> Head:
        """Ask for the tip's height."""
        return Head(blockchair.height(await self._ask(blockchair.STATS)))

    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        """Read the addresses that hold something; the others come back as ABSENT."""
        stated, found = blockchair.balances(await self._ask(blockchair.balances_request(readings)), readings, self._supply)
        return self._reply(found, stated, Head(stated))
