"""Tron through the Ethereum-style JSON-RPC of its nodes, which reads at the latest block only: sun and TRC-20 units.

Source: https://tronprotocol.github.io/documentation-en/api/json-rpc
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from msgspec.structs import replace

from hdscan.chains.tron import hexadecimal
from hdscan.model.chain import Asset
from hdscan.model.provider import Reply, TokenFacts
from hdscan.model.reading import Kind, ReadError, Reading
from hdscan.provider.evm_rpc import EvmRpc
from hdscan.provider.remote import asks_use
from hdscan.wire import evm, tron


class TronRpc(EvmRpc):
    """Reads as from an EVM node, whose calls know no T…: addresses and contracts go there as 0x and 20 bytes.

    The use is told by whether there is an account: the nonces of java-tron are all 0 (github.com/trezor/blockbook/pull/1751).
    """

    methods: Mapping[Kind, str] = {**evm.METHODS, Kind.USE: tron.ESTIMATE}
    most: Mapping[Kind, int] = dict.fromkeys(methods, 100)  # java-tron's `maxBatchSize`

    async def tokens(self, assets: Sequence[Asset]) -> Sequence[TokenFacts | ReadError]:
        return await super().tokens([_translated(asset) for asset in assets])

    async def _read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        if asks_use(readings):
            calls = [tron.account_call(hexadecimal(each.address)) for each in readings]
            return self.uses([tron.accounts(answer) for answer in await self.answers(calls)], height)
        there = [replace(each, address=hexadecimal(each.address), asset=_translated(each.asset)) for each in readings]
        return await super()._read(there, height)


@lru_cache(1024)
def _translated(asset: Asset) -> Asset:
    return asset if asset.contract is None else replace(asset, contract=hexadecimal(asset.contract))
