"""Bitcoin through blockchain.info: two hundred addresses a call, with what of them is in the mempool."""

from collections.abc import Mapping, Sequence

from hdscan.chains.bitcoin import params_of
from hdscan.model.provider import Head, Reply
from hdscan.model.reading import Balance, Kind, ReadError, Reading
from hdscan.provider.remote import Remote
from hdscan.wire import blockchain_info


class BlockchainInfo(Remote):
    """Reads confirmed and unconfirmed satoshi with their height."""

    methods: Mapping[Kind, str] = {Kind.NATIVE: "multiaddr"}
    most: Mapping[Kind, int] = {Kind.NATIVE: blockchain_info.MOST}
    states_head = True
    takes_canaries = True

    async def prove(self) -> None:
        self.require(blockchain_info.genesis(await self.ask(blockchain_info.GENESIS)))

    async def tip(self) -> Head:
        return Head(blockchain_info.height(await self.ask(blockchain_info.TIP)))

    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        return await self.with_canary(self._read, readings, height)

    async def _read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        response = await self.ask(blockchain_info.balances_request(readings))
        stated, found = blockchain_info.balances(response, readings, params_of(self._chain).supply)
        now = self._clock()
        outcomes = [each if isinstance(each, ReadError) else Balance(*each, stated, now, self.name) for each in found]
        return Reply(tuple(outcomes), None if stated is None else Head(stated))
