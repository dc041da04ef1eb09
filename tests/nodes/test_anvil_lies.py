"""anvils of three operators, one of which lies once all is known: what honest nodes say stands, and nothing else."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from hdscan.model.scan import BalanceState
from tests.nodes.anvil import ASSETS, TOKENS, Genesis, anvil, make_genesis, slot, stated
from tests.nodes.ask import ask_all
from tests.nodes.stage import DEADLINE, Key, compare, row, scan, wallet_on


@pytest.fixture(scope="module")
def genesis() -> Genesis:
    return make_genesis(1000, 300)


@pytest.fixture
def urls(genesis: Genesis, tmp_path: Path) -> Iterator[list[str]]:
    """Three nodes that begin alike; the last one will lie."""
    with ExitStack() as stack:
        yield [stack.enter_context(anvil(tmp_path / name, genesis)) for name in ("one", "two", "liar")]


def put(url: str, amounts: dict[Key, int], blocks: int) -> None:
    """Let a node's addresses hold these amounts after some more blocks, however they came by them."""
    calls: list[tuple[str, list[str]]] = [("anvil_mine", [hex(blocks)])]
    for (address, asset), units in amounts.items():
        if asset == "BNB":
            calls.append(("anvil_setBalance", [address, hex(units)]))
        else:
            calls.append(("anvil_setStorageAt", [TOKENS[asset], slot(address), f"0x{units:064x}"]))
    list(ask_all(url, calls))


def keys_of(genesis: Genesis) -> list[Key]:
    return [(address, asset) for address in genesis.addresses for asset in ASSETS]


def endpoints(urls: Sequence[str], protocol: str) -> list[str]:
    """Each of its own operator, and equally fast."""
    return [
        row(
            "endpoint",
            name=f"node-{n}",
            chain="bsc",
            protocol=protocol,
            url=url,
            rate=60.0,
            batch=50,
            operator=f"{n}",
        )
        for n, url in enumerate(urls)
    ]


@pytest.mark.parametrize("protocol", ["evm-multicall", "evm-rpc"])
@pytest.mark.parametrize("lie", [lambda units: 0, lambda units: units // 2, lambda units: units + 1], ids=["0", "half", "more"])
def test_what_is_known_outlasts_a_node_that_lies(
    genesis: Genesis, urls: list[str], tmp_path: Path, protocol: str, lie: object
) -> None:
    """A hundred balances move in truth; the liar moves all others above zero."""
    assert callable(lie)
    keys, held = keys_of(genesis), list(genesis.holds)
    empty = [key for key in keys if key not in genesis.holds]
    moved = {key: genesis.holds[key] // 3 + 5 for key in held[:50]} | dict.fromkeys(empty[:50], 77)

    async def run() -> None:
        async with wallet_on(tmp_path, "bsc", endpoints(urls, protocol), genesis.addresses) as wallet:
            await scan(wallet)
            for url in urls:
                put(url, moved, 5)
            put(urls[-1], {key: lie(genesis.holds[key]) for key in held[50:]}, 0)
            seconds = await scan(wallet)
            said = dict(zip(keys, stated(urls[0], keys), strict=True))
            false = dict(zip(keys, stated(urls[-1], keys), strict=True))
            assert sum(false[key] != said[key] for key in keys) >= 300
            compare("anvil beside a liar", protocol, seconds, wallet.balances("bsc"), {key: (said[key],) for key in keys})

    asyncio.run(run())


@pytest.mark.parametrize("protocol", ["evm-multicall", "evm-rpc"])
def test_of_two_that_contradict_neither_is_believed(genesis: Genesis, urls: list[str], tmp_path: Path, protocol: str) -> None:
    async def run() -> None:
        async with wallet_on(tmp_path, "bsc", endpoints(urls[1:], protocol), genesis.addresses) as wallet:
            await scan(wallet)
            for url in urls:
                put(url, {}, 5)
            put(urls[-1], dict.fromkeys(genesis.holds, 0), 0)
            async with asyncio.timeout(DEADLINE):
                async for _ in wallet.scan():
                    pass
            rows = {(each.address, each.asset): each for each in wallet.balances("bsc")}
            doubted = [each for each in rows.values() if each.state is not BalanceState.READ]
            assert 0 < len(doubted) <= len(genesis.holds)
            for key in keys_of(genesis):
                if rows[key].state is BalanceState.READ:
                    assert rows[key].amount == str(genesis.holds.get(key, 0))

    asyncio.run(run())
