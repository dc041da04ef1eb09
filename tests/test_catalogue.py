"""The rows that are built in: each has its source, nothing is there twice, and every chain has operators enough."""

import re
import tomllib
from collections import Counter, defaultdict
from importlib.resources import files
from typing import Any

import pytest

from hdscan.chains import FAMILIES, family_of
from hdscan.chains.keccak import checksummed
from hdscan.model.chain import Family, Network
from hdscan.model.url import endpoint_identity, host
from hdscan.settings import Settings, load
from hdscan.settings.load import Places
from hdscan.settings.variables import names

TEXT = files("hdscan").joinpath("provider/catalogue.toml").read_text(encoding="utf-8")
ROWS: dict[str, list[dict[str, Any]]] = tomllib.loads(TEXT)
OPERATORS = 3  # who can contradict each other, and one of them fail
FEWER = {"sol": 2}  # where no more are known that are free
UNSERVED = {Network.MAINNET: set(), Network.TESTNET: {"doge"}}
ONLY_TESTNET = {"btc-testnet4", "btc-signet"}
EVM = {"bsc", "eth", "polygon", "arbitrum", "optimism", "base", "avalanche", "gnosis"}
LIMITS = ("rate", "per_minute", "per_hour", "per_day", "per_month")


def settings(tmp_path: Any, network: Network) -> Settings:
    """The catalogue alone, with every key that it knows of."""
    keys = {name: f"{name.lower()}-0123456789" for row in ROWS["endpoint"] for name in names(row)}
    return load(None, {}, keys | {"HDSCAN_NETWORK": network}, tmp_path, Places(data=tmp_path))


def test_every_row_has_its_source() -> None:
    """Beside it, or in the comment above its group."""
    above = ""
    for block in TEXT.split("\n\n"):
        if block.startswith("#"):
            above = block
        elif block.strip():
            assert re.search(r"\[[DR]]", block) or re.search(r"\[[DR]]", above), block


@pytest.mark.parametrize("table", ["chain", "token", "canary", "endpoint"])
def test_every_row_is_for_one_network(table: str) -> None:
    assert {row["network"] for row in ROWS[table]} <= set(Network)


def test_chains_have_the_same_names_on_both_networks() -> None:
    ids = {network: {row["id"] for row in ROWS["chain"] if row["network"] == network} for network in Network}
    assert ids[Network.TESTNET] - ids[Network.MAINNET] <= ONLY_TESTNET
    assert not ids[Network.MAINNET] - ids[Network.TESTNET]
    assert ids[Network.MAINNET] >= EVM | {"btc", "sol"}


@pytest.mark.parametrize("network", Network)
def test_every_row_is_taken_and_every_host_is_on_with_its_key(tmp_path: Any, network: Network) -> None:
    taken = settings(tmp_path, network)
    assert {row["name"] for row in ROWS["endpoint"] if row["network"] == network} == {each.name for each in taken.endpoints}
    assert not [each for each in taken.endpoints if each.disabled and not each.off]
    assert {each.chain for each in taken.endpoints} == taken.chains.keys() - UNSERVED[network]
    tokens = [row for row in ROWS["token"] if row["network"] == network]
    assert len(tokens) == sum(len(assets) - 1 for assets in taken.assets.values())
    identities = Counter((chain.family, chain.identity) for chain in taken.chains.values())
    assert max(identities.values()) == 1


@pytest.mark.parametrize("network", Network)
def test_no_host_serves_a_chain_twice_but_with_a_key(network: Network) -> None:
    rows = [row for row in ROWS["endpoint"] if row["network"] == network]
    hosts = Counter((row["chain"], host(row["url"]), bool(names(row))) for row in rows)
    twice = [each for each, count in (Counter(row["name"] for row in rows) + hosts).items() if count > 1]
    assert not twice


@pytest.mark.parametrize("network", Network)
def test_rows_with_one_host_and_key_state_the_same_limits_and_the_same_operator(tmp_path: Any, network: Network) -> None:
    said = defaultdict(set)
    for each in settings(tmp_path, network).endpoints:
        said[endpoint_identity(each.url, each.headers)].add((each.operated_by, *(getattr(each, key) for key in LIMITS)))
    assert not {name: limits for name, limits in said.items() if len(limits) > 1}


def test_hosts_of_one_company_have_one_operator() -> None:
    """By the last two parts of their names."""
    companies = defaultdict(set)
    for row in ROWS["endpoint"]:
        companies[".".join(host(row["url"]).partition(":")[0].split(".")[-2:])].add(row["operator"])
    assert not {domain: names for domain, names in companies.items() if len(names) > 1}


def test_every_chain_has_operators_enough(tmp_path: Any) -> None:
    chains = settings(tmp_path, Network.MAINNET).chains
    operators = {chain: {row["operator"] for row in ROWS["endpoint"] if row["chain"] == chain} for chain in chains}
    few = {chain: names for chain, names in operators.items() if len(names) < FEWER.get(chain, OPERATORS)}
    assert not few
    keyless = [row for row in ROWS["endpoint"] if "${" not in row["url"]]
    for chain in EVM:
        assert len({row["operator"] for row in keyless if row["chain"] == chain}) >= OPERATORS, chain


def test_rates_are_those_of_a_polite_guest() -> None:
    for row in ROWS["endpoint"]:
        assert 0 < row["rate"] <= 10, row["name"]
        spans = [(seconds, row[key]) for seconds, key in zip((60, 3600, 86400), LIMITS[1:], strict=False) if key in row]
        assert all(limit <= row["rate"] * seconds * 4 for seconds, limit in spans), row["name"]


@pytest.mark.parametrize("network", Network)
def test_contracts_and_canaries_are_written_as_their_chain_writes_addresses(tmp_path: Any, network: Network) -> None:
    taken = settings(tmp_path, network)
    for chain in taken.chains.values():
        contracts = [asset.contract for asset in taken.assets[chain.id] if asset.contract]
        for text in (*contracts, *chain.canaries):
            assert family_of(chain).canonical(chain, text) == text
            if chain.family is Family.EVM:
                assert checksummed(text[2:].lower()) == text  # EIP-55


def test_every_evm_chain_has_three_canaries_of_which_one_is_the_wrapped_coin(tmp_path: Any) -> None:
    taken = settings(tmp_path, Network.MAINNET)
    for chain in (taken.chains[name] for name in EVM):
        assert len(chain.canaries) == 3
        assert chain.canaries[:2] == (f"0x{'0' * 36}dEaD", f"0x{'0' * 40}")


def test_dollars_have_six_decimals_but_on_bsc() -> None:
    rows = [row for row in ROWS["token"] if re.match(r"USD[CT](0|\.e)?$", row["symbol"])]
    assert len(rows) > 20
    for row in rows:
        assert row["decimals"] == (18 if row["chain"] == "bsc" else 6), row


def test_the_new_chains_have_a_dozen_tokens(tmp_path: Any) -> None:
    assets = settings(tmp_path, Network.MAINNET).assets
    for chain in EVM - {"bsc"}:
        assert len(assets[chain]) >= 12, chain
        assert {"USDC", "WETH.e" if chain == "avalanche" else "WETH"} <= {asset.symbol for asset in assets[chain]}


def test_coins_have_the_decimals_of_their_family(tmp_path: Any) -> None:
    for chain in settings(tmp_path, Network.MAINNET).chains.values():
        assert chain.decimals == FAMILIES[chain.family].decimals
