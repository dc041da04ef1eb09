"""The EVM chains and tokens of the catalogue beside published lists: viem's chains; tokens of Uniswap, Aave and Sushi."""

import json
import subprocess
import tomllib
from collections import defaultdict
from importlib.resources import files
from typing import Any

import pytest

from hdscan.chains.keccak import checksummed
from tests.nodes.anvil import MULTICALL3
from tests.nodes.process import NODES

ROWS: dict[str, list[dict[str, Any]]] = tomllib.loads(
    files("hdscan").joinpath("provider/catalogue.toml").read_text(encoding="utf-8")
)
CHAINS = [row for row in ROWS["chain"] if row["family"] == "evm"]
NUMBERS = {row["id"]: row["chain_id"] for row in CHAINS if row["network"] == "mainnet"}
TOKENS = [row for row in ROWS["token"] if row["network"] == "mainnet" and row["chain"] in NUMBERS]
SECONDS = (9.0, 60.0)  # by which a host may be behind
READ = """
const lists = ["@uniswap/default-token-list", "@sushiswap/default-token-list"].flatMap(name => require(name).tokens)
const aave = require("@bgd-labs/aave-address-book")
const markets = Object.entries(aave).filter(([name, each]) => /^AaveV[23]/.test(name) && each.ASSETS && each.CHAIN_ID)
console.log(JSON.stringify({
  chains: Object.values(require("viem/chains")).map(each => ({
    id: each.id, coin: each.nativeCurrency, time: each.blockTime, multicall: each.contracts?.multicall3?.address })),
  tokens: [
    ...lists.map(each => [each.chainId, each.address, each.decimals]),
    ...markets.flatMap(([, m]) => Object.values(m.ASSETS).map(each => [m.CHAIN_ID, each.UNDERLYING, each.decimals])),
  ],
}))
"""


@pytest.fixture(scope="module")
def published() -> Any:
    done = subprocess.run(["node", "-e", READ], cwd=NODES / "lists", capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_every_token_is_published_with_its_contract_and_decimals(published: Any) -> None:
    listed: defaultdict[tuple[int, str], set[int]] = defaultdict(set)
    for chain_id, address, decimals in published["tokens"]:
        if chain_id in NUMBERS.values():
            listed[chain_id, address.lower()].add(decimals)
    assert len(TOKENS) > 80
    said = {(row["chain"], row["symbol"]): listed[NUMBERS[row["chain"]], row["contract"].lower()] for row in TOKENS}
    assert said == {(row["chain"], row["symbol"]): {row["decimals"]} for row in TOKENS}
    assert all(checksummed(row["contract"][2:].lower()) == row["contract"] for row in TOKENS)


@pytest.mark.parametrize("row", CHAINS, ids=lambda row: f"{row['id']}-{row['network']}")
def test_every_chain_is_published_with_its_coin_and_multicall3(published: Any, row: dict[str, Any]) -> None:
    named = [each for each in published["chains"] if each["id"] == row["chain_id"]]
    chain = max(named, key=lambda each: each.get("time") or 0)  # Base is there again, with blocks that are not final
    assert chain["multicall"].lower() == MULTICALL3.lower()
    assert chain["coin"]["decimals"] == row["decimals"]
    assert chain["coin"]["symbol"].upper().removeprefix("T") == row["symbol"]
    if chain.get("time"):
        assert SECONDS[0] <= row["head_tolerance"] * chain["time"] / 1000 <= SECONDS[1]
