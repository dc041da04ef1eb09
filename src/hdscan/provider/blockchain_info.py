"""Bitcoin through blockchain.info: two hundred addresses a call, with what of them is in the mempool."""

from collections.abc import Mapping, Sequence

from hdscan.chains.bitcoin import params_of
from hdscan.model.provider import Head, Reply
from hdscan.model.reading import Balance, Kind, ReadError, Reading
from hdscan.provider.remote import Remote, asks_use
from hdscan.wire import blockchain_info


class BlockchainInfo(Remote):
    """Reads confirmed and unconfirmed satoshi, and the use in the same reply, with their height."""

    methods: Mapping[Kind, str] = {Kind.NATIVE: "multiaddr", Kind.USE: "multiaddr (use)"}
    most: Mapping[Kind, int] = dict.fromkeys(methods, blockchain_info.MOST)
    states_head = True
    takes_canaries = True

    async def prove(self) -> None:
        self.require(blockchain_info.genesis(await self.ask(blockchain_info.GENESIS)))

    async def tip(self) -> Head:
        return Head(blockchain_info.height(await self.ask(blockchain_info.TIP)))

    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        return await self.with_canary(self._read, readings, height)

    async def _read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        response, supply = await self.ask(blockchain_info.balances_request(readings)), params_of(self._chain).supply
        if asks_use(readings):
            height, counts = blockchain_info.uses(response, readings, supply)
            return self.uses(counts, height, _head(height))
        height, found = blockchain_info.balances(response, readings, supply)
        outcomes = tuple(each if isinstance(each, ReadError) else self._balance(each, height) for each in found)
        return Reply(outcomes, _head(height))

    def _balance(self, stated: blockchain_info.Stated, height: int | None) -> Balance:
        confirmed, unconfirmed, transactions = stated
        return Balance(confirmed, unconfirmed, height, self._clock(), self.name, used=transactions > 0)


def _head(height: int | None) -> Head | None:
    return None if height is None else Head(height)
