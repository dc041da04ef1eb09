"""EVM chains through Multicall3: hundreds of native and token balances at one block, in one eth_call."""

from collections.abc import Sequence

from hdscan.model.chain import Chain
from hdscan.model.endpoint import Endpoint, Protocol
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head, Reply
from hdscan.model.reading import Kind, ReadError, Reading
from hdscan.provider.evm_rpc import EvmHost
from hdscan.provider.remote import Clock
from hdscan.provider.transport import Transport
from hdscan.wire import jsonrpc, multicall
from hdscan.wire.failure import Dialect

MOST = 600
STATED = 16  # hashes that a call asks for again


class Multicall(EvmHost):
    """Reads wei and token units with the block and chain they are of; to the host it is one call, however much it holds.

    Every reply states the hash of the block before its own, and those that replies before it stated, so that a block that is no
    longer of the chain shows in the call that reads.
    """

    protocol = Protocol.EVM_MULTICALL
    states_head = True
    takes_canaries = True

    def __init__(self, endpoint: Endpoint, chain: Chain, transport: Transport, clock: Clock) -> None:
        # beside another protocol `batch` is about the items of that one's calls
        most = MOST if endpoint.batch is None or len(endpoint.protocols) > 1 else min(MOST, endpoint.batch)
        super().__init__(
            endpoint,
            chain,
            transport,
            clock,
            capacity=dict.fromkeys(Kind, most),
            methods={Kind.MIXED: "aggregate3", Kind.NATIVE: "aggregate3 (native)", Kind.TOKEN: "aggregate3 (token)"},
            weight={Kind.NATIVE: 1, Kind.TOKEN: 1},
        )
        self._most = STATED  # hashes that a call asks for, fewer where the host refuses so much
        self._stated: list[int] = []  # heights of the blocks before those of the last replies, in the order of their arrival

    async def prove(self) -> Head:
        """Make the very call that reads, with no balance in it."""
        return await self.tip()

    async def tip(self) -> Head:
        """Ask for the block number, with the chain it is of."""
        return (await self._call(()))[0]

    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        """Read balances of any kind at one block."""
        return await self._with_canary(self._read, readings, height)

    async def _read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        head, found = await self._call(readings)
        return self._reply(found, head.height, head)

    async def _call(self, readings: Sequence[Reading]) -> tuple[Head, list[int | ReadError]]:
        former = self._stated[-self._most :] if self._most else []
        batch = jsonrpc.encode([multicall.call(readings, former)])
        try:
            answer = jsonrpc.single(await self._ask(batch.request), batch, Dialect.EVM)
        except CallError as error:
            if error.fault is ReadCode.TOO_LARGE and len(readings) <= len(former):
                self._most = len(former) // 2
            raise
        block, found = multicall.decode(answer, len(readings), former)
        self._require(str(block.chain_id))
        if block.number - 1 in block.hashes and block.number - 1 not in self._stated:
            self._stated.append(block.number - 1)
        self._stated = [height for height in self._stated if height >= block.number - multicall.KNOWN][-STATED:]
        return Head(block.number, block.hashes), found
