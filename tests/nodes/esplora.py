"""An Esplora over bitcoind and ElectrumX: the part of its REST that a wallet needs (github.com/Blockstream/esplora, API.md).

There is no Esplora in any package registry. BDK's own client is the judge of whether this is one.
"""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from tests.nodes.bitcoin import COIN, Bitcoin
from tests.nodes.electrumx import ElectrumX, Pipeline, script_hash

PAGE = 25  # confirmed transactions of one reply

Found = tuple[dict[str, Any], int]  # a transaction as bitcoind decodes it, and its height, below 1 where it waits


class Facade:
    """Answers from what ElectrumX lists of a script and bitcoind knows of its transactions."""

    def __init__(self, bitcoin: Bitcoin, index: Pipeline, session: aiohttp.ClientSession) -> None:
        self._index = index
        self._session = session
        parts = urlsplit(bitcoin.url)
        self._url = f"http://{parts.hostname}:{parts.port}/"
        self._headers = {"Authorization": aiohttp.encode_basic_auth(str(parts.username), str(parts.password))}
        self._transactions: dict[str, asyncio.Task[dict[str, Any]]] = {}
        self._scripts = {address: script for script, address in bitcoin.address_of.items()}
        self.asked: set[str] = set()

    def routes(self) -> list[web.RouteDef]:
        """Every path that is answered."""
        answers: dict[str, Callable[..., Awaitable[object]]] = {
            "/blocks/tip/height": self.tip,
            "/blocks/tip/hash": self.tip_hash,
            "/block-height/{height}": self.block_hash,
            "/blocks": self.blocks,
            "/address/{address}": self.address,
            "/scripthash/{hash}/txs": self.transactions,
            "/scripthash/{hash}/txs/chain/{last}": self.transactions,
        }
        return [web.get(path, partial(self._answer, answer)) for path, answer in answers.items()]

    async def _answer(self, answer: Callable[..., Awaitable[object]], request: web.Request) -> web.Response:
        assert request.match_info.route.resource is not None
        self.asked.add(request.match_info.route.resource.canonical)
        try:
            found = await answer(**request.match_info)
        except ValueError as error:
            return web.Response(status=400, text=str(error))
        return web.json_response(found) if isinstance(found, dict | list) else web.Response(text=str(found))

    async def _ask(self, method: str, *params: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": 0, "method": method, "params": params}
        async with self._session.post(self._url, json=body, headers=self._headers) as reply:
            found = await reply.json(loads=partial(json.loads, parse_float=Decimal))
        if found.get("error"):
            raise ValueError(found["error"]["message"])
        return found["result"]

    # -- blocks: the index's tip is the tip, since no balance is of a later block

    async def tip(self) -> int:
        """The height of the last block."""
        return int((await self._index.ask("blockchain.headers.subscribe"))["height"])

    async def tip_hash(self) -> str:
        """The hash of the last block."""
        return await self.block_hash(str(await self.tip()))

    async def block_hash(self, height: str) -> str:
        """The hash of a block by its height."""
        return str(await self._ask("getblockhash", int(height)))

    async def blocks(self) -> list[dict[str, Any]]:
        """The last ten blocks, the newest first."""
        tip = await self.tip()
        found = [
            await self._ask("getblock", await self.block_hash(str(height))) for height in range(tip, max(-1, tip - 10), -1)
        ]
        return [
            {
                "id": block["hash"],
                "height": block["height"],
                "version": block["version"],
                "timestamp": block["time"],
                "mediantime": block["mediantime"],
                "tx_count": block["nTx"],
                "size": block["size"],
                "weight": block["weight"],
                "merkle_root": block["merkleroot"],
                "previousblockhash": block.get("previousblockhash"),
                "nonce": block["nonce"],
                "bits": int(block["bits"], 16),
                "difficulty": float(block["difficulty"]),
            }
            for block in found
        ]

    # -- scripts

    async def address(self, address: str) -> dict[str, Any]:
        """What an address received and spent, in blocks and in the mempool."""
        if address not in self._scripts:
            known = await self._ask("validateaddress", address)
            if not known["isvalid"]:
                raise ValueError("Invalid Bitcoin address")
            self._scripts[address] = known["scriptPubKey"]
        script = self._scripts[address]
        found = await self._found(script_hash(script))
        return {
            "address": address,
            "chain_stats": await self._sums(script, [one for one, height in found if height > 0]),
            "mempool_stats": await self._sums(script, [one for one, height in found if height <= 0]),
        }

    async def transactions(self, hash: str, last: str | None = None) -> list[dict[str, Any]]:
        """The transactions of a script: those that wait, then those of blocks, the newest first, a page at a time."""
        found = await self._found(bytes.fromhex(hash)[::-1].hex())
        confirmed = sorted((each for each in found if each[1] > 0), key=lambda each: -each[1])
        waiting = [each for each in found if each[1] <= 0]
        if last is not None:
            names = [one["txid"] for one, _ in confirmed]
            confirmed, waiting = confirmed[names.index(last) + 1 :], []
        return [await self._as_esplora(one, height) for one, height in waiting + confirmed[:PAGE]]

    async def _found(self, hashed: str) -> list[Found]:
        history = await self._index.ask("blockchain.scripthash.get_history", hashed)
        return [(await self._transaction(each["tx_hash"]), each["height"]) for each in history]

    async def _transaction(self, txid: str) -> dict[str, Any]:
        if txid not in self._transactions:
            self._transactions[txid] = asyncio.create_task(self._ask("getrawtransaction", txid, 1))
        return await asyncio.shield(self._transactions[txid])  # whoever asked first may hang up

    async def _spent(self, given: dict[str, Any]) -> dict[str, Any]:
        """The output that an input takes."""
        return dict((await self._transaction(given["txid"]))["vout"][given["vout"]])

    async def _sums(self, script: str, transactions: list[dict[str, Any]]) -> dict[str, int]:
        funded = [satoshi(out) for one in transactions for out in one["vout"] if out["scriptPubKey"]["hex"] == script]
        taken = [await self._spent(given) for one in transactions for given in one["vin"] if "txid" in given]
        spent = [satoshi(out) for out in taken if out["scriptPubKey"]["hex"] == script]
        return {
            "tx_count": len(transactions),
            "funded_txo_count": len(funded),
            "funded_txo_sum": sum(funded),
            "spent_txo_count": len(spent),
            "spent_txo_sum": sum(spent),
        }

    async def _as_esplora(self, one: dict[str, Any], height: int) -> dict[str, Any]:
        given = [{**each, "out": await self._spent(each) if "txid" in each else None} for each in one["vin"]]
        status: dict[str, Any] = {"confirmed": False}
        if height > 0:
            hashed = await self.block_hash(str(height))
            time = (await self._ask("getblockheader", hashed))["time"]
            status = {"confirmed": True, "block_height": height, "block_hash": hashed, "block_time": time}
        coinbase = given[0]["out"] is None
        taken = 0 if coinbase else sum(satoshi(each["out"]) for each in given)
        return {
            "txid": one["txid"],
            "version": one["version"],
            "locktime": one["locktime"],
            "vin": [_input(each) for each in given],
            "vout": [{"scriptpubkey": out["scriptPubKey"]["hex"], "value": satoshi(out)} for out in one["vout"]],
            "size": one["size"],
            "weight": one["weight"],
            "fee": 0 if coinbase else taken - sum(map(satoshi, one["vout"])),
            "status": status,
        }


def _input(given: dict[str, Any]) -> dict[str, Any]:
    out = given["out"]
    return {
        "txid": given.get("txid", "0" * 64),
        "vout": given.get("vout", 0xFFFFFFFF),
        "prevout": out and {"scriptpubkey": out["scriptPubKey"]["hex"], "value": satoshi(out)},
        "scriptsig": given["scriptSig"]["hex"] if out else given["coinbase"],
        "witness": given.get("txinwitness", []),
        "is_coinbase": out is None,
        "sequence": given["sequence"],
    }


def satoshi(output: dict[str, Any]) -> int:
    """The value of an output."""
    return int(output["value"] * COIN)


@contextmanager
def esplora(bitcoin: Bitcoin, index: ElectrumX, refuses: Callable[[], bool] = lambda: False) -> Iterator[str]:
    """The url of an Esplora in a thread of its own; a request that it `refuses` gets a 429."""

    @web.middleware
    async def throttle(request: web.Request, handler: Callable[[web.Request], Awaitable[Any]]) -> Any:
        return web.Response(status=429, text="too many requests") if refuses() else await handler(request)

    loop = asyncio.new_event_loop()
    url: list[str] = []
    up, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with Pipeline(index.port) as pipeline, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=16)) as session:
            app = web.Application(middlewares=[throttle])
            app.add_routes(Facade(bitcoin, pipeline, session).routes())
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            url.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
            up.set()
            await stop.wait()
            await runner.cleanup()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        finally:
            up.set()
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    up.wait()
    try:
        yield url[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
