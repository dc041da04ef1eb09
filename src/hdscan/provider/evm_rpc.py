"""EVM chains through a node's JSON-RPC: eth_getBalance, eth_call of balanceOf and nonces, single or in batches."""

from collections.abc import Mapping, Sequence

import msgspec

from hdscan.model.chain import Asset
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head, Reply, TokenFacts
from hdscan.model.reading import Kind, ReadError, Reading
from hdscan.provider.remote import JsonRpc, Link, asks_use
from hdscan.wire import erc20, evm, jsonrpc


class EvmHost(JsonRpc):
    """A node's JSON-RPC, however its balances are asked for: all at the block tag that the chain's `read_at` names."""

    codes = evm.CODES
    names_blocks = True
    takes_canaries = True

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._tag = link.chain.read_at or evm.LATEST

    async def tip(self) -> Head:
        return Head(evm.head(await self.call(evm.head_call(self._tag)), self._tag))

    async def block_hash(self, height: int) -> str:
        return evm.block_hash(await self.call(evm.block_call(height)), height)


class EvmRpc(EvmHost):
    """Reads wei, token units and, for the use, nonces; replies name no height."""

    methods: Mapping[Kind, str] = evm.METHODS
    most: Mapping[Kind, int] = dict.fromkeys(evm.METHODS, 20)
    counts_items = True
    token_units = 2  # decimals and symbol

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._lone = False  # whether the host refused even two calls in one request

    async def prove(self) -> Head | None:
        """Compare the chain id, and ask for the head in the same call where that costs no more and batches are served."""
        calls = [evm.CHAIN_ID]
        if not (self._lone or self.costs_items or self.capacity[Kind.NATIVE] < 2):
            calls.append(evm.head_call(self._tag))
        try:
            chain_id, *head = await self._results(*calls)
        except CallError as error:
            self._lone = self._lone or error.fault is ReadCode.TOO_LARGE
            raise
        self.require(str(evm.number(chain_id, "eth_chainId")))
        return Head(evm.head(head[0], self._tag)) if head else None

    async def tokens(self, assets: Sequence[Asset]) -> Sequence[TokenFacts | ReadError]:
        """Ask for decimals and symbols; where only single calls are served, for the decimals of one token."""
        selectors = (erc20.DECIMALS,) if self._lone or self.capacity[Kind.TOKEN] < 2 else (erc20.DECIMALS, erc20.SYMBOL)
        calls = [erc20.call(str(asset.contract), selector, self._tag) for asset in assets for selector in selectors]
        try:
            answers = iter(await self.answers(calls))
        except CallError as error:
            self._lone = self._lone or error.fault is ReadCode.TOO_LARGE
            raise
        return [_facts(*(next(answers) for _ in selectors)) for _ in assets]

    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        return await self.with_canary(self._read, readings, height)

    async def _read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        answers = await self.answers([evm.balance_call(reading, self._tag) for reading in readings])
        found = [
            answer if isinstance(answer, ReadError) else evm.balance(answer, reading)
            for answer, reading in zip(answers, readings, strict=True)
        ]
        return (self.uses if asks_use(readings) else self.reply)(found, height)

    async def _results(self, *calls: jsonrpc.Call) -> list[msgspec.Raw]:
        results = []
        for (method, _), answer in zip(calls, await self.answers(calls), strict=True):
            if isinstance(answer, ReadError):
                raise CallError(answer.code, f"{method}: {answer.message}")
            results.append(answer)
        return results


def _facts(decimals: jsonrpc.Answer, symbol: jsonrpc.Answer | None = None) -> TokenFacts | ReadError:
    if isinstance(decimals, ReadError):
        return decimals
    try:
        return erc20.facts(erc20.returned(decimals), erc20.returned(symbol) if isinstance(symbol, msgspec.Raw) else b"")
    except CallError as error:
        return ReadError(error.fault, error.message)
