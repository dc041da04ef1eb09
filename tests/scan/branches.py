"""Wallets with branches on the engine's stage: a key, and which of its addresses are used."""

import time
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hdscan.keys.derive import derive
from hdscan.model.chain import Chain
from hdscan.model.endpoint import Endpoint
from hdscan.model.scan import BalanceState
from hdscan.model.wallet import GAP, Branch, BranchRow, Found, Role, WalletKind
from hdscan.sim.chains import MAINNET
from hdscan.sim.electrum import script_hash
from hdscan.sim.host import HostSpec
from tests.scan.stage import Stage, stage

# of BIP-84
KEY = "xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V"
CHAINS = {played.chain.id: played.chain for played in MAINNET}
STEPS = {Role.RECEIVE: 0, Role.CHANGE: 1}

Use = Mapping[Role, Collection[int]]  # the used positions of branches


def source(chain: Chain, role: Role, account: int = 0) -> str:
    """What a branch is derived from; accounts are made up, as steps of one public key."""
    path = f"{KEY}/{account}/{STEPS[role]}/*"
    return f"wpkh({path})" if chain.id == "btc" else path


def address(role: Role, position: int, chain: str = "btc", account: int = 0) -> str:
    (text,) = derive(CHAINS[chain], source(CHAINS[chain], role, account), position, 1)
    return text


def addresses_of(role: Role, count: int) -> list[str]:
    """The first addresses of a branch on Bitcoin."""
    return derive(CHAINS["btc"], source(CHAINS["btc"], role), 0, count)


def branch(chain: Chain, role: Role, *, account: int = 0, count: int = GAP, kept: bool = True, **changes: Any) -> Branch:
    """A branch as a source of it is recognised."""
    text = source(chain, role, account)
    given = {
        "chain": chain.id,
        "role": role,
        "style": "bip84" if chain.id == "btc" else "bip44",
        "account": account,
        "path": f"m/84'/0'/{account}'/{STEPS[role]}/{{}}",
        "source": text if kept else None,
        "addresses": () if changes.get("dormant") else tuple(derive(chain, text, 0, count)),
    }
    return Branch(**given | changes)


def wallet(*branches: Branch) -> Found:
    return Found(kind=WalletKind.KEY, what="a key", branches=branches)


def both(chain: str = "btc", **changes: Any) -> Found:
    """A wallet of a receiving and a change branch."""
    return wallet(*(branch(CHAINS[chain], role, **changes) for role in Role))


def state(used: Use, *, chain: str = "btc", account: int = 0, emptied: Collection[int] = ()) -> dict[str, dict[str, int]]:
    """What the world holds: every used address some coins, but for positions that were `emptied`."""
    symbol, found = CHAINS[chain].symbol, {}
    for role, positions in used.items():
        last = max(positions, default=-1)
        texts = derive(CHAINS[chain], source(CHAINS[chain], role, account), 0, last + 1)
        for position in positions:
            held = 0 if position in emptied else 1000 + position
            found[texts[position]] = {symbol: held, "used": 2}
    return found


@asynccontextmanager
async def branch_stage(
    path: Path,
    hosts: tuple[HostSpec, ...],
    found: Found | None,
    explicit: Mapping[str, Mapping[str, int]] | Mapping[str, Mapping[str, Mapping[str, int]]],
    *,
    more: tuple[Endpoint, ...] = (),
    **settings: Any,
) -> AsyncIterator[Stage]:
    """A stage whose world holds nothing but `explicit` (of btc, or by chain), and a wallet "savings"."""
    by_chain: Any = explicit if set(explicit) <= set(CHAINS) and explicit else {"btc": explicit}
    async with stage(path, hosts, addresses=0, explicit=by_chain, more=more, **settings) as on:
        if found is not None:
            on.wallet.store.wallets.add("savings", found, time.time())
        yield on


def rows(on: Stage, name: str = "savings") -> dict[Role, BranchRow]:
    """The branches of a wallet with one account."""
    (row,) = on.wallet.store.wallets.rows(name)
    return {each.role: each for each in row.branches}


def found_by(on: Stage, chain: str = "btc") -> dict[str, int]:
    """What is held, by address; everything of the chain was read."""
    found = {}
    for row in on.wallet.balances(chain):
        assert row.state is BalanceState.READ, row
        if int(row.amount or 0):
            found[row.address] = int(row.amount or 0)
    return found


def asked_addresses(on: Stage, chain: str = "btc") -> list[str]:
    """The addresses (to Electrum hosts: script hashes) that any host was asked for, repeats included."""
    hosts = (host for host in on.city.hosts.values() if host.spec.chain == chain)
    return [text for host in hosts for entry in host.log for text, _ in entry.asks]


def either_form(texts: Iterable[str]) -> set[str]:
    """Addresses and their script hashes."""
    return {form for text in texts for form in (text, script_hash(text, CHAINS["btc"]))}


def lengths(rows: Mapping[Role, BranchRow]) -> dict[Role, int]:
    return {role: row.addresses for role, row in rows.items()}


def ended(rows: Iterable[BranchRow]) -> bool:
    return all(row.ended for row in rows)
