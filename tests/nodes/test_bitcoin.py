"""Bitcoin on bitcoind's regtest, through an Esplora that BDK takes for one: all four scripts, the mempool, a reorganisation."""

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from hdscan.model.events import ScanProgress
from hdscan.model.scan import BalanceRow
from tests.nodes.bitcoin import GENESIS, SCRIPTS, Bitcoin, bitcoind, fund
from tests.nodes.electrumx import ElectrumX, electrumx
from tests.nodes.esplora import esplora
from tests.nodes.process import NODES
from tests.nodes.stage import compare, row, scan, wallet_on

REGTEST = 'network = "testnet"\n[scan]\nchunk = 250'  # bcrt1… is a testnet's; the first block tells which
CHAIN = row("chain", id="btc", family="bitcoin", symbol="BTC", genesis=GENESIS)


@pytest.fixture(scope="module")
def bitcoin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bitcoin]:
    """A node whose mempool empties some addresses, and pays to others and to some that never had anything."""
    with bitcoind(tmp_path_factory.mktemp("bitcoin") / "node") as node:
        kept = fund(node)
        empty = [address for address, (satoshi, _) in node.held().items() if not satoshi][::100]
        node.spend(kept[:40], change=empty[0])
        node.pay({address: 7000 + n for n, address in enumerate(empty[1:] + kept[60:70])})
        yield node


@pytest.fixture(scope="module")
def index(bitcoin: Bitcoin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ElectrumX]:
    with electrumx(tmp_path_factory.mktemp("electrumx") / "server", "1.20.0", bitcoin) as server:
        yield server


@pytest.fixture(scope="module")
def url(bitcoin: Bitcoin, index: ElectrumX) -> Iterator[str]:
    with esplora(bitcoin, index) as url:
        yield url


@pytest.fixture(scope="module")
def bdk() -> Any:
    sys.path.append(str(NODES / "libraries"))
    try:
        return import_module("bdkpython")
    finally:
        sys.path.remove(str(NODES / "libraries"))


@pytest.mark.parametrize("script", SCRIPTS)
def test_another_wallet_finds_through_this_esplora_what_the_node_holds(
    bitcoin: Bitcoin, url: str, bdk: Any, script: str
) -> None:
    addresses = bitcoin.addresses[SCRIPTS.index(script) :: len(SCRIPTS)]
    descriptor = bdk.Descriptor(bitcoin.descriptors[script], bdk.NetworkKind.TEST)
    wallet = bdk.Wallet.create_single(descriptor, bdk.Network.REGTEST, bdk.Persister.new_in_memory())
    revealed = wallet.reveal_addresses_to(bdk.KeychainKind.EXTERNAL, len(addresses) - 1)
    assert [str(each.address) for each in revealed] == addresses
    wallet.apply_update(bdk.EsploraClient(url).sync(wallet.start_sync_with_revealed_spks().build(), 16))
    held = bitcoin.held()
    assert wallet.balance().total.to_sat() == sum(sum(held[address]) for address in addresses) > 0
    assert wallet.latest_checkpoint().height == bitcoin.height


def test_every_balance_is_what_the_node_says_and_the_mempool_stands_apart(bitcoin: Bitcoin, url: str, tmp_path: Path) -> None:
    async def run() -> None:
        node = row("endpoint", name="esplora", chain="btc", protocol="esplora", url=url, rate=2000.0)
        async with wallet_on(tmp_path, "btc", [CHAIN, node], bitcoin.addresses, REGTEST) as wallet:
            seconds = await scan(wallet)
            held = bitcoin.held()
            assert {waiting > 0 for _, waiting in held.values() if waiting} == {True, False}
            truth = {(address, "BTC"): (each,) for address, each in held.items()}
            compare("bitcoind", "esplora", seconds, wallet.balances("btc"), truth)

    asyncio.run(run())


def seconds_of(each: BalanceRow) -> float:
    """When it was read, in unix seconds."""
    return datetime.fromisoformat(str(each.observed_at)).timestamp()


def test_a_reorganisation_during_a_scan_leaves_what_was_true_before_it_or_after_it(
    bitcoin: Bitcoin, index: ElectrumX, url: str, tmp_path: Path
) -> None:
    """The block that confirmed all that waited is replaced by two that hold nothing.

    Until a server has read the mempool anew, what the lost block held is nowhere to it, and it says so: (confirmed
    without that block, 0). No single host can be caught at that, so it is allowed in those moments, and only there.
    """
    window: list[float] = []

    def reorganise() -> None:
        window.append(time.time())
        bitcoin("invalidateblock", bitcoin("getbestblockhash"))
        bitcoin.mine_empty(2)
        index.until_level()
        window.append(time.time())

    def allowed(each: BalanceRow) -> set[tuple[int, int]]:
        nowhere = {(after[each.address][0], 0)} if window[0] <= seconds_of(each) <= window[1] else set()
        return {before[each.address], after[each.address]} | nowhere

    async def run() -> None:
        node = row("endpoint", name="esplora", chain="btc", protocol="esplora", url=url, rate=500.0)
        async with wallet_on(tmp_path, "btc", [CHAIN, node], bitcoin.addresses, REGTEST) as wallet:
            change = threading.Thread(target=reorganise)

            def on(event: object) -> None:
                if isinstance(event, ScanProgress) and event.read and change.ident is None:
                    change.start()
                if isinstance(event, ScanProgress) and event.read >= len(bitcoin.addresses) // 2:
                    change.join()  # stops this scan's loop: what is left is read of the new chain, however slow the machine

            seconds = await scan(wallet, on)
            after.update(bitcoin.held())
            rows = list(wallet.balances("btc"))
            truth = {(each.address, "BTC"): allowed(each) for each in rows}
            compare("bitcoind, reorganised", "esplora", seconds, rows, truth)
            changed = [each for each in rows if before[each.address] != after[each.address]]
            seen = {(int(each.amount or -1), int(each.unconfirmed or 0)) == before[each.address] for each in changed}
            assert seen == {True, False}, "what was read is all of before or all of after"

            seconds = await scan(wallet)
            truth = {(address, "BTC"): {after[address]} for address in after}
            compare("bitcoind, the scan after that", "esplora", seconds, wallet.balances("btc"), truth)

    bitcoin.mine()
    index.until_level()
    before, after = bitcoin.held(), {}
    asyncio.run(run())
