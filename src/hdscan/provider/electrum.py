"""Bitcoin through an Electrum host: a hundred addresses a message, over one connection that is kept."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec

from hdscan.chains.bitcoin import params_of, script_pubkey
from hdscan.model.chain import Chain
from hdscan.model.endpoint import Cost, Endpoint, Protocol
from hdscan.model.errors import CallError, InputError, ReadCode
from hdscan.model.provider import Head, Reply
from hdscan.model.reading import Balance, Kind, ReadError, Reading
from hdscan.provider.dial import SYSTEM
from hdscan.provider.remote import Clock, Remote, most_items
from hdscan.provider.session import Session
from hdscan.provider.transport import Transport
from hdscan.wire import electrum, jsonrpc
from hdscan.wire.failure import Dialect
from hdscan.wire.http import Response

MOST = 100
TOLD = 60.0  # seconds for which the host is relied on to tell new blocks


class Electrum(Remote):
    """Reads confirmed and unconfirmed satoshi; balances name no height, but the host tells every new block."""

    protocol = Protocol.ELECTRUM
    names_blocks = True

    def __init__(self, endpoint: Endpoint, chain: Chain, transport: Transport, clock: Clock) -> None:
        super().__init__(
            endpoint,
            chain,
            transport,
            clock,
            capacity={Kind.NATIVE: most_items(endpoint, MOST)},
            methods={Kind.NATIVE: "blockchain.scripthash.get_balance"},
            weight={Kind.NATIVE: 1},
            costs_items=endpoint.cost is Cost.ITEM,
        )
        self._coin, self._supply = chain, params_of(chain).supply
        self._tls = endpoint.tls
        self._session: Session | None = None
        self._dialling = asyncio.Lock()
        self._tip_asked_at = 0.0

    async def prove(self) -> None:
        """Compare the hash of the first block's header."""
        self._require(await self.block_hash(0))

    async def block_hash(self, height: int) -> str:
        """Work out the hash at a height from the block's header."""
        async with self._in_time():
            return electrum.block_hash(await self._one(await self._connected(), electrum.header_call(height)))

    async def tip(self) -> Head:
        """Give the height that was told last, asked for on every connection and once a minute, as a notice may be lost."""
        async with self._in_time():
            session = await self._connected()
            known = session.tip
            if known is not None and self._clock() - self._tip_asked_at < TOLD:
                if self.sent is not None:
                    self.sent()  # nothing goes out that another call would have to keep its distance from
                return Head(known)
            self._tip_asked_at = self._clock()
            height = electrum.tip(await self._one(session, electrum.TIP))
            session.tip = height if session.tip == known else session.tip  # a block may have been told since
            assert session.tip is not None
            return Head(session.tip)

    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        """Read balances in one message; an address that cannot be asked for fails alone."""
        asked = [self._call(reading) for reading in readings]
        calls = [call for call in asked if not isinstance(call, ReadError)]
        answers: list[jsonrpc.Answer] = []
        if calls:
            async with self._in_time():
                session = await self._connected()
                height = height if session.tip is None else session.tip
                answers = jsonrpc.decode(*await self._talk(session, calls, self.sent), Dialect.ELECTRUM)
        now, left = self._clock(), iter(answers)
        found = [call if isinstance(call, ReadError) else electrum.balance(next(left), self._supply) for call in asked]
        return Reply(tuple(each if isinstance(each, ReadError) else Balance(*each, height, now, self.name) for each in found))

    def _call(self, reading: Reading) -> jsonrpc.Call | ReadError:
        try:
            return electrum.balance_call(script_pubkey(self._coin, reading.address))
        except InputError as error:
            return ReadError(ReadCode.ITEM_ERROR, f"the address {error}")

    # -- the connection

    async def _connected(self) -> Session:
        """The connection that there is, or a new one, greeted and its certificate remembered; one is made at a time."""
        async with self._dialling:
            if self._session is None or not self._session.usable:
                session = await self._transport.dial(self._url, self._tls)
                try:
                    electrum.check_version(jsonrpc.single(*await self._talk(session, [electrum.HELLO]), Dialect.ELECTRUM))
                except BaseException:
                    session.close()
                    raise
                if session.fingerprint is not None and self._tls != SYSTEM:
                    self._transport.pins[self.endpoint] = session.fingerprint
                self._session = session
            return self._session

    async def _one(self, session: Session, call: jsonrpc.Call) -> msgspec.Raw:
        return jsonrpc.single(*await self._talk(session, [call], self.sent), Dialect.ELECTRUM)

    async def _talk(
        self, session: Session, calls: Sequence[jsonrpc.Call], sent: Callable[[], None] | None = None
    ) -> tuple[Response, jsonrpc.Batch]:
        batch, line = await session.ask(calls, sent)
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
