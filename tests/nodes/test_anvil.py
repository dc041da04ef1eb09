"""BSC on anvil: balances as OpenZeppelin's ERC-20 and Multicall3's real bytecode give them, on a chain that moves or stands."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import msgspec
import pytest

from hdscan.model.events import ScanError, ScanProgress
from hdscan.sim.chains import BSC
from tests.nodes.anvil import ASSETS, PAYER, TOKENS, Genesis, anvil, make_genesis, stated
from tests.nodes.ask import ask, ask_all
from tests.nodes.stage import Key, compare, row, scan, wallet_on
from tests.nodes.use import split, told

PROTOCOLS = ("evm-multicall", "evm-rpc")


@pytest.fixture(scope="module")
def genesis() -> Genesis:
    return make_genesis()


@pytest.fixture(scope="module")
def keys(genesis: Genesis) -> list[Key]:
    return [(address, asset) for address in genesis.addresses for asset in ASSETS]


@pytest.fixture(scope="module")
def standing(genesis: Genesis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with anvil(tmp_path_factory.mktemp("anvil") / "standing", genesis) as url:
        yield url


@pytest.mark.parametrize("protocols", [*((p,) for p in PROTOCOLS), PROTOCOLS], ids="+".join)
def test_every_balance_is_what_the_node_says(
    genesis: Genesis, keys: list[Key], standing: str, tmp_path: Path, protocols: tuple[str, ...]
) -> None:
    async def run() -> None:
        node = row("endpoint", name="anvil", chain="bsc", protocol=protocols, url=standing, rate=2000.0)
        async with wallet_on(tmp_path, "bsc", [node], genesis.addresses) as wallet:
            seconds = await scan(wallet)
            said = dict(zip(keys, stated(standing, keys), strict=True))
            assert said == {key: genesis.holds.get(key, 0) for key in keys}, "the node began with something else"
            compare("anvil", "+".join(protocols), seconds, wallet.balances("bsc"), {key: (said[key],) for key in keys})

    asyncio.run(run())


def test_an_address_was_used_if_it_sent_something(genesis: Genesis, tmp_path: Path) -> None:
    """By nonces: who only received has none, and is known to be used by what it holds."""

    async def run() -> None:
        chain = msgspec.structs.replace(BSC.chain, canaries=())
        assert await told("evm-rpc", url, chain, [*senders, *received, *empty]) == split([*senders, *received, *empty], senders)

    received = sorted({address for address, asset in genesis.holds if asset == "BNB"})
    senders, received = received[:2], received[2:40]
    empty = [address for address in genesis.addresses if (address, "BNB") not in genesis.holds][:60]
    with anvil(tmp_path / "anvil", genesis) as url:
        for sender, spare in zip(senders, (0, 10**18), strict=True):  # the first is left with nothing
            ask(url, "anvil_setBalance", sender, hex(21_000 * 10**10 + spare))
            ask(url, "anvil_impersonateAccount", sender)
            transaction = {"from": sender, "to": PAYER, "value": "0x0", "gas": "0x5208", "gasPrice": hex(10**10)}
            ask(url, "eth_sendTransaction", transaction)
            ask(url, "evm_mine")
        assert stated(url, [(senders[0], "BNB")]) == [0]
        asyncio.run(run())


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("tag", ["safe", "finalized"])
def test_every_balance_is_what_the_node_says_of_the_block_with_the_tag(
    genesis: Genesis, keys: list[Key], standing: str, tmp_path: Path, protocol: str, tag: str
) -> None:
    async def run() -> None:
        node = row("endpoint", name="anvil", chain="bsc", protocol=protocol, url=standing, rate=2000.0)
        bsc = row("chain", id="bsc", family="evm", chain_id=56, symbol="BNB", read_at=tag)
        block = int(ask(standing, "eth_getBlockByNumber", tag, False)["number"], 16)
        async with wallet_on(tmp_path, "bsc", [bsc, node], genesis.addresses) as wallet:
            await scan(wallet)
            read = {(balance.address, balance.asset): balance for balance in wallet.balances("bsc")}
            assert {key: read[key].amount for key in keys} == {key: str(genesis.holds.get(key, 0)) for key in keys}
            assert {balance.height for balance in read.values()} == {block}

    asyncio.run(run())


@contextmanager
def payments(url: str, to: list[str]) -> Iterator[list[int]]:
    """Every block pays all of `to` some wei and tokens; the numbers of the blocks that did."""
    blocks: list[int] = []
    stop = threading.Event()

    def pay() -> None:
        nonces = count()
        for turn in count(1):
            number = int(ask(url, "eth_blockNumber"), 16)
            list(ask_all(url, [("eth_sendTransaction", [each | {"nonce": hex(next(nonces))}]) for each in _payments(turn, to)]))
            while int(ask(url, "eth_blockNumber"), 16) == number:
                if stop.wait(0.05):
                    return
            blocks.append(number + 1)

    thread = threading.Thread(target=pay)
    thread.start()
    try:
        yield blocks
    finally:
        stop.set()
        thread.join()


def _payments(turn: int, to: list[str]) -> Iterator[dict[str, str]]:
    """The token changes with the turn."""
    token = TOKENS["USDC" if turn % 2 else "USDT"]
    for each in to:
        yield {"from": PAYER, "to": each, "value": hex(turn), "gas": hex(21_000)}
        yield {"from": PAYER, "to": token, "data": f"0xa9059cbb{each[2:].lower():0>64}{turn:064x}", "gas": hex(100_000)}


def exactly(block: int, _: int) -> range:
    """A multicall names the block that it was answered at."""
    return range(block, block + 1)


def or_later(block: int, last: int) -> range:
    """Single calls name none; theirs is the head that was known before, or a later one."""
    return range(block, last + 1)


@pytest.mark.parametrize(
    ("protocol", "rate", "blocks"), [("evm-multicall", 4.0, exactly), ("evm-rpc", 120.0, or_later)], ids=PROTOCOLS
)
def test_every_balance_is_what_the_node_says_of_its_block_while_blocks_move(
    genesis: Genesis, keys: list[Key], tmp_path: Path, protocol: str, rate: float, blocks: Callable[[int, int], range]
) -> None:
    async def run() -> None:
        node = row("endpoint", name="anvil", chain="bsc", protocol=protocol, url=url, rate=rate)
        async with wallet_on(tmp_path, "bsc", [node], genesis.addresses) as wallet:
            with payments(url, paid) as moved:
                seconds = await scan(wallet)
            last = int(ask(url, "eth_blockNumber"), 16)
            assert len(moved) >= 3, "the chain stood still"
            changing = [key for key in keys if key[0] in paid]
            history = {block: dict(zip(changing, stated(url, changing, block), strict=True)) for block in range(last + 1)}
            still = dict(zip(keys, stated(url, keys), strict=True))
            rows = list(wallet.balances("bsc"))
            assert len({each.amount for each in rows if each.address in paid}) >= 3, "all was read at one block"
            truth = {}
            for each in rows:
                key = each.address, each.asset
                of = blocks(each.height or 0, last)
                truth[key] = {history[block][key] for block in of} if key[0] in paid else {still[key]}
            compare("anvil, a block a second", protocol, seconds, rows, truth)

    # those that held nothing show by their amount when they were read
    paid = [each for each in genesis.addresses[::50] if not any((each, asset) in genesis.holds for asset in ASSETS)]
    with anvil(tmp_path / "anvil", genesis, "--block-time", "1") as url:
        asyncio.run(run())


@pytest.mark.parametrize(("protocol", "rate"), [("evm-multicall", 4.0), ("evm-rpc", 120.0)], ids=PROTOCOLS)
def test_a_reorganisation_to_the_same_height_is_noticed_and_what_was_of_lost_blocks_read_again(
    genesis: Genesis, keys: list[Key], tmp_path: Path, protocol: str, rate: float
) -> None:
    """The two blocks that paid are replaced by two that don't, while the scan is under way; a multicall shows it at once."""
    noticed: list[ScanError] = []
    progress: list[ScanProgress] = []

    async def run() -> None:
        node = row("endpoint", name="anvil", chain="bsc", protocol=protocol, url=url, rate=rate)
        async with wallet_on(tmp_path, "bsc", [node], genesis.addresses) as wallet:

            def on(event: object) -> None:
                if isinstance(event, ScanProgress) and event.read and int(ask(url, "eth_getBalance", paid[0], "latest"), 16):
                    ask(url, "anvil_reorg", 2, [])
                progress.extend([event] if isinstance(event, ScanProgress) and not noticed else [])
                noticed.extend([event] if isinstance(event, ScanError) and event.code == "reorg" else [])

            seconds = await scan(wallet, on)
            assert noticed
            assert protocol != "evm-multicall" or progress[-1].read < progress[-1].readings
            said = dict(zip(keys, stated(url, keys), strict=True))
            assert not any(said[address, asset] for address in paid for asset in ASSETS)
            truth = {key: (said[key],) for key in keys}
            compare("anvil, reorganised", protocol, seconds, wallet.balances("bsc"), truth)

    paid = [each for each in genesis.addresses[:1000] if not any((each, asset) in genesis.holds for asset in ASSETS)][:30]
    with anvil(tmp_path / "anvil", genesis) as url:
        ask(url, "anvil_setAutomine", False)
        list(ask_all(url, [("eth_sendTransaction", [each]) for each in _payments(1, paid)]))
        ask(url, "anvil_mine", "0x2")
        ask(url, "anvil_setAutomine", True)
        assert int(ask(url, "eth_getBalance", paid[0], "latest"), 16) == 1
        asyncio.run(run())
