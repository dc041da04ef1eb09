"""Sets the stage of a forecast: providers as their limiters, breakers and learned sizes are now, and what is left to read."""

from collections.abc import Iterable, Mapping, Sequence

from hdscan.model.chain import Asset
from hdscan.model.reading import Kind
from hdscan.pool.queue import KINDS
from hdscan.pool.upstream import Upstream
from hdscan.scan.forecast import Lane, Tank, Work

Upstreams = Mapping[str, Sequence[Upstream]]


def shares(assets: Iterable[Asset]) -> dict[Kind, int]:
    """Readings per address, by kind."""
    every = [Kind.NATIVE if asset.is_native else Kind.TOKEN for asset in assets]
    return {kind: every.count(kind) for kind in KINDS}


def work(
    chain: str, upstreams: Iterable[Upstream], left: Mapping[Kind, float], now: float, *, patience: float, doubts: float = 0.0
) -> Work:
    """A chain with so many readings left; `doubts` of them need a second word."""
    lanes = _best([lane for each in upstreams if (lane := _lane(each, now)) is not None])
    trusted = all(each.provider.trusted for each in upstreams)
    return Work(chain=chain, left=dict(left), lanes=lanes, doubts=0.0 if trusted else doubts, patience=patience)


def tanks(upstreams: Upstreams, works: Iterable[Work], now: float) -> dict[str, Tank]:
    """The limiters of every endpoint that these works use."""
    units: dict[str, float] = {}
    for each in works:
        for lane in each.lanes:
            units[lane.endpoint] = max(lane.units, units.get(lane.endpoint, 0.0))
    every = {upstream.endpoint: upstream for chain in upstreams.values() for upstream in chain}
    return {name: Tank(every[name].limiter, now, units=most, slots=every[name].slots) for name, most in units.items()}


def _lane(upstream: Upstream, now: float) -> Lane | None:
    """None where it won't be asked."""
    provider = upstream.provider
    if upstream.trust.out:
        return None
    yields: dict[Kind, float] = {}
    units = 1.0
    mixed = upstream.sizes.get(Kind.MIXED)
    for kind in KINDS:
        if upstream.serves(kind):
            size, weight = (mixed or upstream.sizes[kind]).limit, provider.weight[kind]
            if provider.costs_items:
                units = max(units, float(size + provider.overhead))
                yields[kind] = size / (weight * (size + provider.overhead))
            else:
                yields[kind] = float(max(1, size // weight))
    waits = [upstream.breakers[kind].retry_at() for kind in yields]
    if upstream.untrusted_since is not None:
        waits = [max(wait, upstream.check_at) for wait in waits]
    return Lane(
        provider=upstream.name,
        operator=provider.operator,
        endpoint=upstream.endpoint,
        yields=yields,
        units=units,
        opens=max(0.0, min(waits, default=now) - now),
    )


def _best(lanes: Sequence[Lane]) -> list[Lane]:
    """Of providers that share an endpoint the one with the largest calls reads, for each kind."""
    best: dict[tuple[str, Kind], Lane] = {}
    for lane in lanes:
        for kind, readings in lane.yields.items():
            if readings > (best[at].yields[kind] if (at := (lane.endpoint, kind)) in best else 0.0):
                best[at] = lane
    for lane in lanes:
        lane.yields = {kind: each for kind, each in lane.yields.items() if best[lane.endpoint, kind] is lane}
    return [lane for lane in lanes if lane.yields]
