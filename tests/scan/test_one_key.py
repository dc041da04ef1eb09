"""One key for several chains: one rate, one quota and one pause over all of them, and one memory of them."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from hdscan.app import ScanRequest, Wallet
from hdscan.app.demo import simulated_settings
from hdscan.app.fleet import idle_fleet
from hdscan.model.endpoint import Cost, Endpoint
from hdscan.model.scan import ProviderState
from hdscan.sim.chains import EVM
from hdscan.sim.world import World
from tests.provider.server import Asked, Server, http, serving
from tests.scan.stage import QUICK, played

KEY = "0123456789abcdef0123456789abcdef"
CHAINS = {each.chain.id: each for each in EVM if each.chain.id in ("eth", "polygon")}
EACH = 60  # addresses
NATIVE = ("ETH", "POL")


class Vendor:
    """Serves both chains below one host, each at its path, and notes when it was asked and for how many items."""

    def __init__(self, refuse: Callable[[int], bytes | None] = lambda count: None) -> None:
        self.asked: list[tuple[float, str, int]] = []
        self._refuse = refuse

    def __call__(self, asked: Asked) -> bytes:
        chain = asked.path.split("/")[1]
        calls = asked.json if isinstance(asked.json, list) else [asked.json]
        self.asked.append((time.time(), chain, len(calls)))
        if refusal := self._refuse(len(self.asked)):
            return refusal
        replies = [{"jsonrpc": "2.0", "id": call["id"], "result": self._result(chain, call)} for call in calls]
        return http(replies if isinstance(asked.json, list) else replies[0])

    def _result(self, chain: str, call: Mapping[str, Any]) -> Any:
        match call["method"]:
            case "eth_chainId":
                return hex(int(CHAINS[chain].chain.identity))
            case "eth_blockNumber":
                return hex(70_000_000)
            case "eth_getBlockByNumber":
                return {"number": call["params"][0], "hash": "0x" + "5a" * 32}
            case _:
                return hex(1_000 + len(chain))

    def most_within(self, seconds: float) -> int:
        """The most items that came in so many seconds."""
        return max(sum(n for at, _, n in self.asked if begin <= at < begin + seconds) for begin, _, _ in self.asked)


@asynccontextmanager
async def wallet(path: Path, server: Server, **limits: Any) -> AsyncIterator[Wallet]:
    """Addresses on both chains, and an endpoint for each of one host and key."""
    world = World(seed=3, addresses=EACH, chains=tuple(CHAINS.values()))
    rows = tuple(
        Endpoint(f"vendor-{chain}", chain, ("evm-rpc",), f"{server.url}/{chain}/{KEY}", cost=Cost.ITEM, **limits)
        for chain in CHAINS
    )
    settings = simulated_settings(world, rows, path / "wallet.db", msgspec.structs.replace(QUICK, outage_limit=15.0))
    with Wallet(settings) as opened:
        for chain in CHAINS:
            await opened.add(world[chain].addresses(), chains=[chain])
        yield opened


async def scan(opened: Wallet) -> None:
    async for _ in opened.scan(ScanRequest(assets=NATIVE)):
        pass


def read(opened: Wallet) -> int:
    return sum(row.amount is not None for row in opened.balances() if row.asset in NATIVE)


@played
async def test_the_rate_is_shared(tmp_path: Path) -> None:
    vendor = Vendor()
    async with serving(vendor) as server, wallet(tmp_path, server, rate=20.0) as opened:
        began = time.time()
        await scan(opened)
        assert read(opened) == 2 * EACH
        assert {chain for _, chain, _ in vendor.asked} == set(CHAINS)
        assert vendor.most_within(5.0) <= 5 * 20 + 20, "a call's items may follow those of the one before within a second"
        assert time.time() - began >= 2 * EACH / 20 - 1.5, "each chain went at the whole rate"


@played
async def test_a_pause_that_one_chain_was_told_holds_the_other(tmp_path: Path) -> None:
    refused: list[float] = []

    def refuse(count: int) -> bytes | None:
        if count == 8:
            refused.append(time.time())
            return http("slow down", 429, Retry_After="7")
        return None

    vendor = Vendor(refuse)
    async with serving(vendor) as server, wallet(tmp_path, server, rate=40.0) as opened:
        held: list[set[ProviderState]] = []
        async for _ in opened.scan(ScanRequest(assets=NATIVE)):
            if refused and time.time() < refused[0] + 6.0:
                held.append({each.state for each in opened.providers()})
        assert read(opened) == 2 * EACH
        (at,) = refused
        # what was on its way when the refusal came is not counted
        assert not [chain for when, chain, _ in vendor.asked if at + 0.5 < when < at + 6.5]
        assert {ProviderState.PAUSED} in held, "the other chain's provider was not shown to wait"
        assert {chain for when, chain, _ in vendor.asked if when > at + 6.5} == set(CHAINS)


@played
async def test_the_quota_is_shared_and_outlives_the_process(tmp_path: Path) -> None:
    vendor = Vendor()
    async with serving(vendor) as server:
        async with wallet(tmp_path, server, rate=40.0, per_hour=1_000) as opened:
            await scan(opened)
        spent = sum(items for _, _, items in vendor.asked)
        async with wallet(tmp_path, server, rate=40.0, per_hour=1_000) as again:
            fleet = idle_fleet(again.settings)
            assert len(fleet.limiters) == 1
            fleet.restore(again.store.runtime.load(), time.time())
            (limiter,) = fleet.limiters.values()
            (window,) = limiter.windows
            assert window.limit - window.room(time.time()) == spent
            assert [name for name in again.store.runtime.load() if KEY in name] == []


@played
async def test_a_quota_that_one_chain_spends_is_spent_for_the_other(tmp_path: Path) -> None:
    vendor = Vendor()
    async with serving(vendor) as server, wallet(tmp_path, server, rate=40.0, per_minute=50) as opened:
        await scan(opened)  # stops, as nobody may be asked for longer than its outage_limit
        assert sum(items for _, _, items in vendor.asked) <= 50
        assert {chain for _, chain, _ in vendor.asked} == set(CHAINS)
        assert 0 < read(opened) <= 50
