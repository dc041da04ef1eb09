"""A database that something else wrote to: opened and read whole, or refused with a sentence."""

import sqlite3
from contextlib import closing
from pathlib import Path

from hdscan.app import Wallet
from hdscan.app.demo import simulated_settings
from hdscan.model.chain import Network
from hdscan.model.errors import HdscanError, ReadCode
from hdscan.model.reading import Balance, BalanceResult, Reading, Unread
from hdscan.model.scan import ChainPlan, ProviderState, ProviderStatus, Status
from hdscan.model.wallet import Branch, Found, Role, WalletKind
from hdscan.settings import Settings
from hdscan.sim.world import World
from hdscan.store import Store
from tests.fuzz.target import Target, refused, scratch

WORLD = World(seed=3, addresses=3)
NOW = 1.7e9


def _settings(path: Path) -> Settings:
    return simulated_settings(WORLD, (), path)


def made() -> bytes:
    """A small database in which every table has rows."""
    path = scratch() / "made.db"
    path.unlink(missing_ok=True)
    with Wallet(_settings(path)) as wallet:
        store = wallet.store
        assets = {name: chain.assets for name, chain in WORLD.chains.items()}
        for name, chain in WORLD.chains.items():
            addresses = tuple(chain.addresses())
            branch = Branch(chain=name, role=Role.RECEIVE, style="bip44", path="m/{}", source="key", addresses=addresses)
            store.wallets.add(name, Found(kind=WalletKind.KEY, what="a key", branches=(branch,)), NOW)
            store.wallets.label(addresses[0], "first", name)
        for status in (Status.STOPPED, Status.COMPLETED_WITH_GAPS):
            plans = [ChainPlan(name, tuple(asset.symbol for asset in assets[name]), ((0, 3),), 2) for name in assets]
            scan_id = store.scans.begin(plans, NOW)
            for name, read in assets.items():
                for chunk in store.scans.pending_chunks(scan_id, name, -1, 9)[: 1 if status is Status.STOPPED else 9]:
                    results = [
                        BalanceResult(
                            Reading(address.index, address.text, asset),
                            Unread(ReadCode.TIMEOUT, "late", 1, {"one": "late"})
                            if address.index == 1
                            else Balance(5, None, 9, NOW, "one"),
                        )
                        for address in store.addresses.between(name, chunk.first, chunk.stop)
                        for asset in read
                    ]
                    store.scans.commit_chunk(scan_id, name, chunk, results, worker="w", now=NOW, seconds=1.0, requests=3)
                store.scans.set_status(scan_id, name, status, "stopped", NOW)
        store.runtime.save({"one": b'{"rate":3}'})
        store.runtime.save_providers(
            [ProviderStatus("one", "btc", "esplora", ProviderState.READY, {"address": "closed"}, 3.0, None, 1, 1, 0, 0, 1)]
        )
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    return path.read_bytes()


def _use(path: Path) -> str:
    """Do with a database all that reads it."""
    with Store.open(_settings(path).db, Network.MAINNET) as store:
        words = "damaged" if store.check() else "sound"
    with Wallet(_settings(path), create=False) as wallet:
        wallet.state()
        wallet.last_scan()
        wallet.providers()
        rows = list(wallet.balances())
        list(wallet.gaps())
        wallet.totals()
        wallet.store.scans.records()
        wallet.store.runtime.load()
        wallet.store.balances.page(None, None)
        for record in wallet.chains():
            wallet.store.scans.pending_chunks(record.scan_id, record.chain, -1, 100)
            wallet.store.scans.gaps(record.scan_id, record.chain, None, 100)
        return f"{words} {len(rows) // 10}"


def _run(data: bytes) -> str:
    path = scratch() / "fuzzed.db"
    for ending in ("", "-wal", "-shm", "-journal", ".lock"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    if data.startswith(b"SQL:"):
        path.write_bytes(_MADE)
        try:
            with closing(sqlite3.connect(path)) as connection:
                connection.executescript(
                    "PRAGMA ignore_check_constraints=1;" + data[4:].decode("utf-8", "replace").replace("ATTACH", "")
                )
        except (sqlite3.Error, ValueError):
            return "no SQL"
    else:
        path.write_bytes(data)
    try:
        return _use(path)
    except HdscanError as error:
        return refused(error, plain=False)


_MADE = made()
_TABLES = (
    "scan_chain",
    "chunk",
    "balance",
    "gap",
    "address",
    "asset",
    "chain",
    "provider",
    "memory",
    "meta",
    "source",
    "earlier",
)
_VALUES = ("'x'", "1e300", "x'ff'", "'[99]'")


def _columns(table: str) -> list[str]:
    path = scratch() / "made.db"
    with closing(sqlite3.connect(path)) as connection:
        return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


_UPDATES = [
    f"SQL:UPDATE {table} SET {column} = {value};".encode()
    for table in _TABLES
    for column in _columns(table)
    for value in _VALUES
]

TARGETS = (Target("database", [_MADE, b"", b"not a database", _MADE[:5000], *_UPDATES], _run, 1 << 18),)
