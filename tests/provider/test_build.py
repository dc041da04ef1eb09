"""Rows become providers that fit the pool's port."""

import pytest

from hdscan.model.errors import ConfigError
from hdscan.model.protocol import PROTOCOLS
from hdscan.pool.port import Provider
from hdscan.provider.build import build
from hdscan.provider.transport import AioTransport
from tests.provider.server import CHAINS, NOW, endpoint


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
