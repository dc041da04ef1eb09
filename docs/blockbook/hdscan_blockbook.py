"""Bitcoin through Blockbook, one address a call (github.com/trezor/blockbook, docs/api.md)."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.json import Decoder

from hdscan.provider.plugin import (
    Family,
    Head,
    Kind,
    Protocol,
    Reading,
    Remote,
    Reply,
    Request,
    decode,
    failure,
    malformed,
    read_decimal,
    refuse_repeats,
)


class Indexer(Struct):
    bestHeight: int


class Status(Struct):
    blockbook: Indexer


class Block(Struct):
    blockHash: str


class Address(Struct):
    address: str
    balance: str  # confirmed satoshi


T = TypeVar("T")


class Blockbook(Remote):
    """Reads confirmed satoshi; replies name no height."""

    methods: Mapping[Kind, str] = {Kind.NATIVE: "address"}
    most: Mapping[Kind, int] = {Kind.NATIVE: 1}
    names_blocks = True

    async def prove(self) -> None:
        self.require(await self.block_hash(0))

    async def tip(self) -> Head:
        return Head((await self.get("", Decoder(Status))).blockbook.bestHeight)

    async def block_hash(self, height: int) -> str:
        return (await self.get(f"/block-index/{height}", Decoder(Block))).blockHash

    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        (reading,) = readings
        found = await self.get(f"/address/{reading.address}", Decoder(Address), details="basic")
        if found.address != reading.address:
            raise malformed("the reply is of another address")
        return self.reply([read_decimal(found.balance)], height)

    async def get(self, path: str, decoder: Decoder[T], **query: str) -> T:
        response = await self.ask(Request(path, query))
        if response.status != 200:
            raise failure(response)
        refuse_repeats(response.body, {b'"address"': 1, b'"balance"': 1})
        return decode(decoder, response.body, "the reply")


PROTOCOL = Protocol("blockbook", Family.BITCOIN, Blockbook)
