"""A wallet on real nodes: its configuration, its scan, and its readings beside what the nodes say by another way."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from hdscan.app import Wallet, open_wallet
from hdscan.model.events import Event
from hdscan.model.scan import BalanceRow, BalanceState, Status
from tests.nodes.table import Line, compared

DEADLINE = 120.0  # seconds for a scan; a test that is right ends long before

Key = tuple[str, str]  # address and asset


def row(table: str, **members: object) -> str:
    """A row of hdscan.toml."""
    return f"[[{table}]]\n" + "".join(f"{key} = {msgspec.json.encode(value).decode()}\n" for key, value in members.items())


@asynccontextmanager
async def wallet_on(
    path: Path, chain: str, rows: Iterable[str], addresses: Iterable[str], top: str = ""
) -> AsyncIterator[Wallet]:
    """A new wallet of addresses, whose hdscan.toml holds these rows."""
    (path / "hdscan.toml").write_text("\n".join([top, *rows]), encoding="utf-8")
    async with open_wallet(f"sqlite:///{path}/wallet.db", path / "hdscan.toml") as wallet:
        (added,) = await wallet.add(addresses, chains=[chain])
        assert not added.bad
        yield wallet


async def scan(wallet: Wallet, on: Callable[[Event], object] | None = None) -> float:
    """A new scan to its end, which has to leave nothing unread; how many seconds it took."""
    began = time.monotonic()
    async with asyncio.timeout(DEADLINE):
        async for event in wallet.scan():
            if on is not None:
                on(event)
    assert wallet.result is not None
    assert wallet.result.status is Status.COMPLETED, list(wallet.gaps())[:3] or wallet.chains()
    return time.monotonic() - began


def compare(
    what: str,
    protocol: str,
    seconds: float,
    rows: Iterable[BalanceRow],
    truth: Mapping[Key, Collection[Any]],
) -> None:
    """Hold every reading beside the values that the node allows for it, and enter the numbers in the table.

    A value is the amount, or (amount, unconfirmed) for Bitcoin. Whatever is not read, or not in `truth`, is unequal.
    """
    equal: Counter[str] = Counter()
    unequal: Counter[str] = Counter()
    funded: Counter[str] = Counter()
    wrong: list[object] = []
    left = dict(truth)
    for each in rows:
        amount = int(each.amount or -1) if each.unconfirmed is None else (int(each.amount or -1), int(each.unconfirmed))
        allowed = left.pop((each.address, each.asset), ())
        if each.state is BalanceState.READ and each.amount is not None and amount in allowed:
            equal[each.asset] += 1
            funded[each.asset] += amount not in (0, (0, 0))
        else:
            unequal[each.asset] += 1
            wrong.append((each, allowed))
    for asset in equal | unequal:
        line = Line(what, protocol, asset, equal[asset], unequal[asset], funded[asset], seconds)
        compared.append(line)
    assert not wrong, f"{len(wrong)} readings are not what the node says, the first: {wrong[0]}"
    assert not left, f"{len(left)} balances were not read"
