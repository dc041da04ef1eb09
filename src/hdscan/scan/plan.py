"""Which scan a request means: a new one, the rest of an unfinished one, or the gaps of the last."""

from collections.abc import Mapping, Sequence

import msgspec

from hdscan.model.audit import AuditPlan
from hdscan.model.chain import Asset
from hdscan.model.errors import ScanRefused
from hdscan.model.reading import Kind
from hdscan.model.scan import ChainPlan, ChainScan, ScanRequest
from hdscan.pool.upstream import Upstream
from hdscan.scan.scanner import IN_FLIGHT
from hdscan.store import Store

CHUNK_SECONDS = 5.0


class Plan(msgspec.Struct, frozen=True):
    """The chains to work on within a scan; with `retry` only their unread readings."""

    scan_id: int
    chains: tuple[ChainScan, ...]
    retry: bool


def chunk_size(upstreams: Sequence[Upstream], assets: Sequence[Asset], largest: int) -> int:
    """Addresses per chunk, at most `largest`: what the chain's rates read in about 5 s.

    Fewer where an endpoint's quota could not grant those in flight: a chunk that stops half-way is read again.
    """
    seconds = 0.0  # per address, were every endpoint at its ceiling
    shares: dict[str, float] = {}  # of the smallest window, per address, were the endpoint alone
    for kind, count in ((Kind.NATIVE, sum(a.is_native for a in assets)), (Kind.TOKEN, sum(not a.is_native for a in assets))):
        rates: dict[str, float] = {}
        rooms: dict[str, float] = {}
        for upstream in upstreams:
            if upstream.serves(kind) and not upstream.trust.out:
                weight, endpoint = upstream.provider.weight[kind], upstream.provider.endpoint
                per_unit = 1 / weight if upstream.provider.costs_items else upstream.provider.capacity[kind] // weight
                rates[endpoint] = max(upstream.limiter.ceiling * per_unit, rates.get(endpoint, 0.0))
                smallest = min((window.limit for window in upstream.limiter.windows), default=float("inf"))
                rooms[endpoint] = max(smallest * per_unit, rooms.get(endpoint, 0.0))
        if count and rates:
            seconds += count / sum(rates.values())
        for endpoint, room in rooms.items():
            shares[endpoint] = shares.get(endpoint, 0.0) + count / room
    timely = CHUNK_SECONDS / seconds if seconds else float("inf")
    share = max(shares.values(), default=0.0)
    granted = 1 / share / IN_FLIGHT if share else float("inf")
    return max(1, int(min(largest, timely, granted)))


def make_plan(
    store: Store,
    request: ScanRequest,
    assets: Mapping[str, Sequence[Asset]],
    *,
    upstreams: Mapping[str, Sequence[Upstream]],
    largest: int,
    now: float,
    seed: int,
) -> Plan:
    """Find or begin the scan that the request means; `assets` and `upstreams` are per chain, `largest` is addresses per chunk.

    `seed` is of the audit of a new scan. Raises ScanRefused where there is nothing it could mean.
    """
    chains = _chains(store, request, assets)
    audit = None if request.audit is None else AuditPlan(request.audit, seed)
    if request.retry:
        return _audited(store, _still_configured(_retry(store, chains), assets), audit)
    if not request.restart and (resumed := _resume(store, request, chains)):
        return _audited(store, _still_configured(resumed, assets), audit)
    wanted = {chain: _wanted(assets[chain], request.assets) for chain in chains}
    plans = [
        ChainPlan(
            chain,
            tuple(a.symbol for a in chosen),
            store.addresses.count(chain),
            chunk_size(upstreams[chain], chosen, largest),
            audit,
        )
        for chain, chosen in wanted.items()
        if chosen
    ]
    if not plans:
        known = ", ".join(sorted({a.symbol for chain in chains for a in assets[chain]}))
        raise ScanRefused(f"none of the chains to scan has an asset {', '.join(request.assets)}; they have {known}")
    scan_id = store.scans.begin(plans, now)
    return Plan(scan_id, store.scans.scan(scan_id), retry=False)


def to_retry(record: ChainScan) -> bool:
    """Whether a scan that ended left something to be tried again: what is unread, what operators disagree about, an audit."""
    planned = record.audit is not None and not (record.audited or record.unaudited)
    return bool(record.open or record.unaudited or planned)


def _audited(store: Store, plan: Plan, audit: AuditPlan | None) -> Plan:
    """The plan with an audit of its chains, where one is asked for."""
    if audit is None:
        return plan
    for record in plan.chains:
        store.audits.plan(record.scan_id, record.chain, audit)
    known = {record.chain: record for record in store.scans.scan(plan.scan_id)}
    return msgspec.structs.replace(plan, chains=tuple(known[record.chain] for record in plan.chains))


def _still_configured(plan: Plan, assets: Mapping[str, Sequence[Asset]]) -> Plan:
    for record in plan.chains:
        if gone := set(record.assets) - {asset.symbol for asset in assets[record.chain]}:
            raise ScanRefused(
                f"the last scan of {record.chain} reads {', '.join(sorted(gone))}, which is no longer configured;"
                " configure it, or begin a new scan with: hdscan scan --restart"
            )
    return plan


def _wanted(assets: Sequence[Asset], symbols: Sequence[str]) -> list[Asset]:
    upper = {symbol.upper() for symbol in symbols}
    return [asset for asset in assets if not upper or asset.symbol.upper() in upper]


def _chains(store: Store, request: ScanRequest, assets: Mapping[str, Sequence[Asset]]) -> list[str]:
    for chain in request.chains:
        if chain not in assets:
            raise ScanRefused(f"chain {chain!r} is not configured; the chains are {', '.join(assets)}")
        if store.addresses.count(chain) == 0:
            raise ScanRefused(f"chain {chain} has no addresses; add some with: hdscan import --chain {chain} FILE")
    chosen = list(dict.fromkeys(request.chains)) or [chain for chain in assets if store.addresses.count(chain)]
    if not chosen:
        raise ScanRefused("there are no addresses to scan; add some with: hdscan import --chain btc FILE")
    return chosen


def _retry(store: Store, chains: Sequence[str]) -> Plan:
    latest = [record for chain in chains if (record := store.scans.latest(chain))]
    if not latest:
        raise ScanRefused("there was no scan yet, so nothing is left to retry; run: hdscan scan")
    unfinished = [record.chain for record in latest if record.status.resumable]
    if unfinished:
        raise ScanRefused(f"the last scan of {', '.join(unfinished)} is not finished; finish it first with: hdscan scan")
    gaps = [record for record in latest if to_retry(record)]
    scan_id = max(record.scan_id for record in gaps or latest)
    return Plan(scan_id, tuple(record for record in latest if record.scan_id == scan_id), retry=True)


def _resume(store: Store, request: ScanRequest, chains: Sequence[str]) -> Plan | None:
    latest = [record for chain in chains if (record := store.scans.latest(chain))]
    unfinished = [record for record in latest if record.status.resumable]
    if request.assets:
        wanted = {symbol.upper() for symbol in request.assets}
        unfinished = [record for record in unfinished if {symbol.upper() for symbol in record.assets} == wanted]
    if not unfinished:
        return None
    scan_id = max(record.scan_id for record in unfinished)
    # a chain that a newer scan has taken over is no longer of this one: its chunks are gone
    return Plan(scan_id, tuple(record for record in latest if record.scan_id == scan_id), retry=False)
