"""The engine's stage: simulated hosts in this process, a wallet in a SQLite file, and everything that was said and asked."""

import asyncio
import functools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hdscan.app import ScanRequest, Wallet
from hdscan.app.demo import Verdict, compare, simulated_settings
from hdscan.model.endpoint import Endpoint
from hdscan.model.events import Event, ScanComplete, ScanError, ScanProgress, ScanTokenError
from hdscan.model.scan import BalanceRow, ProviderStatus, ScanResult
from hdscan.settings import ScanSettings
from hdscan.sim.chains import DOGE, LTC, MAINNET, TRON, SimChain
from hdscan.sim.city import City, Faults
from hdscan.sim.host import Entry, HostSpec
from hdscan.sim.judge import named
from hdscan.sim.world import Explicit, World
from tests import virtual_time

DEADLINE = 30.0  # seconds; a test that is right ends long before
QUICK = ScanSettings(
    chunk=20,
    request_timeout=0.4,
    backoff_base=0.05,
    backoff_max=0.4,
    outage_limit=5.0,
    breaker_cooldown=0.1,
    final_passes=1,
    audit="off",  # most tests count what is asked
)
FAMILIES = {
    "btc": ("esplora",),
    "ltc": ("electrum",),
    "doge": ("electrum",),
    "bsc": ("evm-rpc",),
    "sol": ("solana-rpc",),
    "tron": ("tron-rpc",),
}

PLAYED = (*MAINNET, LTC, DOGE, TRON)

T = TypeVar("T", bound=msgspec.Struct)


def host(name: str, chain: str = "btc", **changes: Any) -> HostSpec:
    """A host quick enough not to be noticed."""
    plain = {"protocols": FAMILIES[chain], "rate": 500.0, "latency": 0.002}
    return HostSpec(name=name, chain=chain, **{**plain, **changes})


def multicall(name: str, **changes: Any) -> HostSpec:
    return host(name, "bsc", protocols=("evm-multicall",), **changes)


def etherscan(name: str, **changes: Any) -> HostSpec:
    return host(name, "bsc", protocols=("etherscan",), **changes)


BTC = (host("btc-a"), host("btc-b"))
BSC = (multicall("bsc-multicall"), host("bsc-rpc", "bsc"), etherscan("bsc-scan"))
SOL = (host("sol-a", "sol"), host("sol-b", "sol"))
EVERYBODY = BTC + BSC + SOL


def played(test: Callable[..., Coroutine[Any, Any, None]], deadline: float = DEADLINE) -> Callable[..., None]:
    """Run an async test in virtual time, with a deadline."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        virtual_time.run(asyncio.wait_for(test(*args, **kwargs), deadline))

    return run


def played_long(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """The same for a scan that takes minutes."""
    return played(test, 1000.0)


class Stage:
    """Hosts and a wallet on them."""

    def __init__(self, city: City, wallet: Wallet) -> None:
        self.city, self.wallet, self.world = city, wallet, city.world

    async def scan(self, on: Callable[[Event], object] | None = None, **request: Any) -> list[Event]:
        """Scan to the end; `on` is given every event while it happens."""
        events = []
        async for event in self.wallet.scan(ScanRequest(**request)):
            events.append(event)
            if on is not None:
                on(event)
        return events

    def stop_after(self, count: int, kind: type[Event] = ScanProgress) -> Callable[[Event], None]:
        """For `scan(on=...)`: stop at the count-th event of a kind."""
        left = [count]

        def on(event: Event) -> None:
            left[0] -= isinstance(event, kind)
            if left[0] == 0:
                self.wallet.stop()

        return on

    @property
    def result(self) -> ScanResult:
        assert self.wallet.result is not None
        return self.wallet.result

    def verdicts(self) -> Counter[Verdict]:
        """All readings judged by the truth; no test of this folder ever lets one be false."""
        verdicts: Counter[Verdict] = Counter()
        for name, chain in self.world.chains.items():
            if len(chain):
                verdicts += compare(chain.truth(), self.wallet.balances(name))
        assert verdicts[Verdict.WRONG] == verdicts[Verdict.FALSE_ZERO] == 0, verdicts
        return verdicts

    def assert_all_true(self) -> None:
        assert set(self.verdicts()) == {Verdict.EXACT}
        self.assert_no_limit_was_broken()

    def assert_no_limit_was_broken(self) -> None:
        for judgement in self.city.judge():
            assert judgement.violations == 0, judgement

    def rows(self, chain: str) -> dict[tuple[int, str], BalanceRow]:
        return {(row.index, row.asset): row for row in self.wallet.balances(chain)}

    def log(self, name: str) -> list[Entry]:
        """What a host was asked."""
        return self.city.hosts[name].log

    def asked(self, chain: str) -> Counter[tuple[str, str]]:
        """How often each (address in lower case, asset) of a chain was asked, of whomever."""
        world = self.world[chain]
        asks = (set(named(e.asks, world)) for h in self.city.hosts.values() if h.spec.chain == chain for e in h.log)
        return Counter((text.lower(), symbol) for each in asks for text, symbol in each if symbol in self.symbols(chain))

    def symbols(self, chain: str) -> list[str]:
        return [asset.symbol for asset in self.world[chain].assets]

    def provider(self, name: str) -> ProviderStatus:
        return next(status for status in self.wallet.providers() if status.name == name)

    async def add(self, chain: str, texts: Iterable[str]) -> None:
        await self.wallet.add(texts, chains=[chain])


@asynccontextmanager
async def stage(
    path: Path,
    hosts: tuple[HostSpec, ...] = EVERYBODY,
    *,
    faults: Faults = "none",
    addresses: int | dict[str, int] = 50,
    scan: ScanSettings = QUICK,
    more: tuple[Endpoint, ...] = (),
    played_chains: tuple[SimChain, ...] = PLAYED,
    explicit: Mapping[str, Explicit] | None = None,
    **settings: Any,
) -> AsyncIterator[Stage]:
    """Set a stage: `addresses` on every chain that has hosts; `more` are endpoints beside the simulated ones."""
    chains = dict.fromkeys(spec.chain for spec in hosts)
    counts = {chain: addresses if isinstance(addresses, int) else addresses.get(chain, 0) for chain in chains}
    played_here = tuple(each for each in played_chains if each.chain.id in counts)
    world = World(seed=11, addresses=counts, funded=0.6, chains=played_here, explicit=explicit)
    async with City(world, hosts, faults=faults) as city:
        quick = msgspec.structs.replace(scan, **settings)
        with Wallet(simulated_settings(world, (*city.endpoints, *more), path / "wallet.db", quick)) as wallet:
            for chain in filter(counts.get, chains):
                await wallet.add(world[chain].addresses(), chains=[chain])
            yield Stage(city, wallet)


def of(events: Iterable[Event], kind: type[T]) -> list[T]:
    """The events of a kind."""
    return [event for event in events if type(event) is kind]


def ends(events: Iterable[Event]) -> dict[str, ScanComplete]:
    return {event.chain: event for event in of(events, ScanComplete)}


def errors(events: Iterable[Event], chain: str) -> list[str]:
    return [event.error for event in of(events, ScanError) if event.chain == chain]


def token_errors(events: Iterable[Event]) -> dict[tuple[str, str], ScanTokenError]:
    """The last word on every token."""
    return {(event.chain, event.token): event for event in of(events, ScanTokenError)}
