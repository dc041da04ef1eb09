"""A page of 100 balances, deep in a wallet and as its first; and what all totals take."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from bench.committing import ASSETS, CHAIN
from bench.table import row
from hdscan.model.chain import Network
from hdscan.model.page import Sort
from hdscan.model.scan import ChainPlan
from hdscan.model.wallet import Found, Listed, WalletKind
from hdscan.store import Store

ADDRESSES, TINY, FUNDED = 500_000, 2_000, 50  # every so many is funded


def _fill(store: Store, path: Path, addresses: int) -> None:
    store.register([CHAIN], ASSETS)
    listed = (Listed("bsc", f"0x{i:040x}") for i in range(addresses))
    store.wallets.add("bench", Found(kind=WalletKind.ADDRESSES, what="", listed=listed), 0.0)
    store.scans.begin([ChainPlan("bsc", tuple(asset.symbol for asset in ASSETS), ((0, addresses),), 1_000)], 0.0)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO source VALUES (1, 'node'), (2, 'other')")
        connection.execute("INSERT INTO witness VALUES (1, '[1]'), (2, '[2]'), (3, '[1,2]')")
        connection.execute(
            "INSERT INTO balance (address_id, asset_id, amount, height, observed_at, source_id, scan_id, witness_id)"
            " SELECT a.id, t.id, CASE WHEN (a.id + t.id) % ? THEN '0' ELSE a.id || '000' END, 7, 1.8e9, 1, 1, 1 + a.id % 3"
            " FROM address a CROSS JOIN asset t",
            [FUNDED],
        )


def _best(call: Callable[[], object]) -> float:
    spent = []
    for _ in range(5):
        begin = perf_counter()
        call()
        spent.append(perf_counter() - begin)
    return min(spent)


def run(*, tiny: bool) -> None:
    """One row per order, each at nine tenths of its rows, and one for the totals."""
    addresses = TINY if tiny else ADDRESSES
    rows = addresses * len(ASSETS)
    with TemporaryDirectory() as name, Store.open(f"sqlite:///{name}/store.db", Network.MAINNET) as store:
        _fill(store, Path(name) / "store.db", addresses)
        for sort in (Sort.INDEX, Sort.AMOUNT):
            cursor = None
            for _ in range(rows * 9 // 10 // 1_000):
                cursor = store.balances.page(None, None, sort=sort, cursor=cursor, limit=1_000).next
            first = _best(lambda: store.balances.page(None, None, sort=sort))  # noqa: B023 called at once
            deep = _best(lambda: store.balances.page(None, None, sort=sort, cursor=cursor))  # noqa: B023 called at once
            row(
                f"page of 100 of {rows:,} rows by {sort.value}",
                f"{deep * 1e3:.1f} ms",
                f"{deep / first:.1f} times as long",
                f"the first page, {first * 1e3:.1f} ms",
            )
        once = _best(lambda: store.balances.page(None, None))
        totals = _best(store.balances.totals)
        row(f"totals of {rows:,} rows", f"{totals * 1e3:.0f} ms", f"{totals / once:.0f} times as long", "a page of 100")
