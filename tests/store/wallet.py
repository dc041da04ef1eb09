"""A small wallet to store: two chains, what a scan would commit, and a look past the store's own queries."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from hdscan.model.chain import Asset, Chain, Family, Network
from hdscan.model.errors import ReadCode
from hdscan.model.reading import Balance, BalanceResult, Reading, Unread
from hdscan.model.scan import BalanceRow, ChainPlan, ChainScan, Chunk
from hdscan.model.wallet import Branch, Found, Listed, Role, WalletKind
from hdscan.store import Store

BTC = Chain("btc", Family.BITCOIN, Network.MAINNET, "BTC", 8, "000000000019d668", 2)
BSC = Chain("bsc", Family.EVM, Network.MAINNET, "BNB", 18, "56", 40)
BITCOIN = Asset("btc", "BTC", 8)
BNB = Asset("bsc", "BNB", 18)
USDT = Asset("bsc", "USDT", 18, "0x55d398326f99059fF775485246999027B3197955")
ASSETS = {asset.symbol: asset for asset in (BITCOIN, BNB, USDT)}
NOW = 1_700_000_000.0
WEI = 2**255  # an amount that no integer column holds


def open_store(place: Path | str) -> Store:
    """Open a SQLite file, or the database of a URL."""
    store = Store.open(f"sqlite:///{place}" if isinstance(place, Path) else place, Network.MAINNET)
    store.register([BTC, BSC], [BITCOIN, BNB, USDT])
    return store


def address(index: int) -> str:
    return f"0x{index:040x}"


def fill(store: Store, count: int, chain: str = "bsc") -> None:
    store.wallets.add("imported", listed(range(count), chain), NOW)


def put(store: Store, chain: str, *items: tuple[str, str | None]) -> None:
    """Add addresses one by one, with their derivation paths."""
    for text, path in items:
        made = Branch(chain=chain, role=Role.RECEIVE, style="bip84", path=path, addresses=(text,))
        store.wallets.add(text, Found(kind=WalletKind.KEY, what="a key", branches=(made,)), NOW)


def begin(store: Store, addresses: int, *, chunk: int = 2, symbols: Sequence[str] = ("BNB", "USDT"), now: float = NOW) -> int:
    return store.scans.begin([ChainPlan("bsc", tuple(symbols), ((0, addresses),), chunk)], now)


def said(amount: int, at: float = NOW, source: str = "multicall") -> Balance:
    return Balance(amount, None, 1000, at, source)


def failed(message: str = "nobody answered", attempts: int = 1, **providers: str) -> Unread:
    return Unread(ReadCode.TIMEOUT, message, attempts, providers or {"multicall": message})


def result(index: int, symbol: str, outcome: Balance | Unread) -> BalanceResult:
    return BalanceResult(Reading(index, address(index), ASSETS[symbol]), outcome)


def whole(
    chunk: Chunk,
    outcomes: Mapping[tuple[int, str], Balance | Unread] | None = None,
    *,
    symbols: Sequence[str] = ("BNB", "USDT"),
    otherwise: Balance | Unread | None = None,
) -> list[BalanceResult]:
    """A result for every reading of a chunk: the outcomes named, and one for all others (by default a zero that was read)."""
    rest = otherwise or said(0)
    keys = [(index, symbol) for index in range(chunk.first, chunk.stop) for symbol in symbols]
    return [result(*key, (outcomes or {}).get(key, rest)) for key in keys]


def commit(store: Store, scan_id: int, chunk: Chunk, results: Sequence[BalanceResult]) -> ChainScan | None:
    return store.scans.commit_chunk(scan_id, "bsc", chunk, results, worker="here:1", now=NOW, seconds=1.5, requests=3)


def final(store: Store, scan_id: int, results: Sequence[BalanceResult]) -> ChainScan:
    return store.scans.commit_final(scan_id, "bsc", results, now=NOW, seconds=0.5, requests=1)


def chunks(store: Store, scan_id: int) -> list[Chunk]:
    return store.scans.pending_chunks(scan_id, "bsc", -1, 1000)


def known(store: Store) -> dict[tuple[int, str], BalanceRow]:
    return {(row.index, row.asset): row for row in store.balances.rows("bsc")}


def dump(path: Path) -> list[str]:
    """Everything in the file, as SQL: two equal dumps are two equal databases."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def execute(path: Path, statement: str) -> None:
    """Do to the file what no store would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)


def listed(numbers: Iterable[int], chain: str = "bsc") -> Found:
    """A list of addresses as a source describes it."""
    return Found(kind=WalletKind.ADDRESSES, what="an address list", listed=[Listed(chain, address(i)) for i in numbers])


def branch(
    numbers: Iterable[int],
    *,
    role: Role = Role.RECEIVE,
    source: str | None = "wpkh(xpub-canary/0/*)",
    account: int = 0,
    gap: int = 3,
    dormant: bool = False,
) -> Branch:
    """A branch of bsc that begins with these addresses."""
    end = 0 if role is Role.RECEIVE else 1
    return Branch(
        chain="bsc",
        role=role,
        style="bip84",
        account=account,
        path=f"m/{end}/{{}}",
        source=source and f"{source}{end}",
        addresses=tuple(map(address, numbers)),
        gap=gap,
        dormant=dormant,
    )


def found(*branches: Branch) -> Found:
    """A wallet of these branches as a source describes it."""
    return Found(kind=WalletKind.KEY, what="a key", branches=branches)
