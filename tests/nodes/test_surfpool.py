"""Solana on surfpool: lamports, and token accounts that the real programs made, while slots pass."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer

from hdscan.model.chain import Chain, Family, Network
from tests.nodes.ask import ask
from tests.nodes.stage import Key, compare, row, scan, wallet_on
from tests.nodes.surfpool import RENT, Solana, fund, surfpool
from tests.nodes.use import split, told


@pytest.fixture(scope="module")
def funded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Solana, list[str], dict[Key, int]]]:
    with surfpool(tmp_path_factory.mktemp("surfpool") / "node") as solana:
        yield solana, *fund(solana)


def configured(solana: Solana) -> list[str]:
    """The node as the chain, with all its mints: of one with another genesis, which it has at every start, none is built in."""
    tokens = {symbol: str(mint) for symbol, (mint, _) in solana.mints.items()}
    return [
        row("chain", id="sol", family="solana", symbol="SOL", genesis=ask(solana.url, "getGenesisHash")),
        *(row("token", chain="sol", symbol=symbol, contract=mint, decimals=6) for symbol, mint in tokens.items()),
        row("endpoint", name="surfpool", chain="sol", protocol="solana-rpc", url=solana.url, rate=1000.0),
    ]


@pytest.mark.parametrize("commitment", ["finalized", "confirmed"])
def test_every_balance_is_what_the_node_says(
    funded: tuple[Solana, list[str], dict[Key, int]], tmp_path: Path, commitment: str
) -> None:
    async def run() -> None:
        async with wallet_on(tmp_path, "sol", configured(solana), addresses, f'[scan]\ncommitment = "{commitment}"') as wallet:
            seconds = await scan(wallet)
            said = solana.stated(addresses)
            assert said == {key: given.get(key, 0) for key in said}, "the transactions did something else"
            truth = {key: (units,) for key, units in said.items()}
            compare("surfpool", f"solana-rpc, {commitment}", seconds, wallet.balances("sol"), truth)

    solana, addresses, given = funded
    asyncio.run(run())


def test_an_address_was_used_if_a_transaction_names_it(funded: tuple[Solana, list[str], dict[Key, int]]) -> None:
    """Also one that was emptied; surfpool's first block is at slot 31, so that its word on the unused counts."""
    solana, addresses, given = funded
    holders = sorted({owner for owner, asset in given if asset == "SOL"})[:20]
    emptied = Keypair.from_seed(bytes([33] * 32))
    solana.give("SOL", {emptied.pubkey(): RENT})
    back = TransferParams(from_pubkey=emptied.pubkey(), to_pubkey=solana.payer.pubkey(), lamports=RENT)
    solana.send([transfer(back)], emptied)
    assert ask(solana.url, "getBalance", str(emptied.pubkey()))["value"] == 0
    used = [*holders, str(emptied.pubkey())]
    unused = [owner for owner in addresses if not any((owner, asset) in given for asset in ("SOL", *solana.mints))][:40]
    genesis = ask(solana.url, "getGenesisHash")
    chain = Chain("sol", Family.SOLANA, Network.MAINNET, "SOL", 9, genesis, 150, read_at="confirmed")
    assert asyncio.run(told("solana-rpc", solana.url, chain, [*used, *unused])) == split([*used, *unused], used)


def test_every_token_account_is_read(funded: tuple[Solana, list[str], dict[Key, int]], tmp_path: Path) -> None:
    """Beside the associated ones, those at addresses of their own; surfpool takes no batches."""

    async def run() -> None:
        top = '[scan]\ncommitment = "confirmed"\ntokens = "held"'
        async with wallet_on(tmp_path, "sol", configured(solana), map(str, owners), top) as wallet:
            seconds = await scan(wallet)
            said = solana.stated(list(map(str, owners)))
            assert said == {key: given.get(key, 0) for key in said}, "the transactions did something else"
            truth = {key: (units,) for key, units in said.items()}
            compare("surfpool", "solana-tokens", seconds, wallet.balances("sol"), truth)

    solana, _, _ = funded
    owners = [Pubkey(bytes([7, n]) + bytes(30)) for n in range(200)]
    given = {(str(owner), asset): 3 + n for n, owner in enumerate(owners[:40]) for asset in ("USDC", "T22")}
    for asset in ("USDC", "T22"):
        solana.give(asset, dict.fromkeys(owners[:20], 1))
    for n, owner in enumerate(owners[:40]):
        for asset in ("USDC", "T22"):
            solana.give_aside(asset, owner, 2 + n - (n < 20))
            solana.give_aside(asset, owner, 1)
    asyncio.run(run())
