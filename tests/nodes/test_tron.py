"""Tron on anvil, which is asked as Tron's nodes are: with the chain id of Tron, and its accounts under their T… names."""

import asyncio
from hashlib import sha256
from pathlib import Path

import pytest

from tests.nodes.anvil import TOKENS, anvil, make_genesis, stated
from tests.nodes.ask import ask
from tests.nodes.stage import compare, row, scan, wallet_on

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
CHAIN = row("chain", id="tron-here", family="tron", chain_id=728126428, symbol="TRX")
CANARY = row("canary", chain="tron-here", address="T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb")  # anvil begins with a coin there


def named(address: str) -> str:
    """0x and 20 bytes in base58check after 0x41: the tests' own codec. No digit is a leading zero."""
    payload = b"\x41" + bytes.fromhex(address[2:])
    number = int.from_bytes(payload + sha256(sha256(payload).digest()).digest()[:4])
    text = ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return text


def test_the_codec_of_these_tests_is_trons() -> None:
    assert named("0xa614f803b6fd780986a42c78ec9c7f77e6ded13c") == "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"


@pytest.mark.parametrize("limits", [{}, {"cost": "item", "batch": 3}], ids=["calls", "items"])
def test_every_balance_is_what_the_node_says(tmp_path: Path, limits: dict[str, object]) -> None:
    genesis = make_genesis(1000, 200)
    keys = [(address, asset) for address in genesis.addresses for asset in ("BNB", *TOKENS)]

    async def run() -> None:
        node = row("endpoint", name="anvil", chain="tron-here", protocol="tron-rpc", url=url, rate=2000.0, **limits)
        tokens = [
            row("token", chain="tron-here", symbol=symbol, contract=named(contract), decimals=18)
            for symbol, contract in TOKENS.items()
        ]
        async with wallet_on(tmp_path, "tron-here", [CHAIN, CANARY, *tokens, node], map(named, genesis.addresses)) as wallet:
            seconds = await scan(wallet)
            said = dict(zip(keys, stated(url, keys), strict=True))
            assert said == {key: genesis.holds.get(key, 0) for key in keys}, "the node began with something else"
            truth = {(named(a), "TRX" if asset == "BNB" else asset): (units,) for (a, asset), units in said.items()}
            compare("anvil as Tron", "tron-rpc", seconds, wallet.balances("tron-here"), truth)

    with anvil(tmp_path / "anvil", genesis) as url:
        ask(url, "anvil_setChainId", 728126428)
        asyncio.run(run())
