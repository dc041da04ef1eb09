"""Simulated hosts for all chains in this process, for tests and the demo."""

from collections.abc import Iterable, Mapping
from typing import Self

from hdscan.model.endpoint import Cost, Endpoint
from hdscan.sim.clock import Clock
from hdscan.sim.faults import Rule
from hdscan.sim.host import Host, HostSpec, Throttle
from hdscan.sim.judge import Judgement, judge
from hdscan.sim.profile import PROFILES, Profile
from hdscan.sim.world import World

Faults = str | Mapping[str, Iterable[Rule]]

DEMO = (  # three Esplora servers, three kinds of BSC hosts, two Solana nodes
    HostSpec(name="sim-blockstream", chain="btc", protocols=("esplora",), rate=140, throttle=Throttle.BARE),
    HostSpec(name="sim-mempool", chain="btc", protocols=("esplora",), rate=120, latency=0.03),
    HostSpec(name="sim-esplora", chain="btc", protocols=("esplora",), rate=100, throttle=Throttle.DATE),
    HostSpec(name="sim-bsc-node", chain="bsc", protocols=("evm-multicall", "evm-rpc"), rate=5, latency=0.05, gas_cap=1_500),
    HostSpec(
        name="sim-bsc-public",
        chain="bsc",
        protocols=("evm-rpc",),
        rate=30,
        cost=Cost.ITEM,
        batch=3,
        published_batch=3,
        throttle=Throttle.DATE,
    ),
    HostSpec(name="sim-bscscan", chain="bsc", protocols=("etherscan",), rate=5, latency=0.06, throttle=Throttle.TEXT),
    HostSpec(name="sim-solana", chain="sol", protocols=("solana-rpc",), rate=8, latency=0.05),
    HostSpec(name="sim-helius", chain="sol", protocols=("solana-rpc",), rate=12, latency=0.04, throttle=Throttle.BARE),
)


class City:
    """Hosts over one world: `async with City(World(seed=1, addresses=100), faults="mild") as city: city.endpoints`.

    `faults` is a profile's name (none, mild, wild) or rules per host name. `keep_asks=False` leaves addresses out of the logs,
    which saves memory in runs of a million readings.
    """

    def __init__(
        self, world: World, hosts: Iterable[HostSpec] = DEMO, *, faults: Faults = "none", keep_asks: bool = True
    ) -> None:
        self.world = world
        self._clock = Clock()
        profile = _profile(faults, tuple(hosts), world)
        self.hosts: dict[str, Host] = {}
        for spec in profile.hosts:
            rules = profile.rules.get(spec.name, ())
            self.hosts[spec.name] = Host(
                spec, world[spec.chain], rules, seed=world.seed, clock=self._clock, keep_asks=keep_asks
            )

    async def __aenter__(self) -> Self:
        self._clock.start()
        for host in self.hosts.values():
            await host.listener.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        for host in self.hosts.values():
            await host.listener.close()
        self._clock.stop()

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return tuple(host.endpoint for host in self.hosts.values())

    def set_faults(self, faults: Faults) -> None:
        """Replace the faults of every host; hosts not named have none. Limits and caps stay."""
        rules = _profile(faults, tuple(host.spec for host in self.hosts.values()), self.world).rules
        for name, host in self.hosts.items():
            host.set_rules(rules.get(name, ()))

    def reset(self) -> None:
        for host in self.hosts.values():
            host.reset()

    def judge(self) -> list[Judgement]:
        return [judge(host.spec, host.log) for host in self.hosts.values()]


def _profile(faults: Faults, hosts: tuple[HostSpec, ...], world: World) -> Profile:
    if isinstance(faults, str):
        return PROFILES[faults](hosts, {name: chain.family for name, chain in world.chains.items()}, world.seed)
    if unknown := set(faults) - {spec.name for spec in hosts}:
        raise ValueError(f"no such host: {', '.join(sorted(unknown))}")
    return Profile(hosts, {name: tuple(rules) for name, rules in faults.items()})
