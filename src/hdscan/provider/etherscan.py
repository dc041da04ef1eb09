"""EVM chains through Etherscan's API V2, in the shape that BscScan had: 20 native balances, a token's or a nonce a call."""

from collections.abc import Mapping, Sequence

from hdscan.model.chain import Asset
from hdscan.model.provider import Head, Reply, TokenFacts
from hdscan.model.reading import Kind, ReadError, Reading
from hdscan.provider.remote import Remote, asks_use
from hdscan.wire import etherscan


class Etherscan(Remote):
    """Reads wei, token units and, for the use, nonces at the latest block; replies name no height."""

    methods: Mapping[Kind, str] = {
        Kind.NATIVE: "balancemulti",
        Kind.TOKEN: "tokenbalance",
        Kind.USE: "eth_getTransactionCount",
    }
    most: Mapping[Kind, int] = {Kind.NATIVE: etherscan.MOST, Kind.TOKEN: 1, Kind.USE: 1}
    counts_items = True
    names_blocks = True
    token_units = 1  # decimals, of one token

    async def prove(self) -> None:
        self.require(str(await self._number("eth_chainId")))

    async def tip(self) -> Head:
        return Head(await self._number("eth_blockNumber"))

    async def block_hash(self, height: int) -> str:
        return etherscan.block(await self.ask(etherscan.block_request(height, self._chain.identity)), height)

    async def tokens(self, assets: Sequence[Asset]) -> Sequence[TokenFacts | ReadError]:
        (asset,) = assets
        request = etherscan.decimals_request(str(asset.contract), self._chain.identity)
        return [etherscan.token_facts(await self.ask(request))]

    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        if asks_use(readings):
            (reading,) = readings
            response = await self.ask(etherscan.nonce_request(reading.address, self._chain.identity))
            return self.uses([etherscan.transactions(response)], height)
        response = await self.ask(etherscan.balances_request(readings, self._chain.identity))
        if readings[0].asset.is_native:
            return self.reply(etherscan.balances(response, readings), height)
        return self.reply([etherscan.token_balance(response)], height)

    async def _number(self, action: str) -> int:
        return etherscan.number(await self.ask(etherscan.proxy_request(action, self._chain.identity)))
