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
    """The chains to scan; with `retry` only their gaps."""

    scan_id: int
    chains: tuple[ChainScan, ...]
    retry: bool


def chunk_size(upstreams: Sequence[Upstream], assets: Sequence[Asset], largest: int) -> int:
    """Addresses per chunk, at most `largest`: what the chain's rates read in about 5 s.

    Fewer where an endpoint's quota does not cover the chunks in flight, since a chunk that stops half-way is read again.
    """
    seconds = 0.0  # per address, with every endpoint at its ceiling
    shares: dict[str, float] = {}  # by endpoint: of its smallest window, per address, if it were alone
    for kind, count in ((Kind.NATIVE, sum(a.is_native for a in assets)), (Kind.TOKEN, sum(not a.is_native for a in assets))):
        rates: dict[str, float] = {}
        quotas: dict[str, float] = {}
        for upstream in upstreams:
            if upstream.serves(kind) and not upstream.trust.out:
                weight, endpoint = upstream.provider.weight[kind], upstream.provider.endpoint
                per_unit = 1 / weight if upstream.provider.costs_items else upstream.provider.capacity[kind] // weight
                rates[endpoint] = max(upstream.limiter.ceiling * per_unit, rates.get(endpoint, 0.0))
                smallest = min((window.limit for window in upstream.limiter.windows), default=float("inf"))
                quotas[endpoint] = max(smallest * per_unit, quotas.get(endpoint, 0.0))
        if count and rates:
            seconds += count / sum(rates.values())
        for endpoint, quota in quotas.items():
            shares[endpoint] = shares.get(endpoint, 0.0) + count / quota
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
    """Find or begin the scan that a request means; ScanRefused where there is none.

    `assets` and `upstreams` are per chain, `largest` is addresses per chunk, `seed` selects the zeros of a new audit.
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
    """Whether a scan that ended has gaps, disputes or audits to try again."""
    planned = record.audit is not None and not (record.audited or record.unaudited)
    return bool(record.open or record.unaudited or planned)


def _audited(store: Store, plan: Plan, audit: AuditPlan | None) -> Plan:
    """The plan with an audit of its chains, if one is asked for."""
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
    latest = _latest(store, chains)
    if not latest:
        raise ScanRefused("there was no scan yet, so nothing is left to retry; run: hdscan scan")
    unfinished = [record.chain for record in latest if record.status.resumable]
    if unfinished:
        raise ScanRefused(f"the last scan of {', '.join(unfinished)} is not finished; finish it first with: hdscan scan")
    gaps = [record for record in latest if to_retry(record)]
    return _newest(gaps or latest, latest, retry=True)


def _resume(store: Store, request: ScanRequest, chains: Sequence[str]) -> Plan | None:
    latest = _latest(store, chains)
    unfinished = [record for record in latest if record.status.resumable]
    if request.assets:
        wanted = {symbol.upper() for symbol in request.assets}
        unfinished = [record for record in unfinished if {symbol.upper() for symbol in record.assets} == wanted]
    if not unfinished:
        return None
    return _newest(unfinished, latest, retry=False)


def _latest(store: Store, chains: Sequence[str]) -> list[ChainScan]:
    return [record for chain in chains if (record := store.scans.latest(chain))]


def _newest(wanted: Sequence[ChainScan], latest: Sequence[ChainScan], *, retry: bool) -> Plan:
    """The newest scan of those wanted; chains that a newer scan has taken over no longer belong to it."""
    scan_id = max(record.scan_id for record in wanted)
    return Plan(scan_id, tuple(record for record in latest if record.scan_id == scan_id), retry)
