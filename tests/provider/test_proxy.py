"""Hosts through a proxy: real SOCKS5 and CONNECT, names that the proxy alone can resolve, and a proxy that fails."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hdscan.model.endpoint import Endpoint, Proxy
from hdscan.model.errors import CallError, ConfigError, ReadCode
from hdscan.model.provider import Head
from hdscan.provider.transport import AioTransport
from hdscan.sim.certificate import certificate, server_context
from hdscan.wire.http import Request
from tests.provider.lines import electrum, results, serving_lines
from tests.provider.proxies import NOT_ALLOWED, ProxyServer, free_port, proxying
from tests.provider.server import endpoint, http, serving
from tests.wire.samples import load

SEED = bytes(32)
NAME, ONION = "node.example", "expyuzz4wqqyqhjn.onion"
TIP = load("electrum.json")["tip"]
LOGIN = ("tor-user", "p@ss/word")
KINDS = pytest.mark.parametrize("kind", ["socks5", "http"])


@pytest.fixture
def ca(tmp_path: Path) -> str:
    (tmp_path / "ca.pem").write_bytes(certificate(SEED, name=NAME)[0])
    return str(tmp_path / "ca.pem")


def by(kind: str, proxy: ProxyServer, login: str = "") -> Proxy:
    return Proxy(f"{kind}://{login}127.0.0.1:{proxy.port}", "hdscan.toml")


def row(url: str, proxy: Proxy, **more: Any) -> Endpoint:
    return msgspec.structs.replace(endpoint("esplora", url), proxy=proxy, **more)


def ask(
    story: Callable[[ProxyServer, AioTransport], Awaitable[None]],
    kind: str = "socks5",
    login: tuple[str, str] | None = None,
    name: str = NAME,
    reply: bytes = http("ok"),
) -> ProxyServer:
    """Play a story with a proxy that leads to a host with TLS under NAME, or to one without under another name."""

    async def run() -> ProxyServer:
        tls = server_context(SEED, NAME) if name == NAME else None
        async with serving(lambda _: reply, tls) as server:
            port = int(server.url.rpartition(":")[2])
            async with proxying({name: port}, login, http=kind == "http") as proxy, AioTransport(3.0) as transport:
                await story(proxy, transport)
                return proxy

    return asyncio.run(asyncio.wait_for(run(), 20))


async def failure(transport: AioTransport, asked: Endpoint) -> str:
    with pytest.raises(CallError) as caught:
        await transport.send(asked, Request())
    assert (caught.value.fault, caught.value.wordless) == (ReadCode.UNREACHABLE, False)
    assert caught.value.__cause__ is None
    return caught.value.message


@KINDS
def test_a_host_is_asked_through_a_proxy_that_resolves_its_name(kind: str, ca: str) -> None:
    async def story(proxy: ProxyServer, transport: AioTransport) -> None:
        asked = row(f"https://{NAME}/x", by(kind, proxy), ca=ca)
        for _ in range(3):
            assert (await transport.send(asked, Request())).body == b"ok"

    assert ask(story, kind).asked == [(NAME, 443)], "by name, and the connection is kept"


@KINDS
def test_a_proxy_takes_user_and_password(kind: str, ca: str) -> None:
    async def story(proxy: ProxyServer, transport: AioTransport) -> None:
        asked = row(f"https://{NAME}/x", by(kind, proxy, "tor-user:p%40ss%2Fword@"), ca=ca)
        assert (await transport.send(asked, Request())).body == b"ok"
        for login in ("", "tor-user:canary@"):
            message = await failure(transport, row(f"https://{NAME}/x", by(kind, proxy, login), ca=ca))
            assert message.startswith("the proxy wants another user or password")

    ask(story, kind, LOGIN)


def test_an_onion_service_is_asked_through_socks_without_tls_and_never_looked_up() -> None:
    async def story(proxy: ProxyServer, transport: AioTransport) -> None:
        asked = row(f"http://{ONION}/api", by("socks5", proxy))
        assert (await transport.send(asked, Request())).body == b"ok"
        for other in (None, Proxy("http://127.0.0.1:1", "hdscan.toml")):
            with pytest.raises(ConfigError, match="needs a SOCKS proxy"):
                await transport.send(msgspec.structs.replace(asked, proxy=other), Request())

    assert ask(story, name=ONION).asked == [(ONION, 80)]


@KINDS
def test_lines_go_through_a_proxy_with_tls(kind: str, ca: str) -> None:
    async def run() -> None:
        async with serving_lines(lambda asked: [results(asked, TIP)], server_context(SEED, NAME)) as server:
            port = int(server.url.rpartition(":")[2])
            async with proxying({NAME: port}, LOGIN, http=kind == "http") as proxy, AioTransport(3.0) as transport:
                through = by(kind, proxy, "tor-user:p%40ss%2Fword@")
                url = f"ssl://{NAME}:50002"
                assert await electrum(url, transport, ca=ca, proxy=through).tip() == Head(977_072)
                assert await electrum(url, transport, "pin", proxy=through).tip() == Head(977_072)
                with pytest.raises(CallError, match="certificate is refused"):
                    await electrum(url, transport, proxy=through).tip()
                with pytest.raises(CallError, match="the proxy wants another user or password"):
                    await electrum(url, transport, "pin", proxy=by(kind, proxy)).tip()
                assert set(proxy.asked) == {(NAME, 50002)}

    asyncio.run(run())


def test_lines_of_an_onion_service_need_no_tls() -> None:
    async def run() -> None:
        async with serving_lines(lambda asked: [results(asked, TIP)]) as server:
            port = int(server.url.rpartition(":")[2])
            async with proxying({ONION: port}) as proxy, AioTransport(3.0) as transport:
                provider = electrum(f"tcp://{ONION}:50001", transport, proxy=by("socks5", proxy))
                assert await provider.tip() == Head(977_072)
                with pytest.raises(ConfigError, match="needs a SOCKS proxy"):
                    await electrum(f"tcp://{ONION}:50001", transport).tip()

    asyncio.run(run())


def test_what_a_proxy_says_is_told_and_not_taken_for_the_hosts_word(ca: str) -> None:
    async def story(proxy: ProxyServer, transport: AioTransport) -> None:
        through = by("socks5", proxy)
        gone = await failure(transport, row("https://gone.example/x", through, ca=ca))
        assert gone == "the proxy did not connect to the host: Host unreachable"
        proxy.refuses = NOT_ALLOWED
        refused = await failure(transport, row(f"https://{NAME}/x", through, ca=ca))
        assert refused == "the proxy did not connect to the host: Connection not allowed by ruleset"
        for nonsense in (b"HTTP/1.1 400 canary\r\n\r\n", b"", b"\x05"):
            proxy.says = nonsense
            message = await failure(transport, row(f"https://{NAME}/x", through, ca=ca))
            assert message in ("the proxy gave no answer that can be understood", "the proxy broke the connection off")

    ask(story)


def test_what_a_proxy_for_http_says_is_told_by_its_status_alone(ca: str) -> None:
    async def story(proxy: ProxyServer, transport: AioTransport) -> None:
        through = by("http", proxy)
        proxy.refuses = 403
        message = await failure(transport, row(f"https://{NAME}/x", through, ca=ca))
        assert message == "the proxy did not connect to the host (HTTP 403)"
        proxy.says = b"SSH-2.0 canary\r\n"
        message = await failure(transport, row(f"https://{NAME}/x", through, ca=ca))
        assert message == "the proxy gave no answer that can be understood"

    ask(story, "http")


@KINDS
def test_a_proxy_that_is_gone_is_named_and_the_host_is_not_asked_without_it(kind: str, ca: str) -> None:
    async def run() -> None:
        async with AioTransport(3.0) as transport:
            gone = Proxy(f"{kind}://127.0.0.1:{free_port()}", "hdscan.toml")
            message = await failure(transport, row(f"https://{NAME}/x", gone, ca=ca))
            assert message == "the proxy cannot be reached: Connection refused"
            with pytest.raises(CallError, match="the proxy cannot be reached: Connection refused"):
                await electrum(f"ssl://{NAME}:50002", transport, proxy=gone).tip()

    asyncio.run(run())


def test_a_host_with_another_certificate_is_refused_through_a_proxy_too(ca: str) -> None:
    async def story(proxy: ProxyServer, transport: AioTransport) -> None:
        assert "certificate" in await failure(transport, row(f"https://{NAME}/x", by("socks5", proxy)))

    ask(story)


def test_a_host_that_hangs_up_behind_a_proxy_is_to_blame_itself(ca: str) -> None:
    async def story(proxy: ProxyServer, transport: AioTransport) -> None:
        with pytest.raises(CallError) as caught:
            await transport.send(row(f"https://{NAME}/x", by("socks5", proxy), ca=ca), Request())
        assert caught.value.fault is ReadCode.UNREACHABLE
        assert "proxy" not in caught.value.message

    ask(story, reply=b"")
