"""Bitcoin through a node of one's own (Bitcoin Core): a hundred thousand addresses in one pass over all unspent outputs."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from hdscan.chains.bitcoin import params_of, script_pubkey
from hdscan.model.errors import CallError, InputError, ReadCode
from hdscan.model.provider import Head, Reply
from hdscan.model.reading import Kind, ReadError, Reading
from hdscan.model.url import basic
from hdscan.provider.remote import JsonRpc, Link
from hdscan.wire import bitcoind, jsonrpc
from hdscan.wire.http import Request, Response

POLL = 5.0  # seconds between questions how far a pass is
STALLED = 180.0  # seconds without progress after which a pass counts as failed: the node first writes its cache to the disk
ABORTING = 5.0  # seconds in which the node has to end a pass that is not wanted any more
TOLD = 25  # percent between two lines of the log
ABORTED = 0.1  # seconds until it has ended one
LONGEST_COOKIE = 4096  # bytes

_log = structlog.get_logger()


class Bitcoind(JsonRpc):
    """Reads confirmed satoshi, all of one block; what waits in the mempool is not known.

    A pass takes minutes, however many addresses it is for, and a node makes one at a time: it is watched, waited for where it
    is somebody else's, and aborted where nobody wants it any more.
    """

    methods: Mapping[Kind, str] = {Kind.NATIVE: "scantxoutset"}
    most: Mapping[Kind, int] = {Kind.NATIVE: 100_000}  # 8 MB of the 32 MiB that a request may have
    codes = bitcoind.CODES
    states_head = True
    names_blocks = True
    takes_canaries = True
    gathers = True

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._cookie = link.endpoint.cookie
        self._configured = link.endpoint  # `_row` is that with what the cookie file holds

    async def prove(self) -> Head:
        self.require(await self.block_hash(0))
        return await self.tip()

    async def tip(self) -> Head:
        stated = bitcoind.tip(await self.call(bitcoind.CHAIN), self._chain.head_tolerance)
        return Head(stated.blocks, {stated.blocks: stated.bestblockhash})

    async def block_hash(self, height: int) -> str:
        return bitcoind.block_hash(await self.call(bitcoind.hash_call(height)))

    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        return await self.with_canary(self._read, readings, height)

    async def _read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        scripts = [self._script(reading) for reading in readings]
        asked = [(each.address, script) for each, script in zip(readings, scripts, strict=True) if isinstance(script, str)]
        if not asked:
            return Reply(tuple(script for script in scripts if isinstance(script, ReadError)))
        addresses, wanted = zip(*asked, strict=True)
        passed = bitcoind.found(await self._pass(bitcoind.start_call(addresses)), wanted, params_of(self._chain).supply)
        tip = await self.tip()  # blocks came while it took minutes
        if await self.block_hash(passed.height) != passed.block:
            raise CallError(ReadCode.STALE, f"the block {passed.height} was undone while it read")
        amounts = iter(passed.amounts)
        found = [script if isinstance(script, ReadError) else next(amounts) for script in scripts]
        return self.reply(found, passed.height, Head(tip.height, {**tip.blocks, passed.height: passed.block}))

    def _script(self, reading: Reading) -> str | ReadError:
        try:
            return script_pubkey(self._chain, reading.address).hex()
        except InputError as error:
            return ReadError(ReadCode.ITEM_ERROR, f"the address {error}")

    # -- the pass

    async def _pass(self, call: jsonrpc.Call) -> msgspec.Raw:
        batch = jsonrpc.encode([call])
        request = msgspec.structs.replace(batch.request, lasting=True)
        while True:
            scan = asyncio.create_task(self.ask(request))
            watch = _Watch(self.name, self._clock())
            try:
                while not (await asyncio.wait({scan}, timeout=POLL))[0]:
                    watch.hear(await self._percent(), self._clock())
                return jsonrpc.single(scan.result(), batch, self.codes)
            except CallError as error:
                if not bitcoind.busy(error):
                    raise
            finally:
                if not scan.done():
                    await self._abort(scan)
            while (percent := await self._percent()) is not None:  # somebody else's
                watch.hear(percent, self._clock())
                await asyncio.sleep(POLL)

    async def _percent(self) -> float | None:
        """How far the node's pass is, None where there is none, or that is not known."""
        with suppress(CallError):
            return bitcoind.progress(await self.call(bitcoind.STATUS))
        return None

    async def _abort(self, scan: asyncio.Task[Response]) -> None:
        """Have the node end our pass; until it has begun to read, it forgets that it was told to."""
        scan.cancel()
        await asyncio.gather(scan, return_exceptions=True)
        with suppress(CallError, TimeoutError):
            async with asyncio.timeout(ABORTING):
                while await self._percent() is not None:
                    await self.call(bitcoind.ABORT)
                    await asyncio.sleep(ABORTED)

    # -- the cookie

    async def ask(self, request: Request) -> Response:
        """With what the cookie file holds now, as every start of the node writes another into it."""
        if self._cookie is None:
            return await super().ask(request)
        self._read_cookie()
        sent = self._row
        response = await super().ask(request)
        if response.status == 401:
            self._read_cookie()
            if self._row != sent:  # the node was started anew in this moment
                return await super().ask(request)
        return response

    def _read_cookie(self) -> None:
        assert self._cookie is not None
        try:
            with Path(self._cookie).open("rb") as file:
                text = file.read(LONGEST_COOKIE).decode("ascii").strip()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text"
            raise CallError(ReadCode.UNREACHABLE, f"its cookie file cannot be read ({why}); does the node run?") from None
        if not text.isprintable() or ":" not in text:
            raise CallError(ReadCode.UNREACHABLE, "its cookie file holds no user and password")
        row = msgspec.structs.replace(self._configured, headers=(*self._configured.headers, ("Authorization", basic(text))))
        if row != self._row:
            self._row = row
            self._secrets = tuple(secret.encode() for secret in (*row.secrets, text.partition(":")[2]))


class _Watch:
    """How far a pass is; CallError TIMEOUT where it stands still."""

    def __init__(self, name: str, now: float) -> None:
        self._name = name
        self._percent = 0.0
        self._since = now

    def hear(self, percent: float | None, now: float) -> None:
        """Take in how far it is, None where that is not known."""
        if percent is not None and percent != self._percent:
            if percent // TOLD != self._percent // TOLD:
                _log.info("utxo_scan", provider=self._name, percent=percent)
            self._percent, self._since = percent, now
        elif now - self._since > STALLED:
            raise CallError(ReadCode.TIMEOUT, f"its pass has stood at {self._percent:g} % for {STALLED:g} s")
