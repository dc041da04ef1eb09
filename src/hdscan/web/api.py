"""The HTTP API under /api/v1, described for its users in docs/api.md."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Controller, Litestar, Response, Router, get, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException
from litestar.params import FromQuery, HeaderParameter, JSONBody, PathParameter, QueryParameter
from litestar.response import Stream

from hdscan.app import ScanRequest, Wallet
from hdscan.app.spreadsheet import csv_lines
from hdscan.model.errors import InputError, StoreError
from hdscan.model.events import Snapshot
from hdscan.model.forecast import Forecast
from hdscan.model.page import Page, Sort
from hdscan.model.recast import recast
from hdscan.model.scan import AssetTotal, BalanceRow, ChainScan, Gap, ProviderStatus, ScanRecord, Status, worst
from hdscan.web.described import CHANGES, READS, description, errors
from hdscan.web.hub import Hub
from hdscan.web.metrics import Metrics
from hdscan.web.page import dashboard
from hdscan.web.problem import hand_on
from hdscan.web.scans import Scans
from hdscan.web.stream import PING_AFTER, EventStream
from hdscan.web.totals_cache import TotalsCache
from hdscan.web.wallets import Wallets, called

BLOCK = 1000  # rows of CSV read at a time
SEARCHES = 3  # at once: each holds a connection and keeps a core busy
BIGGEST = 2**31 - 1

OneChain = Annotated[str | None, QueryParameter(description="Only this chain.")]
OneWallet = Annotated[str | None, QueryParameter(description="Only this wallet.")]
OneAsset = Annotated[str | None, QueryParameter(description="Only this asset's symbol.")]
Funded = Annotated[bool, QueryParameter(description="Only amounts above zero.")]
Cursor = Annotated[str | None, QueryParameter(description="`next` of the previous page, with the same query.")]
Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="The most items to return.")]


class ScanAnswer(msgspec.Struct, frozen=True):
    """A scan; `status` is that of its worst chain."""

    scan_id: int
    began_at: str
    status: Status
    chains: Mapping[str, ChainScan]


class BalancePage(Page[BalanceRow], frozen=True):
    """A page of balances with the totals of all that `chain` and `asset` select."""

    totals: tuple[AssetTotal, ...]


class Begun(msgspec.Struct, frozen=True):
    """The scan that was started or stopped."""

    scan_id: int


class StartScan(ScanRequest, frozen=True, forbid_unknown_fields=True):
    """What to scan; `audit` is the least percentage of the zeros to audit, besides everything that is held."""

    audit: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None


class StopScan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to stop: no chains means all."""

    chains: tuple[str, ...] = ()


class Providers(msgspec.Struct, frozen=True):
    """Every provider."""

    items: tuple[ProviderStatus, ...]


class Health(msgspec.Struct, frozen=True):
    """The server answers."""

    status: str = "ok"


class Scanning(Controller):
    """Scans and their progress."""

    @get("/status", sync_to_thread=False, responses=READS)
    def status(self, hub: NamedDependency[Hub]) -> Snapshot:
        """The state of every chain as of the last event."""
        return hub.state.snapshot()

    @get("/events", media_type="text/event-stream", responses=READS)
    async def events(
        self,
        hub: NamedDependency[Hub],
        ping_after: NamedDependency[float],
        last_event_id: Annotated[str | None, QueryParameter(name="last_event_id")] = None,
        last_seen: Annotated[str | None, HeaderParameter(name="Last-Event-ID")] = None,
    ) -> EventStream:
        """Server-Sent Events, beginning with the whole state."""
        return EventStream(hub, last_event_id if last_seen is None else last_seen, ping_after)

    @get("/plan", sync_to_thread=True, responses=READS)
    def plan(
        self,
        opened: NamedDependency[Wallet],
        chain: FromQuery[list[str] | None] = None,
        asset: FromQuery[list[str] | None] = None,
        wallet: FromQuery[list[str] | None] = None,
    ) -> Forecast:
        """What the next scan will ask of whom and how long it takes; nobody is asked."""
        for name in chain or ():
            opened.settings.chain(name)
        assets = tuple(opened.settings.asset(name, chain) for name in asset or ())
        return opened.plan(ScanRequest(tuple(chain or ()), assets, wallets=tuple(wallet or ())))

    @post("/scans", status_code=202, responses=CHANGES)
    async def start(self, scans: NamedDependency[Scans], opened: NamedDependency[Wallet], data: JSONBody[StartScan]) -> Begun:
        """Start a scan, or resume one that did not end."""
        if data.restart and data.retry:
            raise InputError("restart reads everything, retry only what is unread: choose one")
        for chain in data.chains:
            opened.settings.chain(chain)
        assets = tuple(opened.settings.asset(asset, data.chains) for asset in data.assets)
        return Begun(await scans.start(recast(data, ScanRequest, assets=assets)))

    @post("/scans/stop", status_code=202, responses=CHANGES)
    async def stop(self, scans: NamedDependency[Scans], opened: NamedDependency[Wallet], data: JSONBody[StopScan]) -> Begun:
        """Stop the running scan, or some of its chains; what was read is kept."""
        for chain in data.chains:
            opened.settings.chain(chain)
        return Begun(scans.stop(data.chains))

    @get("/scans", sync_to_thread=True, responses=READS)
    def scans(
        self,
        opened: NamedDependency[Wallet],
        before: Annotated[int | None, QueryParameter(ge=1, le=BIGGEST)] = None,
        limit: Limit = 100,
    ) -> Page[ScanAnswer]:
        """Every scan, newest first."""
        records = opened.store.scans.records(before, limit)
        return Page(tuple(map(_answer, records)), str(records[-1].scan_id) if len(records) == limit else None)

    @get("/scans/{scan_id:int}", sync_to_thread=True, responses=READS | errors(404))
    def scan(self, opened: NamedDependency[Wallet], scan_id: Annotated[int, PathParameter(ge=0, le=BIGGEST)]) -> ScanAnswer:
        """One scan."""
        if (record := opened.store.scans.record(scan_id)) is None:
            raise NotFoundException(f"there is no scan {scan_id}")
        return _answer(record)

    @get("/providers", sync_to_thread=True, responses=READS)
    def providers(self, opened: NamedDependency[Wallet]) -> Providers:
        """The current state of every provider."""
        return Providers(tuple(opened.providers()))


class Holdings(Controller):
    """Balances and gaps."""

    @get("/balances", responses=READS)
    async def balances(
        self,
        *,
        opened: NamedDependency[Wallet],
        totals: NamedDependency[TotalsCache],
        searches: NamedDependency[asyncio.Semaphore],
        wallet: OneWallet = None,
        chain: OneChain = None,
        asset: OneAsset = None,
        funded: Funded = False,
        q: Annotated[str | None, QueryParameter(max_length=200, description="Part of the address or its path.")] = None,
        sort: FromQuery[Sort] = Sort.INDEX,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> BalancePage:
        """Balances in pages, and their totals."""
        symbol = opened.symbol(chain, asset)
        page = partial(opened.store.balances.page, chain, symbol, funded=funded, q=q, wallet=wallet)
        async with searches:
            found = await asyncio.to_thread(page, sort=sort, cursor=cursor, limit=limit)
            return BalancePage(found.items, found.next, await asyncio.to_thread(totals.of, chain, symbol, wallet))

    @get("/balances.csv", media_type="text/csv", responses=READS)
    async def balances_csv(
        self,
        opened: NamedDependency[Wallet],
        wallet: OneWallet = None,
        chain: OneChain = None,
        asset: OneAsset = None,
        funded: Funded = False,
    ) -> Stream:
        """All balances as CSV."""
        symbol = opened.symbol(chain, asset)
        search = partial(opened.store.balances.page, chain, symbol, funded=funded, wallet=wallet, limit=BLOCK)
        headers = {"content-disposition": 'attachment; filename="balances.csv"'}
        return Stream(_csv(search, await asyncio.to_thread(search)), media_type="text/csv", headers=headers)

    @get("/gaps", sync_to_thread=True, responses=READS)
    def gaps(
        self,
        opened: NamedDependency[Wallet],
        wallet: OneWallet = None,
        chain: OneChain = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Page[Gap]:
        """What the last scan of each chain could not read, and why."""
        opened.symbol(chain, None)
        return opened.store.balances.gap_page(chain, wallet=wallet, cursor=cursor, limit=limit)


@get("/healthz", sync_to_thread=False, responses=errors())
def healthz() -> Health:
    """Whether the server answers."""
    return Health()


@get("/readyz", sync_to_thread=True, responses=READS)
def readyz(opened: NamedDependency[Wallet]) -> Health:
    """Whether the database can be read and its file is still there."""
    if not (path := opened.store.beside("")).exists():
        raise StoreError(f"{path} is gone; anything written now is lost when the server ends")
    opened.chains()
    return Health()


@get("/metrics", sync_to_thread=True, media_type="application/openmetrics-text", responses=READS)
def metrics(metered: NamedDependency[Metrics]) -> Response[bytes]:
    """OpenMetrics."""
    return Response(metered.text(), media_type="application/openmetrics-text; version=1.0.0; charset=utf-8")


def make_app(wallet: Wallet, hub: Hub, scans: Scans, ping_after: float = PING_AFTER) -> Litestar:
    """The application; an event stream sends a ping after `ping_after` seconds without an event."""
    given = {"opened": wallet, "hub": hub, "scans": scans, "ping_after": ping_after}
    totals = TotalsCache(wallet, hub)
    given |= {"totals": totals, "metered": Metrics(wallet, hub, totals), "searches": asyncio.Semaphore(SEARCHES)}
    return Litestar(
        [Router("/api/v1", route_handlers=[Scanning, Holdings, Wallets]), healthz, readyz, metrics, dashboard],
        dependencies={name: _always(value) for name, value in given.items()}
        | {"called": Provide(called, sync_to_thread=False)},
        exception_handlers={Exception: hand_on},
        openapi_config=description(),
        logging_config=None,
        debug=False,
    )


def _always(value: Any) -> Provide:
    return Provide(lambda: value, sync_to_thread=False)


def _answer(record: ScanRecord) -> ScanAnswer:
    chains = {each.chain: each for each in record.chains}
    return ScanAnswer(record.scan_id, record.began_at, worst(each.status for each in record.chains), chains)


async def _csv(search: Callable[..., Page[BalanceRow]], page: Page[BalanceRow]) -> AsyncIterator[str]:
    """Page by page, so that a slow reader holds no snapshot of the database open."""
    yield "".join(csv_lines(page.items, BalanceRow.__struct_fields__))
    while page.next is not None:
        page = await asyncio.to_thread(search, cursor=page.next)
        yield "".join(csv_lines(page.items, BalanceRow.__struct_fields__, header=False))
