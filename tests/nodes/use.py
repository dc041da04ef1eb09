"""The use of addresses as a provider tells it, beside what a node says by another way."""

import time
from collections.abc import Iterable, Sequence

import msgspec

from hdscan.model.chain import Chain
from hdscan.model.endpoint import Endpoint
from hdscan.model.reading import Balance, Kind, Reading, use_of
from hdscan.provider.build import build
from hdscan.provider.transport import AioTransport


class Told(msgspec.Struct, frozen=True):
    """The addresses that were said to be used and unused, and those of which nothing was said."""

    used: frozenset[str]
    unused: frozenset[str]
    untold: frozenset[str]


async def told(protocol: str, url: str, chain: Chain, addresses: Sequence[str], *, tls: str = "system") -> Told:
    """What a host says of the use of each."""
    async with AioTransport(30.0) as transport:
        row = Endpoint("host", chain.id, (protocol,), url, 1000.0, tls=tls)
        (provider,) = build(row, chain, transport, time.time)
        await provider.prove()
        said: dict[str, Balance] = {}
        readings = [Reading(at, address, use_of(chain.id)) for at, address in enumerate(addresses)]
        for at in range(0, len(readings), provider.capacity[Kind.USE]):
            batch = readings[at : at + provider.capacity[Kind.USE]]
            outcomes = (await provider.read(batch, None)).outcomes
            said |= {each.address: found for each, found in zip(batch, outcomes, strict=True) if isinstance(found, Balance)}
    assert all(found.used is (found.amount > 0) for found in said.values())
    return Told(_of(said, used=True), _of(said, used=False), frozenset(addresses) - said.keys())


def _of(said: dict[str, Balance], *, used: bool) -> frozenset[str]:
    return frozenset(address for address, found in said.items() if found.used is used)


def split(addresses: Iterable[str], used: Iterable[str]) -> Told:
    """Where everything is told: these are used, and no other is."""
    every, taken = frozenset(addresses), frozenset(used)
    return Told(every & taken, every - taken, frozenset())
