"""EVM chains through a node's JSON-RPC: eth_getBalance and eth_call of balanceOf, single or in batches."""

from collections.abc import Sequence

from hdscan.model.chain import Chain
from hdscan.model.endpoint import Cost, Endpoint, Protocol
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head, Reply
from hdscan.model.reading import Kind, ReadError, Reading
from hdscan.provider.remote import Clock, Remote, most_items
from hdscan.provider.transport import Transport
from hdscan.wire import evm, jsonrpc
from hdscan.wire.failure import Dialect

MOST = 20


class EvmHost(Remote):
    """A node's JSON-RPC, however its balances are asked for."""

    names_blocks = True

    async def block_hash(self, height: int) -> str:
        """Ask for the block at a height, and take its hash."""
        batch = jsonrpc.encode([evm.block_call(height)])
        return evm.block_hash(jsonrpc.single(await self._ask(batch.request), batch, Dialect.EVM), height)


class EvmRpc(EvmHost):
    """Reads wei and token units at the latest block; replies name no height."""

    protocol = Protocol.EVM_RPC
    takes_canaries = True

    def __init__(self, endpoint: Endpoint, chain: Chain, transport: Transport, clock: Clock) -> None:
        most = most_items(endpoint, MOST)
        super().__init__(
            endpoint,
            chain,
            transport,
            clock,
            capacity={Kind.NATIVE: most, Kind.TOKEN: most},
            methods={Kind.NATIVE: "eth_getBalance", Kind.TOKEN: "eth_call"},
            weight={Kind.NATIVE: 1, Kind.TOKEN: 1},
            costs_items=endpoint.cost is Cost.ITEM,
        )
        self._lone = False  # whether the host refused even two calls in one request

    async def prove(self) -> Head | None:
        """Compare the chain id, and ask for the head in the same call where that costs no more and batches are served."""
        if not (self._lone or self.costs_items or self.capacity[Kind.NATIVE] < 2):
            try:
                chain_id, head = await self._numbers(evm.CHAIN_ID, evm.BLOCK_NUMBER)
            except CallError as error:
                self._lone = error.fault is ReadCode.TOO_LARGE
                raise
            self._require(str(chain_id))
            return Head(head)
        (chain_id,) = await self._numbers(evm.CHAIN_ID)
        self._require(str(chain_id))
        return None

    async def tip(self) -> Head:
        """Ask for the block number."""
        return Head((await self._numbers(evm.BLOCK_NUMBER))[0])

    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        """Read balances of one kind."""
        return await self._with_canary(self._read, readings, height)

    async def _read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        answers = await self._answers([evm.balance_call(reading) for reading in readings])
        found = [
            answer if isinstance(answer, ReadError) else evm.balance(answer, reading)
            for answer, reading in zip(answers, readings, strict=True)
        ]
        return self._reply(found, height)

    async def _numbers(self, *calls: jsonrpc.Call) -> list[int]:
        numbers = []
        for (method, _), answer in zip(calls, await self._answers(calls), strict=True):
            if isinstance(answer, ReadError):
                raise CallError(answer.code, f"{method}: {answer.message}")
            numbers.append(evm.number(answer, method))
        return numbers

    async def _answers(self, calls: Sequence[jsonrpc.Call]) -> list[jsonrpc.Answer]:
        batch = jsonrpc.encode(calls)
        return jsonrpc.decode(await self._ask(batch.request), batch, Dialect.EVM)
