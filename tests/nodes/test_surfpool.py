"""Solana on surfpool: lamports, and token accounts that the real programs made, while slots pass."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nodes.ask import ask
from tests.nodes.stage import Key, compare, row, scan, wallet_on
from tests.nodes.surfpool import Solana, fund, surfpool


@pytest.fixture(scope="module")
def funded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Solana, list[str], dict[Key, int]]]:
    with surfpool(tmp_path_factory.mktemp("surfpool") / "node") as solana:
        yield solana, *fund(solana)


@pytest.mark.parametrize("commitment", ["finalized", "confirmed"])
def test_every_balance_is_what_the_node_says(
    funded: tuple[Solana, list[str], dict[Key, int]], tmp_path: Path, commitment: str
) -> None:
    async def run() -> None:
        genesis = ask(solana.url, "getGenesisHash")  # another at every start
        mint, _ = solana.mints["T22"]
        rows = [
            row("chain", id="sol", family="solana", symbol="SOL", genesis=genesis),
            row("token", chain="sol", symbol="T22", contract=str(mint), decimals=6),
            row("endpoint", name="surfpool", chain="sol", protocol="solana-rpc", url=solana.url, rate=1000.0),
        ]
        async with wallet_on(tmp_path, "sol", rows, addresses, f'[scan]\ncommitment = "{commitment}"') as wallet:
            seconds = await scan(wallet)
            said = solana.stated(addresses)
            assert said == {key: given.get(key, 0) for key in said}, "the transactions did something else"
            truth = {key: (units,) for key, units in said.items()}
            compare("surfpool", f"solana-rpc, {commitment}", seconds, wallet.balances("sol"), truth)

    solana, addresses, given = funded
    asyncio.run(run())
