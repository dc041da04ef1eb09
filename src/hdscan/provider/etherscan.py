"""EVM chains through Etherscan's API V2, the shape that BscScan had: 20 native balances or one token balance a call."""

from collections.abc import Sequence

from hdscan.model.chain import Chain
from hdscan.model.endpoint import Cost, Endpoint, Protocol
from hdscan.model.provider import Head, Reply
from hdscan.model.reading import Kind, Reading
from hdscan.provider.remote import Clock, Remote, most_items
from hdscan.provider.transport import Transport
from hdscan.wire import etherscan


class Etherscan(Remote):
    """Reads wei and token units at the latest block; replies name no height."""

    protocol = Protocol.ETHERSCAN
    names_blocks = True

    def __init__(self, endpoint: Endpoint, chain: Chain, transport: Transport, clock: Clock) -> None:
        super().__init__(
            endpoint,
            chain,
            transport,
            clock,
            capacity={Kind.NATIVE: most_items(endpoint, etherscan.MOST), Kind.TOKEN: 1},
            methods={Kind.NATIVE: "balancemulti", Kind.TOKEN: "tokenbalance"},
            weight={Kind.NATIVE: 1, Kind.TOKEN: 1},
            costs_items=endpoint.cost is Cost.ITEM,
        )

    async def prove(self) -> None:
        """Compare the chain id that Etherscan's node states."""
        response = await self._ask(etherscan.proxy_request("eth_chainId", self._identity))
        self._require(str(etherscan.number(response)))

    async def tip(self) -> Head:
        """Ask for the block number."""
        return Head(etherscan.number(await self._ask(etherscan.proxy_request("eth_blockNumber", self._identity))))

    async def block_hash(self, height: int) -> str:
        """Ask for the block at a height, and take its hash."""
        return etherscan.block(await self._ask(etherscan.block_request(height, self._identity)), height)

    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        """Read native balances, or one token balance."""
        response = await self._ask(etherscan.balances_request(readings, self._identity))
        if readings[0].asset.is_native:
            return self._reply(etherscan.balances(response, readings), height)
        return self._reply([etherscan.token_balance(response)], height)
