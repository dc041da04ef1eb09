"""Rows become providers that fit the pool's port; the catalogue's rows do too."""

import tomllib
from importlib.resources import files

import pytest

from hdscan.model.chain import Network
from hdscan.model.endpoint import Endpoint
from hdscan.model.errors import ConfigError
from hdscan.model.protocol import PROTOCOLS
from hdscan.pool.port import Provider
from hdscan.provider.build import build
from hdscan.provider.transport import AioTransport
from tests.provider.server import CHAINS, NOW, endpoint

CATALOGUE = tomllib.loads(files("hdscan").joinpath("provider/catalogue.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_has_a_provider_that_fits_the_port(protocol: str) -> None:
    url = "ssl://h:50002" if protocol == "electrum" else "https://h"
    made: list[Provider] = [*build(endpoint(protocol, url), CHAINS[protocol], AioTransport(1.0), lambda: NOW)]
    (provider,) = made
    assert (provider.name, provider.chain, provider.endpoint) == ("host", CHAINS[protocol].id, url.partition("://")[2])
    assert set(provider.methods) == set(provider.capacity)
    assert all(kind in provider.methods for kind in provider.weight)
    assert len(set(provider.methods.values())) == len(provider.methods)


def test_a_url_without_tls_is_refused() -> None:
    with pytest.raises(ConfigError):
        build(endpoint("esplora", "http://example.com"), CHAINS["esplora"], AioTransport(1.0), lambda: NOW)


@pytest.mark.parametrize(
    "url",
    [
        "https://h:443",
        "tcp://h.example:50001",
        "ssl://h.example",
        "ssl://h.example:50002/path",
        "ssl://h.example:50002?key=1",
        "ssl://user@h.example:50002",
    ],
)
def test_an_electrum_url_names_host_and_port_and_has_tls_unless_it_is_this_machines(url: str) -> None:
    for good in ("ssl://h.example:50002", "ssl://[2001:db8::1]:50002", "tcp://127.0.0.1:50001", "tcp://localhost:50001"):
        build(endpoint("electrum", good), CHAINS["electrum"], AioTransport(1.0), lambda: NOW)
    with pytest.raises(ConfigError):
        build(endpoint("electrum", url), CHAINS["electrum"], AioTransport(1.0), lambda: NOW)


@pytest.mark.parametrize("network", Network)
def test_the_catalogue_serves_every_chain_and_asset(network: Network) -> None:
    chains = [row for row in CATALOGUE["chain"] if row["network"] == network]
    assert {"btc", "bsc", "sol", "ltc", "doge", "tron"} <= {row["id"] for row in chains}
    served = [row for row in CATALOGUE["endpoint"] if row["network"] == network]
    unserved = set() if network is Network.MAINNET else {"doge"}
    assert {row["chain"] for row in served} == {row["id"] for row in chains} - unserved
    assert len({row["name"] for row in served}) == len(served)
    for row in [row for row in CATALOGUE["token"] if row["symbol"] in ("USDC", "USDT")]:
        assert row["decimals"] == (18 if row["chain"] == "bsc" else 6)


def test_the_catalogues_hosts_without_a_key_are_other_endpoints() -> None:
    rows = [
        row for row in CATALOGUE["endpoint"] if "${" not in row["url"] and "headers" not in row and row["network"] == "mainnet"
    ]
    made = []
    for row in rows:
        spoken = row["protocol"] if isinstance(row["protocol"], list) else [row["protocol"]]
        protocols = tuple(spoken)
        made += build(
            Endpoint(row["name"], row["chain"], protocols, row["url"], row["rate"]),
            CHAINS[protocols[0]],
            AioTransport(1.0),
            lambda: NOW,
        )
    assert len({provider.endpoint for provider in made}) == len(rows)
    assert not any("#" in provider.endpoint for provider in made)
