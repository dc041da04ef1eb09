"""Sets the stage of a forecast: providers as their limiters, breakers and learned sizes are now, and what is left to read."""

from collections.abc import Iterable, Mapping, Sequence

from hdscan.model.chain import Asset
from hdscan.model.reading import Kind
from hdscan.pool.policy import Policy
from hdscan.pool.queue import BALANCES
from hdscan.pool.upstream import Upstream
from hdscan.pool.upstreams import asked_first
from hdscan.scan.forecast import Lane, Tank, Work

FEW = 10.0  # calls, whose failures tell little of those to come
TURN = 1.0  # seconds until one of many that are alike has given what it has at once

Upstreams = Mapping[str, Sequence[Upstream]]


def shares(assets: Iterable[Asset]) -> dict[Kind, int]:
    """Readings per address, by kind."""
    every = [Kind.NATIVE if asset.is_native else Kind.TOKEN for asset in assets]
    return {kind: every.count(kind) for kind in BALANCES}


def work(
    chain: str, upstreams: Iterable[Upstream], left: Mapping[Kind, float], now: float, *, policy: Policy, doubts: float = 0.0
) -> Work:
    """A chain with so many readings left; `doubts` of them need a second word.

    Of the upstreams that are drawn, the first stand for those that are; the others give what they have at once, in turn.
    """
    lanes: list[Lane] = []
    own: list[Lane] = []
    drawn = 0
    for each in upstreams:
        if (lane := _lane(each, now)) is None:
            continue
        if each.provider.drawn:
            turn = drawn // policy.electrum_servers
            lane.opens += turn * TURN
            lane.refills = not turn
            drawn += 1
        lanes.append(lane)
        if asked_first(each) and lane.opens <= policy.backoff_max:
            own.append(lane)
    for kind in {kind for lane in own for kind in lane.yields}:  # what the user's own read is asked of nobody else
        for lane in lanes:
            if lane not in own:
                lane.yields = {each: readings for each, readings in lane.yields.items() if each is not kind}
    return Work(
        chain=chain,
        left=dict(left),
        lanes=_best(lanes),
        doubts=0.0 if own and all(lane in own for lane in _best(lanes)) else doubts,
        patience=policy.outage_limit,
    )


def tanks(upstreams: Upstreams, works: Iterable[Work], now: float) -> dict[str, Tank]:
    """The limiters of every endpoint that these works use."""
    used: dict[str, Lane] = {}
    for each in works:
        for lane in each.lanes:
            if lane.endpoint not in used or lane.units > used[lane.endpoint].units:
                used[lane.endpoint] = lane
    every = {upstream.endpoint: upstream for chain in upstreams.values() for upstream in chain}
    return {
        name: Tank(every[name].limiter, now, units=lane.units, slots=every[name].slots, refills=lane.refills)
        for name, lane in used.items()
    }


def _lane(upstream: Upstream, now: float) -> Lane | None:
    """None where it won't be asked."""
    provider = upstream.provider
    if upstream.trust.out:
        return None
    known = upstream.status(now)
    success = 1.0 - (known.failed + known.throttled) / (known.calls + FEW)
    yields: dict[Kind, float] = {}
    units = 1.0
    mixed = upstream.sizes.get(Kind.MIXED)
    for kind in BALANCES:
        if upstream.serves(kind):
            learned, weight = mixed or upstream.sizes[kind], provider.weight[kind]
            size = learned.capacity if learned.memory() is None else learned.limit  # it grows quickly where it is new
            if provider.costs_items:
                units = max(units, float(size + provider.overhead))
                yields[kind] = success * provider.by_owner * size / (weight * (size + provider.overhead))
            else:
                yields[kind] = success * max(1, size // weight)
    waits = [max(upstream.breakers[kind].retry_at(), upstream.rest_until) for kind in yields]
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
