"""Bitcoin through Esplora: one address a call (blockstream.info, mempool.space)."""

from collections.abc import Sequence

from hdscan.chains.bitcoin import params_of
from hdscan.model.chain import Chain
from hdscan.model.endpoint import Endpoint, Protocol
from hdscan.model.provider import Head, Reply
from hdscan.model.reading import Balance, Kind, ReadError, Reading
from hdscan.provider.remote import Clock, Remote
from hdscan.provider.transport import Transport
from hdscan.wire import esplora


class Esplora(Remote):
    """Reads confirmed and unconfirmed satoshi; replies name no height."""

    protocol = Protocol.ESPLORA
    names_blocks = True

    def __init__(self, endpoint: Endpoint, chain: Chain, transport: Transport, clock: Clock) -> None:
        super().__init__(
            endpoint,
            chain,
            transport,
            clock,
            capacity={Kind.NATIVE: 1},
            methods={Kind.NATIVE: "address"},
            weight={Kind.NATIVE: 1},
        )
        self._supply = params_of(chain).supply

    async def prove(self) -> None:
        """Compare the genesis hash."""
        self._require(esplora.block_hash(await self._ask(esplora.GENESIS)))

    async def tip(self) -> Head:
        """Ask for the tip's height."""
        return Head(esplora.height(await self._ask(esplora.TIP)))

    async def block_hash(self, height: int) -> str:
        """Ask for the hash at a height."""
        return esplora.block_hash(await self._ask(esplora.block_request(height)))

    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        """Read one address."""
        (reading,) = readings
        found = esplora.balance(await self._ask(esplora.address_request(reading.address)), reading.address, self._supply)
        if isinstance(found, ReadError):
            return Reply((found,))
        return Reply((Balance(*found, height, self._clock(), self.name),))
