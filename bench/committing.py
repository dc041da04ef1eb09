"""CPU of the commit of a chunk, beside the same rows through the bare sqlite3 module."""

import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from bench.table import row
from hdscan.model.chain import Asset, Chain, Family, Network
from hdscan.model.reading import Balance, BalanceResult, Reading
from hdscan.model.scan import ChainPlan
from hdscan.model.wallet import Found, Listed, WalletKind
from hdscan.store import Store

CHAIN = Chain("bsc", Family.EVM, Network.MAINNET, "BNB", 18, "56", 40)
ASSETS = [Asset("bsc", "BNB", 18)] + [Asset("bsc", name, 18, "0x" + name[-1].lower() * 40) for name in ("TOKENA", "TOKENB")]
ADDRESSES, TINY, CHUNK = 100_000, 2_000, 1_000


def _amount(index: int) -> int:
    return 0 if index % 10 else index * 10**15


def _store(folder: Path, addresses: int) -> float:
    with Store.open(f"sqlite:///{folder}/store.db", Network.MAINNET) as store:
        store.register([CHAIN], ASSETS)
        listed = (Listed("bsc", f"0x{i:040x}") for i in range(addresses))
        store.wallets.add("bench", Found(kind=WalletKind.ADDRESSES, what="", listed=listed), 0.0)
        scan = store.scans.begin([ChainPlan("bsc", tuple(a.symbol for a in ASSETS), ((0, addresses),), CHUNK)], 0.0)
        spent = 0.0
        for chunk in store.scans.pending_chunks(scan, "bsc", -1, addresses):
            results = [
                BalanceResult(Reading(a.index, a.text, asset), Balance(_amount(a.index), None, 7, 1.8e9, "node"))
                for a in store.addresses.between("bsc", chunk.first, chunk.stop)
                for asset in ASSETS
            ]
            begin = process_time()
            store.scans.commit_chunk(scan, "bsc", chunk, results, worker="bench", now=1.8e9, seconds=1.0, requests=5)
            spent += process_time() - begin
    return spent


def _bare(folder: Path, addresses: int) -> float:
    connection = sqlite3.connect(f"{folder}/bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(
        "CREATE TABLE balance (address_id INTEGER, asset_id INTEGER, amount TEXT, unconfirmed TEXT, height INTEGER,"
        " observed_at REAL, source_id INTEGER, scan_id INTEGER, witness_id INTEGER, confirmed_in INTEGER,"
        " PRIMARY KEY (address_id, asset_id)) WITHOUT ROWID"
    )
    spent = 0.0
    for first in range(0, addresses, CHUNK):
        indexes = range(first, first + CHUNK)
        rows = [(i, a, str(_amount(i)), None, 7, 1.8e9, 1, 1, 1, None) for i in indexes for a in (1, 2, 3)]
        begin = process_time()
        connection.execute("BEGIN")
        connection.executemany("INSERT OR REPLACE INTO balance VALUES (?,?,?,?,?,?,?,?,?,?)", rows)
        connection.execute("COMMIT")
        spent += process_time() - begin
    connection.close()
    return spent


def run(*, tiny: bool) -> None:
    """One row: chunks of 3,000 balances, each a transaction."""
    addresses = TINY if tiny else ADDRESSES
    with TemporaryDirectory() as name:
        folder = Path(name)
        ours, bare = _store(folder, addresses), _bare(folder, addresses)
    rows = addresses * len(ASSETS)
    row(
        f"commit {rows:,} balances in {addresses // CHUNK} chunks",
        f"{rows / ours:,.0f} /s per core",
        f"{ours / bare:.1f} times its CPU",
        f"bare sqlite3, {rows / bare:,.0f} rows/s",
    )
