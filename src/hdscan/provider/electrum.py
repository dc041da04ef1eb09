"""Bitcoin through an Electrum host: a hundred addresses a message, over one connection that is kept."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec

from hdscan.chains.bitcoin import params_of, script_pubkey
from hdscan.model.errors import CallError, InputError, ReadCode
from hdscan.model.provider import Head, Reply
from hdscan.model.reading import Balance, Kind, ReadError, Reading
from hdscan.provider.connection import Connection
from hdscan.provider.dial import SYSTEM
from hdscan.provider.remote import Link, Remote, asks_use
from hdscan.wire import electrum, jsonrpc
from hdscan.wire.http import Response

CONNECT = 5.0  # seconds for a connection and the greeting
TRUSTED = 60.0  # seconds for which the host is trusted to announce new blocks


class Electrum(Remote):
    """Reads confirmed and unconfirmed satoshi, and the use by the history; replies name no height, but blocks are announced."""

    methods: Mapping[Kind, str] = {
        Kind.NATIVE: "blockchain.scripthash.get_balance",
        Kind.USE: "blockchain.scripthash.get_history",
    }
    most: Mapping[Kind, int] = {Kind.NATIVE: 100, Kind.USE: 100}
    counts_items = True
    names_blocks = True
    takes_canaries = True
    first = 10

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self.drawn = not self.trusted
        self._connection: Connection | None = None
        self._dialling = asyncio.Lock()
        self._tip_asked_at = 0.0

    async def prove(self) -> None:
        self.require(await self.block_hash(0))

    async def block_hash(self, height: int) -> str:
        async with self._in_time():
            return electrum.block_hash(await self._one(await self._connected(), electrum.header_call(height)))

    async def tip(self) -> Head:
        """Give the height announced last; asked for on every new connection and once a minute, as announcements may be lost."""
        async with self._in_time():
            connection = await self._connected()
            known = connection.tip
            if known is not None and self._clock() - self._tip_asked_at < TRUSTED:
                if self.sent is not None:
                    self.sent()  # no request goes out that another call would have to keep its distance from
                return Head(known)
            self._tip_asked_at = self._clock()
            height = electrum.tip(await self._one(connection, electrum.TIP))
            if connection.tip == known:  # otherwise a block was announced meanwhile
                connection.tip = height
            assert connection.tip is not None
            return Head(connection.tip)

    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        read = self._read_uses if asks_use(readings) else self._read_balances
        return await self.with_canary(read, readings, height)

    async def _read_balances(self, readings: Sequence[Reading], height: int | None) -> Reply:
        height, answers = await self._answers(electrum.balance_call, readings, height)
        now, supply = self._clock(), params_of(self._chain).supply
        found = [electrum.balance(answer, supply) for answer in answers]
        return Reply(tuple(each if isinstance(each, ReadError) else Balance(*each, height, now, self.name) for each in found))

    async def _read_uses(self, readings: Sequence[Reading], height: int | None) -> Reply:
        alone = len(readings) == 1
        try:
            height, answers = await self._answers(electrum.history_call, readings, height)
        except CallError as error:
            if not (alone and error.fault is ReadCode.TOO_LARGE and electrum.is_too_long(error.message)):
                raise
            return self.uses([1], height)
        return self.uses([electrum.transactions(answer, alone=alone) for answer in answers], height)

    async def _answers(
        self, call: Callable[[bytes], jsonrpc.Call], readings: Sequence[Reading], height: int | None
    ) -> tuple[int | None, list[jsonrpc.Answer]]:
        """The height known by now, and an answer for each reading; an error for an address that the chain does not have."""
        asked = [self._call(call, reading) for reading in readings]
        calls = [each for each in asked if not isinstance(each, ReadError)]
        answers: list[jsonrpc.Answer] = []
        if calls:
            async with self._in_time():
                connection = await self._connected()
                height = height if connection.tip is None else connection.tip
                answers = jsonrpc.decode(*await self._talk(connection, calls, self.sent), electrum.CODES)
        left = iter(answers)
        return height, [each if isinstance(each, ReadError) else next(left) for each in asked]

    def _call(self, call: Callable[[bytes], jsonrpc.Call], reading: Reading) -> jsonrpc.Call | ReadError:
        try:
            return call(script_pubkey(self._chain, reading.address))
        except InputError as error:
            return ReadError(ReadCode.ITEM_ERROR, f"the address {error}")

    # -- the connection

    async def _connected(self) -> Connection:
        """The open connection, or a new one, greeted and with its certificate remembered; made one at a time."""
        async with self._dialling:
            if self._connection is None or not self._connection.usable:
                try:
                    async with asyncio.timeout(min(CONNECT, self._transport.seconds)):
                        connection = await self._greeted()
                except TimeoutError:
                    raise CallError(ReadCode.TIMEOUT, f"no connection within {CONNECT:g} s") from None
                if connection.fingerprint is not None and self._row.tls != SYSTEM:
                    self._transport.pins[self.endpoint] = connection.fingerprint
                self._connection = connection
            return self._connection

    async def _greeted(self) -> Connection:
        connection = await self._transport.dial(self._row)
        try:
            hello = await self._talk(connection, [electrum.HELLO])
            electrum.check_version(jsonrpc.single(*hello, electrum.CODES))
        except BaseException:
            connection.close()
            raise
        return connection

    async def _one(self, connection: Connection, call: jsonrpc.Call) -> msgspec.Raw:
        return jsonrpc.single(*await self._talk(connection, [call], self.sent), electrum.CODES)

    async def _talk(
        self, connection: Connection, calls: Sequence[jsonrpc.Call], sent: Callable[[], None] | None = None
    ) -> tuple[Response, jsonrpc.Batch]:
        batch, line = await connection.ask(calls, sent)
        return Response(200, {}, line), batch

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        """Bound everything that a call takes: the connection, the greeting, the reply."""
        seconds = self._transport.seconds
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            raise CallError(ReadCode.TIMEOUT, f"no reply within {seconds:g} s") from None
