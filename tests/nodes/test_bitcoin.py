"""Bitcoin on bitcoind's regtest: all four scripts, the mempool, a reorganisation.

Through two ElectrumX, the newest and one of the years before, and an Esplora that BDK takes for one.
"""

import asyncio
import re
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from hdscan.chains import Script
from hdscan.keys.account import of_key
from hdscan.keys.descriptor import of_descriptor
from hdscan.keys.options import Options
from hdscan.model.chain import Chain, Family, Network
from hdscan.model.events import ScanError, ScanProgress
from hdscan.model.scan import BalanceState
from tests.nodes.bdk import library
from tests.nodes.bitcoin import GENESIS, SCRIPTS, Bitcoin, bitcoind, fund
from tests.nodes.electrumx import ElectrumX, electrumx
from tests.nodes.esplora import esplora
from tests.nodes.stage import DEADLINE, compare, row, scan, wallet_on
from tests.nodes.use import split, told

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
def servers(bitcoin: Bitcoin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ElectrumX]]:
    """Both versions."""
    home = tmp_path_factory.mktemp("electrumx")
    with electrumx(home / "old", "1.16.0", bitcoin) as old, electrumx(home / "new", "1.20.0", bitcoin) as new:
        yield {"electrum 1.16": old, "electrum 1.20": new}


@pytest.fixture(scope="module")
def url(bitcoin: Bitcoin, servers: dict[str, ElectrumX]) -> Iterator[str]:
    with esplora(bitcoin, servers["electrum 1.20"]) as url:
        yield url


class Host(msgspec.Struct, frozen=True):
    """Who is asked: its name, its row with a rate at which a scan takes some seconds, and who has to have caught up."""

    name: str
    row: str
    server: ElectrumX


@pytest.fixture(params=["esplora", "electrum 1.16", "electrum 1.20, TLS"])
def host(request: pytest.FixtureRequest, servers: dict[str, ElectrumX], url: str) -> Host:
    members: dict[str, object] = {"name": "host", "chain": "btc"}
    if request.param == "esplora":
        row_ = row("endpoint", **members, protocol="esplora", url=url, rate=500.0)
        return Host(request.param, row_, servers["electrum 1.20"])
    server = servers[request.param.partition(",")[0]]
    if "TLS" in request.param:
        members |= {"url": f"ssl://127.0.0.1:{server.tls_port}", "tls": "pin"}
    else:
        members |= {"url": f"tcp://127.0.0.1:{server.port}"}
    row_ = row("endpoint", **members, protocol="electrum", rate=10.0)
    return Host(request.param, row_, server)


@pytest.mark.parametrize("script", SCRIPTS)
def test_another_wallet_finds_through_this_esplora_what_the_node_holds(bitcoin: Bitcoin, url: str, script: str) -> None:
    bdk = library()
    addresses = bitcoin.addresses[SCRIPTS.index(script) :: len(SCRIPTS)]
    descriptor = bdk.Descriptor(bitcoin.descriptors[script], bdk.NetworkKind.TEST)
    wallet = bdk.Wallet.create_single(descriptor, bdk.Network.REGTEST, bdk.Persister.new_in_memory())
    revealed = wallet.reveal_addresses_to(bdk.KeychainKind.EXTERNAL, len(addresses) - 1)
    assert [str(each.address) for each in revealed] == addresses
    wallet.apply_update(bdk.EsploraClient(url).sync(wallet.start_sync_with_revealed_spks().build(), 16))
    held = bitcoin.held()
    assert wallet.balance().total.to_sat() == sum(sum(held[address]) for address in addresses) > 0
    assert wallet.latest_checkpoint().height == bitcoin.height


@pytest.mark.parametrize(("kind", "script"), list(zip(SCRIPTS, Script, strict=True)))
def test_the_addresses_of_a_node_s_wallet_are_those_of_its_descriptor_and_of_its_key(
    bitcoin: Bitcoin, kind: str, script: Script
) -> None:
    """A regtest address differs from a testnet one in its first letters and its checksum alone."""

    def payload(address: str) -> str:
        return address.partition("1")[2][:-6] if address.startswith(("tb1", "bcrt1")) else address

    theirs = bitcoin.addresses[SCRIPTS.index(kind) :: len(SCRIPTS)]
    chain = Chain("btc", Family.BITCOIN, Network.TESTNET, "BTC", 8, GENESIS, 1)
    options = Options(chains={"btc": chain}, count=len(theirs))
    found = re.search(r"(\[\w+(/[\dh/]+)\]tpub\w+)/0/\*", bitcoin.descriptors[kind])
    assert found is not None
    for wallet in (of_descriptor(bitcoin.descriptors[kind], options), of_key(found[1], options, script=script)):
        receiving = wallet.branches[0]
        assert [payload(address) for address in receiving.addresses] == [payload(address) for address in theirs]
        assert receiving.path == f"m{found[2]}/0/{{}}".replace("h", "'")


def test_every_balance_is_what_the_node_says_and_the_mempool_stands_apart(bitcoin: Bitcoin, host: Host, tmp_path: Path) -> None:
    async def run() -> None:
        async with wallet_on(tmp_path, "btc", [CHAIN, host.row], bitcoin.addresses, REGTEST) as wallet:
            seconds = await scan(wallet)
            held = bitcoin.held()
            assert {waiting > 0 for _, waiting in held.values() if waiting} == {True, False}
            truth = {(address, "BTC"): (each,) for address, each in held.items()}
            compare("bitcoind", host.name, seconds, wallet.balances("btc"), truth)

    asyncio.run(run())


def test_use_is_told_as_the_blocks_and_the_mempool_have_it(bitcoin: Bitcoin, host: Host) -> None:
    """Of addresses that hold something, that were emptied, that wait for their first coins, and that never had any."""
    host.server.until_level()
    used, held = bitcoin.used(), bitcoin.held()
    addresses = sorted(used) + [address for address in bitcoin.addresses if address not in used][:300]
    kinds = {(held[address][0] > 0, held[address][1] != 0, address in used) for address in addresses}
    assert kinds >= {(True, False, True), (False, False, True), (False, True, True), (False, False, False)}
    (node,) = tomllib.loads(host.row)["endpoint"]
    chain = Chain("btc", Family.BITCOIN, Network.TESTNET, "BTC", 8, GENESIS, 1)
    said = asyncio.run(told(node["protocol"], node["url"], chain, addresses, tls=node.get("tls", "system")))
    assert said == split(addresses, used)


@pytest.mark.parametrize("late", [False, True])
def test_a_reorganisation_during_a_scan_is_noticed_and_what_was_of_the_lost_block_read_again(
    bitcoin: Bitcoin, host: Host, tmp_path: Path, late: bool
) -> None:
    """The block that confirmed all that waited is replaced by two that hold nothing; `late`: while the last chunks are read.

    Until a server has read the mempool anew, what the lost block held is nowhere to it, and it says so: 0. Where the scan
    ended before the server saw the new chain, all is of the old one.
    """

    def reorganise() -> None:
        bitcoin("invalidateblock", bitcoin("getbestblockhash"))
        bitcoin.mine_empty(2)
        host.server.until_level()

    async def run() -> None:
        async with wallet_on(tmp_path, "btc", [CHAIN, host.row], bitcoin.addresses, REGTEST) as wallet:
            change = threading.Thread(target=reorganise)
            noticed: list[ScanError] = []
            begins = len(bitcoin.addresses) - 500 if late else 1

            def on(event: object) -> None:
                noticed.extend([event] if isinstance(event, ScanError) and event.code == "reorg" else [])
                if isinstance(event, ScanProgress) and event.read >= begins and change.ident is None:
                    change.start()
                if isinstance(event, ScanProgress) and event.read >= len(bitcoin.addresses) // 2 and not late:
                    change.join()  # stops this scan's loop: what is left is read of the new chain, however slow the machine

            seconds = await scan(wallet, on)
            change.join()
            after.update(bitcoin.held())
            assert noticed or late
            truth = {(address, "BTC"): {(after if noticed else before)[address]} for address in after}
            what = f"bitcoind, reorganised{' late' if late else ''}"
            compare(what, host.name, seconds, wallet.balances("btc"), truth)

    bitcoin.mine()
    host.server.until_level()
    before, after = bitcoin.held(), {}
    asyncio.run(run())


def test_a_host_that_hangs_up_on_who_asks_too_much_costs_nothing_beside_another(
    bitcoin: Bitcoin, servers: dict[str, ElectrumX], tmp_path: Path
) -> None:
    some = bitcoin.addresses[:2000]
    common = {"chain": "btc", "protocol": "electrum", "rate": 5.0}

    async def run() -> None:
        rows = [
            row("endpoint", name="mean", url=f"tcp://127.0.0.1:{mean.port}", **common),
            row("endpoint", name="generous", url=f"tcp://127.0.0.1:{servers['electrum 1.20'].port}", **common),
        ]
        async with wallet_on(tmp_path, "btc", [CHAIN, *rows], some, REGTEST) as wallet:
            seconds = await scan(wallet)
            truth = {(address, "BTC"): (each,) for address, each in bitcoin.held().items() if address in some}
            compare("bitcoind", "electrum 1.20, two, one hangs up", seconds, wallet.balances("btc"), truth)
            found = {status.name: status for status in wallet.providers()}
            assert found["mean"].ok
            # ElectrumX closes at the item that is too much, and says why only where that was no batch
            assert found["mean"].failed + found["mean"].throttled
            assert found["generous"].failed + found["generous"].throttled == 0

    with electrumx(tmp_path / "mean", "1.20.0", bitcoin, soft=390, hard=400) as mean:
        asyncio.run(run())


def test_three_servers_with_default_limits_answer_thousands_at_once_and_refuse_nothing(
    bitcoin: Bitcoin, tmp_path: Path
) -> None:
    """ElectrumX slows down beyond a cost of 1,000 and forgets one a second; what the rows grant at once stays below that."""
    common = {"chain": "btc", "protocol": "electrum", "rate": 1.0, "burst": 900, "cost": "item"}
    at_once = 2_500  # of three times 900, beside proofs, heads and second words about what is held

    async def run() -> float:
        rows = [row("endpoint", name=f"s{n}", url=f"tcp://127.0.0.1:{s.port}", **common) for n, s in enumerate(servers)]
        async with wallet_on(tmp_path, "btc", [CHAIN, *rows], bitcoin.addresses, REGTEST) as wallet:
            began = time.monotonic()

            def on(event: object) -> None:
                if isinstance(event, ScanProgress) and event.read >= at_once - 250:
                    wallet.stop()

            async with asyncio.timeout(DEADLINE):
                async for event in wallet.scan():
                    on(event)
            held = bitcoin.held()
            read = [each for each in wallet.balances("btc") if each.state is BalanceState.READ]
            assert len(read) >= at_once - 250
            assert all((int(each.amount or -1), int(each.unconfirmed or 0)) == held[each.address] for each in read)
            assert {status.source for status in read} == {"s0", "s1", "s2"}
            assert all(status.failed + status.throttled == 0 for status in wallet.providers())
            return time.monotonic() - began

    with ExitStack() as stack:
        versions = ("1.16.0", "1.20.0", "1.20.0")
        homes = (tmp_path / f"server{number}" for number in range(3))
        made = [electrumx(home, each, bitcoin, soft=1000, hard=10_000) for home, each in zip(homes, versions, strict=True)]
        servers = [stack.enter_context(each) for each in made]
        assert asyncio.run(run()) < DEADLINE / 2
