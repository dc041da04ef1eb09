"""Hosts without TLS at private addresses only, and those whose certificate an authority of one's own has signed."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hdscan.model.endpoint import Endpoint
from hdscan.model.errors import CallError, ConfigError, ReadCode
from hdscan.model.provider import Head
from hdscan.model.url import is_private
from hdscan.provider.transport import AioTransport
from hdscan.sim.certificate import certificate, server_context
from hdscan.wire.http import Request
from tests.provider.lines import electrum, results, serving_lines
from tests.provider.server import endpoint, http, serving
from tests.wire.samples import load

ONE, OTHER = bytes(32), bytes([1] * 32)
TIP = load("electrum.json")["tip"]
DOCUMENTATION = "0xc0000201"  # 192.0.2.1 as a resolver reads it: a name without a dot, and nobody's address (RFC 5737)


def own_address() -> str:
    """An address of this machine in a private network."""
    for family, far in ((socket.AF_INET, "10.255.255.254"), (socket.AF_INET6, "fd00::ffff:ffff")):
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((far, 9))  # which sends nothing, but chooses an address
            except OSError:
                continue
            address: str = probe.getsockname()[0]
            if is_private(address) and address not in ("127.0.0.1", "::1"):
                return address
    pytest.skip("this machine is in no private network")


def row(url: str, **more: Any) -> Endpoint:
    return msgspec.structs.replace(endpoint("esplora", url), **more)


async def refused(transport: AioTransport, asked: Endpoint) -> str:
    with pytest.raises(CallError) as caught:
        await transport.send(asked, Request())
    assert (caught.value.fault, caught.value.wordless) == (ReadCode.UNREACHABLE, False)
    return caught.value.message


def test_a_node_of_the_home_network_is_asked_without_tls_where_its_row_allows_it() -> None:
    async def run() -> None:
        address = own_address()
        async with serving(lambda _: http("ok"), address=address) as server, AioTransport(5.0) as transport:
            assert (await transport.send(row(server.url, plain="private"), Request())).body == b"ok"
            with pytest.raises(ConfigError):
                await transport.send(row(server.url), Request())
        async with (
            serving_lines(lambda asked: [results(asked, TIP)], address=address) as lines,
            AioTransport(5.0) as transport,
        ):
            assert await electrum(lines.url, transport, plain="private").tip() == Head(977_072)
            with pytest.raises(ConfigError):
                await electrum(lines.url, transport).tip()

    asyncio.run(run())


def test_nothing_is_sent_without_tls_to_a_name_that_leads_to_a_public_address() -> None:
    async def run() -> None:
        async with AioTransport(5.0) as transport:
            message = await refused(transport, row(f"http://{DOCUMENTATION}:9/", plain="private"))
            assert message == "no connection: its address is not a private one, so nothing was sent to it without TLS"
            with pytest.raises(CallError) as caught:
                await electrum(f"tcp://{DOCUMENTATION}:9", transport, plain="private").tip()
            assert caught.value.message == message

    asyncio.run(asyncio.wait_for(run(), 4))


def test_localhost_is_reached_by_name() -> None:
    async def run() -> None:
        async with serving(lambda _: http("ok")) as server, AioTransport(5.0) as transport:
            assert (await transport.send(row(server.url.replace("127.0.0.1", "localhost")), Request())).body == b"ok"
        async with serving_lines(lambda asked: [results(asked, TIP)]) as lines, AioTransport(5.0) as transport:
            assert await electrum(lines.url.replace("127.0.0.1", "localhost"), transport).tip() == Head(977_072)

    asyncio.run(run())


def test_an_authority_of_ones_own_is_trusted_by_its_row_and_by_no_other(tmp_path: Path) -> None:
    ca, other = tmp_path / "ca.pem", tmp_path / "other.pem"
    ca.write_bytes(certificate(ONE)[0])
    other.write_bytes(certificate(OTHER)[0])

    async def run() -> None:
        async with serving(lambda _: http("ok"), server_context(ONE)) as server, AioTransport(5.0) as transport:
            assert (await transport.send(row(server.url, ca=str(ca)), Request())).body == b"ok"
            for stranger in (row(server.url), row(server.url, ca=str(other))):
                assert "certificate verify failed" in await refused(transport, stranger)
            ca.write_text("-----BEGIN CERTIFICATE-----")
            assert str(ca) in await refused(transport, row(server.url, ca=str(ca), rate=1.0))

    asyncio.run(run())


def test_an_electrum_host_may_have_an_authority_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(certificate(ONE)[0])
    ca = str(tmp_path / "ca.pem")

    async def run() -> None:
        for seed in (ONE, OTHER):
            async with (
                serving_lines(lambda asked: [results(asked, TIP)], server_context(seed)) as server,
                AioTransport(5.0) as transport,
            ):
                if seed == ONE:
                    assert await electrum(server.url, transport, ca=ca).tip() == Head(977_072)
                else:
                    with pytest.raises(CallError, match="certificate is refused"):
                        await electrum(server.url, transport, ca=ca).tip()

    asyncio.run(run())
