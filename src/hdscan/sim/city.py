"""Simulated hosts for all chains in this process, for tests and the demo."""

from collections.abc import Iterable, Mapping
from pkgutil import resolve_name
from typing import Self

from hdscan.model.chain import Family
from hdscan.model.endpoint import Endpoint
from hdscan.model.protocol import PROTOCOLS
from hdscan.sim.clock import Clock
from hdscan.sim.faults import Rule
from hdscan.sim.host import Host, HostSpec
from hdscan.sim.judge import Judgement, judge
from hdscan.sim.profile import PROFILES, Profile
from hdscan.sim.speaker import Speaker
from hdscan.sim.topology import DEMO
from hdscan.sim.world import ChainWorld, World

Faults = str | Mapping[str, Iterable[Rule]]


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
            chain = world[spec.chain]
            speaker = speaker_of(spec, chain)
            rules = profile.rules.get(spec.name, ())
            self.hosts[spec.name] = Host(spec, chain, speaker, rules, seed=world.seed, clock=self._clock, keep_asks=keep_asks)

    async def __aenter__(self) -> Self:
        self._clock.start()
        for host in self.hosts.values():
            await host.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        for host in self.hosts.values():
            await host.close()
        self._clock.stop()

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The hosts as clients are told about them."""
        return tuple(host.endpoint for host in self.hosts.values())

    def set_faults(self, faults: Faults) -> None:
        """Replace the faults of every host; hosts not named have none. Limits and caps stay."""
        rules = _profile(faults, tuple(host.spec for host in self.hosts.values()), self.world).rules
        for name, host in self.hosts.items():
            host.set_rules(rules.get(name, ()))

    def reset(self) -> None:
        """Empty the logs and restart every host's time."""
        for host in self.hosts.values():
            host.reset()

    def judge(self) -> list[Judgement]:
        """Judge the client by every host's log."""
        return [judge(host.spec, host.log) for host in self.hosts.values()]


def speaker_of(spec: HostSpec, world: ChainWorld) -> Speaker:
    """What answers for a host: the speaker of its first protocol."""
    speaker: Speaker = resolve_name(PROTOCOLS[spec.protocols[0]].speaker)(world, spec.gas_cap)
    return speaker


def _profile(faults: Faults, hosts: tuple[HostSpec, ...], world: World) -> Profile:
    if isinstance(faults, str):
        families: dict[str, Family] = {name: chain.family for name, chain in world.chains.items()}
        return PROFILES[faults](hosts, families, world.seed)
    unknown = set(faults) - {spec.name for spec in hosts}
    if unknown:
        raise ValueError(f"no such host: {', '.join(sorted(unknown))}")
    return Profile(hosts, {name: tuple(rules) for name, rules in faults.items()})
