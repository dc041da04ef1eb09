"""Solana through getMultipleAccounts: lamports and associated token accounts, 99 keys and the clock a call."""

from collections.abc import Mapping, Sequence

import msgspec

from hdscan.model.chain import Asset
from hdscan.model.endpoint import Endpoint
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.protocol import SOLANA_TOKENS
from hdscan.model.provider import Head, Reply, TokenFacts
from hdscan.model.reading import Kind, ReadError, Reading
from hdscan.provider.remote import JsonRpc, Link, asks_use
from hdscan.wire import solana, solana_use
from hdscan.wire.jsonrpc import Answer, Call

_CUT_OFF = ReadError(ReadCode.ABSENT, "it has no transaction here, but the host does not keep the first blocks")


class SolanaHost(JsonRpc):
    """A node's JSON-RPC, read at a commitment; every reply states its slot."""

    codes = solana.CODES
    states_head = True

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._commitment = link.chain.read_at or "finalized"
        self._lone = False  # whether the host refused even the smallest batch

    async def prove(self) -> None:
        self.require(solana.genesis_hash(await self.call(solana.GENESIS)))

    async def tip(self) -> Head:
        return Head(solana.slot(await self.call(("getSlot", ({"commitment": self._commitment},)))))

    async def together(self, calls: Sequence[Call], least: int) -> list[Answer]:
        """Answers to a batch; where the host refuses even one of `least` calls, to one call after the other."""
        if not self._lone:
            try:
                return await self.answers(calls)
            except CallError as error:
                self._lone = error.fault is ReadCode.TOO_LARGE and len(calls) == least
                if not self._lone:
                    raise
        return [answer for call in calls for answer in await self.answers([call])]


class SolanaRpc(SolanaHost):
    """Reads lamports and the units in associated token accounts; no tokens where its endpoint speaks `solana-tokens` too."""

    methods: Mapping[Kind, str] = {
        Kind.NATIVE: "getMultipleAccounts (native)",
        Kind.MIXED: "getMultipleAccounts",
        Kind.TOKEN: "getMultipleAccounts (token)",
        Kind.USE: "getSignaturesForAddress",
    }
    most: Mapping[Kind, int] = dict.fromkeys(methods, 100) | {Kind.USE: 1}  # keys, the clock among them; addresses
    weight: Mapping[Kind, int] = {Kind.NATIVE: 1, Kind.TOKEN: 2, Kind.USE: 2}  # keys, until the programs are proved; calls
    counts_items = True
    overhead = 1  # the clock
    token_units = 1  # the mint
    takes_canaries = True

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._programs: dict[str, str] = {}  # by mint, where it is proved
        self._keeps_all = False  # whether it was seen to have the first blocks

    def _sizes(self, endpoint: Endpoint) -> Mapping[Kind, int]:
        keys = {kind: max(1, most - 1) for kind, most in super()._sizes(endpoint).items()}
        apart = SOLANA_TOKENS in endpoint.protocols or keys[Kind.TOKEN] < 2
        return {kind: size for kind, size in keys.items() if kind in (Kind.NATIVE, Kind.USE) or not apart}

    async def tokens(self, assets: Sequence[Asset]) -> Sequence[TokenFacts | ReadError]:
        mints = [str(asset.contract) for asset in assets]
        return solana.mints(await self.call(solana.mints_call(mints, self._commitment)), len(mints))

    def know_tokens(self, programs: Mapping[str, str | None]) -> None:
        """A token takes one key once the programs of all are proved."""
        self._programs = {mint: program for mint, program in programs.items() if program}
        if Kind.TOKEN in self.weight:
            self.weight = {**self.weight, Kind.TOKEN: 1 if len(self._programs) == len(programs) else 2}

    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        if asks_use(readings):
            return self.uses([await self._used(*readings)], height)
        return await self.with_canary(self._read, readings, height)

    async def _used(self, reading: Reading) -> int | ReadError:
        """The number of its transactions, 0 or 1; of a host that keeps only the latest blocks, none says nothing."""
        call = solana_use.signatures_call(reading.address, self._commitment)
        if self._keeps_all:
            return solana_use.transactions(await self.call(call))
        said, blocks = await self.together([call, solana_use.FIRST_BLOCKS], 2)
        if isinstance(said, ReadError):
            return said
        found = solana_use.transactions(said)
        if not found and isinstance(blocks, ReadError):
            return blocks
        self._keeps_all = not isinstance(blocks, ReadError) and solana_use.keeps_all(blocks)
        return found if found or self._keeps_all else _CUT_OFF

    async def _read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        asked = solana.ask(readings, self._commitment, self._programs)
        found = solana.read(await self.call(asked.call), asked)
        reply = self.reply(found.outcomes, found.slot, Head(found.slot))
        return msgspec.structs.replace(reply, requested=len(asked.keys), received=found.received)
