"""How the simulator's tests talk to a host: a client with no opinion on what comes back."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from hdscan.sim.city import City
from hdscan.sim.faults import Rule
from hdscan.sim.host import Entry, HostSpec
from hdscan.sim.world import World

PROTOCOLS = {
    "btc": "esplora",
    "bsc": "evm-rpc",
    "sol": "solana-rpc",
    "tron": "tron-rpc",
}


class Answered(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Talk:
    """One client of one host."""

    def __init__(self, city: City, session: aiohttp.ClientSession, name: str) -> None:
        self.city, self.world, self.host = city, city.world, city.hosts[name]
        self.url = self.host.endpoint.url
        self._session = session

    @property
    def log(self) -> list[Entry]:
        return self.host.log

    async def get(self, below: str) -> Answered:
        async with self._session.get(self.url + below) as reply:
            return Answered(reply.status, dict(reply.headers), await reply.read())

    async def post(self, body: Any) -> Answered:
        async with self._session.post(self.url, json=body) as reply:
            return Answered(reply.status, dict(reply.headers), await reply.read())

    async def form(self, fields: dict[str, str]) -> Answered:
        """Post a form for Blockchair's balances."""
        async with self._session.post(self.url + "/addresses/balances", data=fields) as reply:
            return Answered(reply.status, dict(reply.headers), await reply.read())

    async def rpc(self, method: str, *params: Any) -> Any:
        answered = await self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
        return answered.json

    async def ask(self, index: int = 0) -> Answered:
        """Ask for one native balance in the host's protocol."""
        chain = self.host.spec.chain
        address = self.world[chain].address(index)
        if "blockchair" in self.host.spec.protocols:
            return await self.form({"addresses": address})
        if "blockchain-info" in self.host.spec.protocols:
            return await self.get(f"/multiaddr?active={address}")
        if chain == "btc":
            return await self.get(f"/address/{address}")
        if chain == "sol":
            return await self.post(accounts([address]))
        if "etherscan" in self.host.spec.protocols:
            return await self.get(f"&module=account&action=balancemulti&address={address}")
        return await self.post({"jsonrpc": "2.0", "id": 1, "method": "eth_getBalance", "params": [address, "latest"]})


def accounts(keys: list[str], **options: Any) -> dict[str, Any]:
    params = [keys, {"encoding": "base64", **options}]
    return {"jsonrpc": "2.0", "id": 1, "method": "getMultipleAccounts", "params": params}


def host(chain: str = "btc", **changes: Any) -> HostSpec:
    """Describe a host without limits or latency, called "h"."""
    plain = {"name": "h", "protocols": (PROTOCOLS[chain],), "rate": 1e6, "burst": 1e6, "latency": 0.0}
    return HostSpec(chain=chain, **{**plain, **changes})


@asynccontextmanager
async def talking(spec: HostSpec, rules: Iterable[Rule] = (), world: World | None = None) -> AsyncIterator[Talk]:
    city = City(world or World(1, 60, funded=0.5), [spec], faults={spec.name: rules})
    async with city, aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        session._retry_connection = False  # aiohttp would silently repeat a GET whose connection broke
        yield Talk(city, session, spec.name)


def converse(story: Callable[[Talk], Awaitable[None]], spec: HostSpec, *rules: Rule, world: World | None = None) -> None:
    """Run a conversation with one host."""

    async def run() -> None:
        async with talking(spec, rules, world) as talk:
            await story(talk)

    asyncio.run(run())


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Let the loop turn until something holds; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0)
