"""EVM chains through Multicall3: hundreds of native and token balances at one block, in one eth_call."""

from collections.abc import Mapping, Sequence

from hdscan.model.chain import Asset
from hdscan.model.endpoint import Endpoint
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head, Reply, TokenFacts
from hdscan.model.reading import Kind, ReadError, Reading
from hdscan.provider.evm_rpc import EvmHost
from hdscan.provider.remote import Link
from hdscan.wire import multicall

STATED = 16  # hashes that a call asks for again


class Multicall(EvmHost):
    """Reads wei and token units with the block and chain they are of; to the host it is one call, however much it holds.

    Every reply states the hash of the block before its own and again those that earlier replies stated, so that a block that
    left the chain shows in the very call that reads.

    Where contracts are told a block of another chain (`l1_blocks`), that is left unread: the head comes by eth_blockNumber
    beside it, and an amount is of the last head known before, or of a later block.
    """

    methods: Mapping[Kind, str] = {
        Kind.MIXED: "aggregate3",
        Kind.NATIVE: "aggregate3 (native)",
        Kind.TOKEN: "aggregate3 (token)",
    }
    most: Mapping[Kind, int] = dict.fromkeys(methods, 600)
    states_head = True
    token_units = 2  # decimals and symbol

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self.states_head = not link.chain.l1_blocks
        self._most = STATED  # hashes that a call asks for, fewer where the host refuses so many
        self._stated: list[int] = []  # heights of the blocks before those of the last replies, in the order of their arrival

    def _sizes(self, endpoint: Endpoint) -> Mapping[Kind, int]:
        """Beside another protocol `batch` is about the items of that one's calls."""
        batch = endpoint.batch if len(endpoint.protocols) == 1 else None
        return {kind: min(most, batch or most) for kind, most in self.most.items()}

    async def prove(self) -> Head | None:
        """Make the very call that reads, with no balance in it."""
        return (await self._aggregate(()))[0]

    async def tip(self) -> Head:
        head = (await self._aggregate(()))[0] if self.states_head else None
        return head or await super().tip()

    async def tokens(self, assets: Sequence[Asset]) -> Sequence[TokenFacts | ReadError]:
        contracts = [str(asset.contract) for asset in assets]
        return multicall.token_facts(await self.call(multicall.token_call(contracts, self._tag)), len(contracts))

    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        return await self.with_canary(self._read, readings, height)

    async def _read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        head, found = await self._aggregate(readings)
        return self.reply(found, height if head is None else head.height, head)

    async def _aggregate(self, readings: Sequence[Reading]) -> tuple[Head | None, list[int | ReadError]]:
        former = self._stated[-self._most :] if self._most else []
        try:
            answer = await self.call(multicall.call(readings, former, self._tag))
        except CallError as error:
            if error.fault is ReadCode.TOO_LARGE and len(readings) <= len(former):
                self._most = len(former) // 2
            raise
        block, found = multicall.decode(answer, len(readings), former)
        self.require(str(block.chain_id))
        if not self.states_head:
            return None, found
        if block.number - 1 in block.hashes and block.number - 1 not in self._stated:
            self._stated.append(block.number - 1)
        self._stated = [height for height in self._stated if height >= block.number - multicall.KNOWN][-STATED:]
        return Head(block.number, block.hashes), found
