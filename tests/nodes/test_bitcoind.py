"""A real bitcoind as the provider, on regtest: equal to ElectrumX, and whatever comes between a pass and its end."""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
import wallycore

from hdscan.app import Wallet
from hdscan.model.scan import ProviderState, ProviderStatus, Status
from tests.nodes.ask import ask
from tests.nodes.bitcoin import GENESIS, Bitcoin, bitcoind, command, fund
from tests.nodes.electrumx import electrumx, script_hash
from tests.nodes.process import Node, free_port, running
from tests.nodes.stage import compare, row, scan, wallet_on

REGTEST = 'network = "testnet"\n'
CHAIN = row("chain", id="btc", family="bitcoin", symbol="BTC", genesis=GENESIS)
MANY = 40_000  # addresses: enough for a pass to be met under way
OUTPUTS = 30_000  # in one block


@pytest.fixture(scope="module")
def bitcoin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bitcoin]:
    """A node whose mempool empties some addresses; nothing of that is known from a pass."""
    with bitcoind(tmp_path_factory.mktemp("bitcoin") / "node") as node:
        kept = fund(node)
        node.spend(kept[:40])
        yield node


def own(url: str, **members: object) -> str:
    """The row of a node."""
    return row("endpoint", name="node", chain="btc", protocol="bitcoind", url=url, rate=100.0, trusted=True, **members)


def node_of(wallet: Wallet) -> ProviderStatus:
    """What is known of the node."""
    return next(each for each in wallet.providers() if each.name == "node")


def made_up(number: int) -> str:
    """An address whose key nobody has."""
    return str(wallycore.addr_segwit_from_bytes(b"\x00\x14" + sha256(str(number).encode()).digest()[:20], "bcrt", 0))


def of(bitcoin: Bitcoin) -> dict[tuple[str, str], tuple[int, ...]]:
    """What a pass should find."""
    return {(address, "BTC"): (confirmed,) for address, (confirmed, _) in bitcoin.held().items()}


def test_every_balance_is_what_electrumx_says(bitcoin: Bitcoin, tmp_path: Path) -> None:
    scripts = {address: script for script, address in bitcoin.address_of.items()}

    async def run() -> None:
        async with wallet_on(tmp_path, "btc", [CHAIN, own(bitcoin.url)], bitcoin.addresses, REGTEST) as wallet:
            seconds = await scan(wallet)
            hashes = [script_hash(scripts[address]) for address in bitcoin.addresses]
            calls = [("blockchain.scripthash.get_balance", [each]) for each in hashes]
            said = [each for at in range(0, len(calls), 500) for each in server.ask(*calls[at : at + 500])]
            truth = {(address, "BTC"): (each["confirmed"],) for address, each in zip(bitcoin.addresses, said, strict=True)}
            compare("ElectrumX", "bitcoind", seconds, wallet.balances("btc"), truth)
            assert {each.height for each in wallet.balances("btc")} == {bitcoin.height}
            assert len(truth) == 5000

    with electrumx(tmp_path / "electrumx", "1.20.0", bitcoin) as server:
        asyncio.run(run())


def test_a_wrong_password_is_said_and_not_shown(bitcoin: Bitcoin, tmp_path: Path) -> None:
    url = bitcoin.url.replace("test:test", "test:secret-word")

    async def run() -> None:
        async with wallet_on(tmp_path, "btc", [CHAIN, own(url)], bitcoin.addresses[:10], REGTEST) as wallet:
            events = [event async for event in wallet.scan()]
            status = node_of(wallet)
            assert wallet.result is not None
            assert wallet.result.status is Status.FAILED
            assert status.state is ProviderState.DISABLED
            assert "HTTP 401 Unauthorized" in str(status.last_error)
            assert "secret-word" not in f"{events} {status}"

    asyncio.run(run())


def test_somebody_elses_pass_is_waited_for(bitcoin: Bitcoin, tmp_path: Path) -> None:
    theirs: list[bool] = []
    objects = [f"addr({made_up(number)})" for number in range(300_000)]

    def other() -> None:
        theirs.append(ask(bitcoin.url, "scantxoutset", "start", objects)["success"])

    async def run() -> None:
        async with wallet_on(tmp_path, "btc", [CHAIN, own(bitcoin.url)], bitcoin.addresses, REGTEST) as wallet:
            thread = threading.Thread(target=other)
            thread.start()
            until(lambda: ask(bitcoin.url, "scantxoutset", "status") is not None)
            seconds = await scan(wallet)
            thread.join()
            assert theirs == [True]
            compare("bitcoind", "bitcoind, beside another's pass", seconds, wallet.balances("btc"), of(bitcoin))
            status = node_of(wallet)
            assert status.failed == 0

    asyncio.run(run())


def until(found: Callable[[], bool]) -> None:
    """Wait until something holds."""
    ends = time.monotonic() + 30
    while not found():
        assert time.monotonic() < ends, "it did not come about"


def test_a_pass_that_somebody_aborts_is_no_zero_and_is_made_again(bitcoin: Bitcoin, tmp_path: Path) -> None:
    """A pass over enough outputs to be aborted: the node looks whether it should after every 8,192."""
    crowd(bitcoin, 6)
    said = "the pass over the unspent outputs was aborted"

    async def abort(wallet: Wallet) -> None:
        while node_of(wallet).last_error != said:  # the first of a pass come before it has begun to read
            await asyncio.to_thread(bitcoin, "scantxoutset", "abort")

    async def run() -> None:
        top = REGTEST + "[scan]\nbackoff_base = 0.1\nbackoff_max = 0.5\nbreaker_cooldown = 0.5"
        async with wallet_on(tmp_path, "btc", [CHAIN, own(bitcoin.url)], bitcoin.addresses, top) as wallet:
            other = asyncio.create_task(abort(wallet))
            seconds = await scan(wallet)
            other.cancel()
            compare("bitcoind", "bitcoind, aborted", seconds, wallet.balances("btc"), of(bitcoin))
            assert node_of(wallet).last_error == said

    asyncio.run(run())


def crowd(bitcoin: Bitcoin, blocks: int) -> None:
    """Blocks of many outputs, to nobody."""
    wallet = bitcoin.of("miner")
    coins = [coin for coin in ask(wallet, "listunspent") if coin["amount"] > 1][:blocks]
    for block, coin in enumerate(coins):
        outputs = b"".join(
            (1000).to_bytes(8, "little") + b"\x16\x00\x14" + sha256(f"{block}/{number}".encode()).digest()[:20]
            for number in range(OUTPUTS)
        )
        raw = (2).to_bytes(4, "little") + b"\x01" + bytes.fromhex(coin["txid"])[::-1] + int(coin["vout"]).to_bytes(4, "little")
        raw += b"\x00\xff\xff\xff\xff" + b"\xfd" + OUTPUTS.to_bytes(2, "little") + outputs + bytes(4)
        signed = ask(wallet, "signrawtransactionwithwallet", raw.hex())
        bitcoin("generateblock", ask(wallet, "getnewaddress"), [signed["hex"]])


@contextmanager
def started(home: Path, port: int) -> Iterator[Node]:
    """A node with a cookie, on data that may be there already."""
    with running(command(home, port, "disablewallet"), home) as node:
        node.until(lambda: asked(home, port, "getblockhash", 0), "a bitcoind that answers")
        yield node


def asked(home: Path, port: int, method: str, *params: object) -> object:
    """Ask a node by its cookie."""
    return ask(f"http://{(home / 'regtest/.cookie').read_text()}@127.0.0.1:{port}", method, *params)


def test_a_node_that_is_killed_in_a_pass_and_started_anew_is_asked_by_its_new_cookie(tmp_path: Path) -> None:
    home, port = tmp_path / "node", free_port()
    addresses = [made_up(number) for number in range(MANY)]
    funded = addresses[:: MANY // 50]
    top = REGTEST + "[scan]\nbackoff_base = 0.1\nbackoff_max = 1.0\nbreaker_cooldown = 0.5"
    url = f"http://127.0.0.1:{port}"

    async def run(first: Node) -> None:
        rows = [CHAIN, own(url, cookie=str(home / "regtest/.cookie"))]
        async with wallet_on(tmp_path, "btc", rows, addresses, top) as wallet:
            scanning = asyncio.create_task(scan(wallet))
            await asyncio.to_thread(until, lambda: asked(home, port, "scantxoutset", "status") is not None)
            first.send(signal.SIGKILL)
            with started(home, port):
                assert (home / "regtest/.cookie").read_text() != cookie
                seconds = await scanning
                truth = {(address, "BTC"): ((50 * 10**8,) if address in set_of else (0,)) for address in addresses}
                compare("bitcoind", "bitcoind, killed in a pass", seconds, wallet.balances("btc"), truth)
                status = node_of(wallet)
                assert status.failed + status.throttled  # the call that it was killed in

    set_of = set(funded)
    with started(home, port):  # whose end writes the blocks to the disk
        for address in funded:
            asked(home, port, "generatetoaddress", 1, address)
    with started(home, port) as node:
        cookie = (home / "regtest/.cookie").read_text()
        asyncio.run(run(node))


def test_who_stops_a_scan_leaves_no_pass_behind(bitcoin: Bitcoin, tmp_path: Path) -> None:
    addresses = [made_up(number) for number in range(MANY)]

    async def run() -> None:
        async with wallet_on(tmp_path, "btc", [CHAIN, own(bitcoin.url)], addresses, REGTEST) as wallet:
            scanning = asyncio.create_task(stopped(wallet))
            await asyncio.to_thread(until, lambda: bitcoin("scantxoutset", "status") is not None)
            wallet.stop()
            await scanning
            assert bitcoin("scantxoutset", "status") is None
            assert wallet.result is not None
            assert wallet.result.status is Status.STOPPED

    asyncio.run(run())


async def stopped(wallet: Wallet) -> None:
    """A scan to its end, wherever that is."""
    async for _ in wallet.scan():
        pass
