"""Which scan a request means: a new one, the rest of an unfinished one, or the gaps of the last."""

from collections.abc import Mapping, Sequence, Set

import msgspec

from hdscan.model.audit import AuditPlan
from hdscan.model.chain import Asset
from hdscan.model.errors import ScanRefused
from hdscan.model.reading import Kind
from hdscan.model.scan import ChainPlan, ChainScan, ScanRequest
from hdscan.pool.upstream import Upstream
from hdscan.scan.runner import IN_FLIGHT
from hdscan.store import Store

CHUNK_SECONDS = 5.0
FUNDED = 0.1  # of the addresses that were never read, for want of knowing: those take second words


class Plan(msgspec.Struct, frozen=True):
    """The chains to scan; with `retry` only their gaps, and what an `audit` that was asked for covers."""

    scan_id: int
    chains: tuple[ChainScan, ...]
    retry: bool
    audit: bool = False


class Outlook(msgspec.Struct, frozen=True):
    """What is left to read of a chain: readings by kind, and the share of them that will need a second word."""

    chain: str
    addresses: int
    left: dict[Kind, float]
    doubts: float


def chunk_size(upstreams: Sequence[Upstream], assets: Sequence[Asset], largest: int, addresses: int) -> int:
    """Addresses per chunk of so many, at most `largest`: what the chain's rates and bursts read in about 5 s.

    Fewer where an endpoint's quota does not cover the chunks in flight, since a chunk that stops half-way is read again.
    """
    seconds = 0.0  # per address, with every endpoint at its ceiling
    shares: dict[str, float] = {}  # by endpoint: of its smallest window, per address, if it were alone
    for kind, count in ((Kind.NATIVE, sum(a.is_native for a in assets)), (Kind.TOKEN, sum(not a.is_native for a in assets))):
        rates: dict[str, float] = {}
        bursts: dict[str, float] = {}
        quotas: dict[str, float] = {}
        for upstream in upstreams:
            if upstream.serves(kind) and not upstream.trust.out:
                weight, endpoint = upstream.provider.weight[kind], upstream.provider.endpoint
                per_unit = (
                    upstream.provider.by_owner / weight
                    if upstream.provider.costs_items
                    else upstream.provider.capacity[kind] // weight
                )
                limiter = upstream.limiter
                bursts[endpoint] = max((limiter.burst - 1) * per_unit, bursts.get(endpoint, 0.0))
                rates[endpoint] = max(limiter.ceiling * per_unit, rates.get(endpoint, 0.0))
                smallest = min((window.limit for window in upstream.limiter.windows), default=float("inf"))
                quotas[endpoint] = max(smallest * per_unit, quotas.get(endpoint, 0.0))
        if count and rates:
            seconds += max(0.0, count - sum(bursts.values()) / addresses) / sum(rates.values())
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
    audit: str | float = "spare",
    seed: int,
) -> Plan:
    """Find or begin the scan that a request means; ScanRefused where there is none.

    `assets` and `upstreams` are per chain, `largest` is addresses per chunk, `audit` is the configured one, and
    `seed` selects the zeros of a new one.
    """
    percent = request.audit if request.audit is not None else None if isinstance(audit, str) else audit
    minimum = AuditPlan(percent, seed)
    records, chosen = _meant(store, request, assets)
    if records:
        if request.audit is not None:
            for record in records:
                store.audits.plan(record.scan_id, record.chain, minimum)
            records = [msgspec.structs.replace(record, audit=request.audit) for record in records]
        return Plan(records[0].scan_id, tuple(records), request.retry, request.audit is not None)
    plans = []
    for chain, read in chosen.items():
        symbols = tuple(asset.symbol for asset in read)
        plan = ChainPlan(chain, symbols, _ranges(store, request, chain), largest, minimum, request.wallets)
        size = chunk_size(upstreams[chain], read, largest, plan.addresses)
        plans.append(msgspec.structs.replace(plan, chunk=size))
    scan_id = store.scans.begin(plans, now)
    return Plan(scan_id, store.scans.scan(scan_id), retry=False)


def outlook(store: Store, request: ScanRequest, assets: Mapping[str, Sequence[Asset]]) -> list[Outlook]:
    """What the scan that a request means has left to read; ScanRefused as by `make_plan`, but nothing is begun."""
    records, chosen = _meant(store, request, assets)
    if records:
        return [_rest(record, assets[record.chain], retry=request.retry) for record in records]
    found = []
    for chain, read in chosen.items():
        count = sum(stop - first for first, stop in _ranges(store, request, chain))
        before = store.scans.latest(chain)
        new = max(0, count - before.addresses) / count if before and before.read else 1.0
        found.append(whole(chain, count, read, FUNDED * new))
    return found


def whole(chain: str, addresses: int, assets: Sequence[Asset], doubts: float = FUNDED) -> Outlook:
    """A scan of so many addresses from the beginning."""
    return Outlook(chain, addresses, _by_kind(assets, addresses * len(assets)), doubts)


def _rest(record: ChainScan, assets: Sequence[Asset], *, retry: bool) -> Outlook:
    """What is left of a scan, or with `retry` of its gaps."""
    read = [asset for asset in assets if asset.symbol in record.assets]
    left = record.open if retry else record.readings - record.ended
    doubts = record.funded / record.ended if record.ended else FUNDED
    return Outlook(record.chain, record.addresses, _by_kind(read, left), min(1.0, doubts))


def _by_kind(assets: Sequence[Asset], readings: int) -> dict[Kind, float]:
    native = sum(asset.is_native for asset in assets) * readings / max(1, len(assets))
    return {Kind.NATIVE: native, Kind.TOKEN: readings - native}


def _meant(
    store: Store, request: ScanRequest, assets: Mapping[str, Sequence[Asset]]
) -> tuple[list[ChainScan], dict[str, list[Asset]]]:
    """The scan to go on with, or else the assets per chain that a new one reads."""
    chains = _chains(store, request, assets)
    symbols = {symbol.upper() for symbol in request.assets}
    latest = [record for chain in chains if (record := store.scans.latest(chain))]
    mine = [
        record for record in latest if not request.wallets or store.scans.covers(record.scan_id, record.chain, request.wallets)
    ]
    wanted = _left_to_retry(mine) if request.retry else [] if request.restart else _unfinished(mine, symbols)
    if wanted:
        return _newest(wanted, latest, assets), {}
    chosen = {chain: [asset for asset in assets[chain] if not symbols or asset.symbol.upper() in symbols] for chain in chains}
    if not any(chosen.values()):
        known = ", ".join(sorted({a.symbol for chain in chains for a in assets[chain]}))
        raise ScanRefused(f"none of the chains to scan has an asset {', '.join(request.assets)}; they have {known}")
    return [], {chain: read for chain, read in chosen.items() if read}


def to_retry(record: ChainScan) -> bool:
    """Whether a scan that ended has gaps, disputes or audits to try again."""
    return bool(record.open or record.unaudited or record.open_ends)


def _chains(store: Store, request: ScanRequest, assets: Mapping[str, Sequence[Asset]]) -> list[str]:
    for chain in request.chains:
        if chain not in assets:
            raise ScanRefused(f"chain {chain!r} is not configured; the chains are {', '.join(assets)}")
        if not _ranges(store, request, chain):
            whose = f"chain {chain}" if not request.wallets else f"{' and '.join(request.wallets)} on chain {chain}"
            raise ScanRefused(f"there are no addresses of {whose}; add some with: hdscan add --chain {chain} SOURCE")
    chosen = list(dict.fromkeys(request.chains)) or [chain for chain in assets if _ranges(store, request, chain)]
    if not chosen:
        raise ScanRefused("there are no addresses to scan; add some with: hdscan add SOURCE")
    return chosen


def _ranges(store: Store, request: ScanRequest, chain: str) -> tuple[tuple[int, int], ...]:
    """The indexes that a new scan reads; InputError for a wallet that there is not."""
    return tuple(store.wallets.ranges(chain, request.wallets or None))


def _left_to_retry(latest: Sequence[ChainScan]) -> Sequence[ChainScan]:
    """The scans with gaps; where there are none, all, so that a retry ends as they did."""
    if not latest:
        raise ScanRefused("there was no scan yet, so nothing is left to retry; run: hdscan scan")
    if unfinished := ", ".join(record.chain for record in latest if record.status.resumable):
        raise ScanRefused(f"the last scan of {unfinished} is not finished; finish it first with: hdscan scan")
    return [record for record in latest if to_retry(record)] or latest


def _unfinished(latest: Sequence[ChainScan], symbols: Set[str]) -> list[ChainScan]:
    """The unfinished scans, or those of exactly these assets."""
    resumable = [record for record in latest if record.status.resumable]
    return [record for record in resumable if not symbols or {symbol.upper() for symbol in record.assets} == symbols]


def _newest(wanted: Sequence[ChainScan], latest: Sequence[ChainScan], assets: Mapping[str, Sequence[Asset]]) -> list[ChainScan]:
    """The newest of the scans wanted, without chains that a later scan has taken over."""
    scan_id = max(record.scan_id for record in wanted)
    records = [record for record in latest if record.scan_id == scan_id]
    for record in records:
        if gone := set(record.assets) - {asset.symbol for asset in assets[record.chain]}:
            raise ScanRefused(
                f"the last scan of {record.chain} reads {', '.join(sorted(gone))}, which is no longer configured;"
                " configure it, or begin a new scan with: hdscan scan --restart"
            )
    return records
