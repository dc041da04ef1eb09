"""Which certificates of Electrum hosts are believed, and that nothing is sent to the others."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head
from hdscan.provider.transport import AioTransport
from hdscan.sim.certificate import certificate, server_context
from tests.provider.lines import LineServer, electrum, results, serving_lines
from tests.wire.samples import load

TIP = load("electrum.json")["tip"]
ONE, OTHER = bytes(32), bytes([1] * 32)


def converse(story: Callable[[LineServer, AioTransport], Awaitable[None]], seed: bytes = ONE) -> LineServer:
    async def run() -> LineServer:
        async with (
            serving_lines(lambda asked: [results(asked, TIP)], server_context(seed)) as server,
            AioTransport(5.0) as transport,
        ):
            await story(server, transport)
            return server

    return asyncio.run(asyncio.wait_for(run(), 30))


async def refused(server: LineServer, transport: AioTransport, tls: str) -> str:
    with pytest.raises(CallError) as caught:
        await electrum(server.url, transport, tls).tip()
    assert caught.value.fault is ReadCode.UNREACHABLE
    return caught.value.message


def test_a_certificate_that_nobody_vouches_for_is_refused_and_the_error_says_what_to_do() -> None:
    async def story(server: LineServer, transport: AioTransport) -> None:
        message = await refused(server, transport, "system")
        assert "self-signed" in message
        assert 'tls = "pin"' in message

    assert not converse(story).clients


def test_a_certificate_that_the_system_trusts_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trusted.pem").write_bytes(certificate(ONE)[0])
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))

    async def story(server: LineServer, transport: AioTransport) -> None:
        assert await electrum(server.url, transport, "system").tip() == Head(977_072)
        assert not transport.pins

    converse(story)


def test_the_certificate_shown_first_is_pinned_and_another_is_refused_with_nothing_sent() -> None:
    pins: dict[str, str] = {}

    async def first(server: LineServer, transport: AioTransport) -> None:
        assert await electrum(server.url, transport, "pin").tip() == Head(977_072)
        assert await electrum(server.url, transport, "pin").tip() == Head(977_072)
        pins.update(transport.pins)

    converse(first)
    ((_, fingerprint),) = pins.items()
    assert len(fingerprint) == 64

    async def later(server: LineServer, transport: AioTransport) -> None:
        provider = electrum(server.url, transport, "pin")
        transport.pins[provider.endpoint] = fingerprint
        for _ in range(2):
            message = await refused(server, transport, "pin")
            assert fingerprint in message
        new = message.partition('tls = "')[2].partition('"')[0]
        assert transport.pins[provider.endpoint] == fingerprint
        assert not server.asked
        # what the error says to do, does
        assert await electrum(server.url, transport, new).tip() == Head(977_072)
        assert await electrum(server.url, transport, "pin").tip() == Head(977_072)

    converse(later, OTHER)


def test_a_fingerprint_in_the_row_decides_from_the_first_connection_on() -> None:
    async def story(server: LineServer, transport: AioTransport) -> None:
        assert "is not the one that is pinned" in await refused(server, transport, "sha256:" + "0" * 64)

    converse(story)


def test_a_certificate_is_pinned_only_when_its_host_has_greeted() -> None:
    async def story(server: LineServer, transport: AioTransport) -> None:
        server.version = None
        with pytest.raises(CallError):
            await electrum(server.url, transport, "pin").tip()
        assert not transport.pins

    converse(story)


def test_a_host_without_tls_is_refused() -> None:
    async def run() -> None:
        async with serving_lines(lambda asked: []) as server, AioTransport(5.0) as transport:
            server.url = server.url.replace("tcp", "ssl")
            assert (await refused(server, transport, "pin")).startswith("no ")

    asyncio.run(run())
