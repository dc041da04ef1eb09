"""Bitcoin through Esplora: one address a call (blockstream.info, mempool.space)."""

from collections.abc import Mapping, Sequence

from hdscan.chains.bitcoin import params_of
from hdscan.model.errors import ReadCode
from hdscan.model.provider import Head, Reply
from hdscan.model.reading import Balance, Kind, ReadError, Reading
from hdscan.provider.remote import Remote
from hdscan.wire import esplora

_UNCOUNTED = ReadError(ReadCode.MALFORMED, "the reply does not count the transactions")


class Esplora(Remote):
    """Reads confirmed and unconfirmed satoshi, and the use in the same reply, which names no height."""

    methods: Mapping[Kind, str] = {Kind.NATIVE: "address", Kind.USE: "address (use)"}
    most: Mapping[Kind, int] = {Kind.NATIVE: 1, Kind.USE: 1}
    names_blocks = True

    async def prove(self) -> None:
        self.require(await self.block_hash(0))

    async def tip(self) -> Head:
        return Head(esplora.height(await self.ask(esplora.TIP)))

    async def block_hash(self, height: int) -> str:
        return esplora.block_hash(await self.ask(esplora.block_request(height)))

    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        (reading,) = readings
        response = await self.ask(esplora.address_request(reading.address))
        found = esplora.stats(response, reading.address, params_of(self._chain).supply)
        if isinstance(found, ReadError):
            return Reply((found,))
        confirmed, unconfirmed, transactions = found
        if reading.kind is Kind.USE:
            return self.uses([_UNCOUNTED if transactions is None else transactions], height)
        used = None if transactions is None else transactions > 0
        return Reply((Balance(confirmed, unconfirmed, height, self._clock(), self.name, used=used),))
