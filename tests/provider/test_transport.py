"""The transport meets a bad network: every failure is a CallError without a part of the URL, and nothing is unbounded."""

import asyncio
import gzip
import traceback
import zlib
from collections.abc import Callable

import msgspec
import pytest

from hdscan.model.endpoint import Endpoint
from hdscan.model.errors import CallError, ConfigError, ReadCode
from hdscan.provider.connection import MOST_BYTES
from hdscan.provider.transport import PER_HOST, AioTransport
from hdscan.wire.http import Request, Response
from tests.provider.server import HANG, RESET, Asked, endpoint, http, serving

KEY = "canary-0123456789abcdef"
SECRET = f"/v2/{KEY}?apikey={KEY}"


def row(url: str) -> Endpoint:
    return endpoint("esplora", url)


def exchange(handler: Callable[[Asked], bytes], request: Request = Request(), timeout: float = 2.0) -> Response:  # noqa: B008 - frozen
    async def run() -> Response:
        async with serving(handler) as server, AioTransport(timeout) as transport:
            return await transport.send(row(server.url + SECRET), request)

    return asyncio.run(run())


def fails(handler: Callable[[Asked], bytes], fault: ReadCode, timeout: float = 2.0, *, wordless: bool = False) -> str:
    with pytest.raises(CallError) as caught:
        exchange(handler, timeout=timeout)
    assert (caught.value.fault, caught.value.wordless) == (fault, wordless)
    assert KEY not in "".join(traceback.format_exception(caught.value))
    return caught.value.message


def test_path_query_body_and_headers_travel() -> None:
    seen: list[Asked] = []

    def handler(asked: Asked) -> bytes:
        seen.append(asked)
        return http("ok", 429, Retry_After="7", Date="Mon, 23 Nov 2026 21:29:24 GMT", X_Some="Thing")

    response = exchange(handler, Request(path="/address/x", query={"module": "account", "address": "a,b"}, body=b"{}"))
    assert (response.status, response.body) == (429, b"ok")
    assert response.headers["retry-after"] == "7"
    assert response.headers["x-some"] == "Thing"
    (asked,) = seen
    assert asked.method == "POST"
    assert asked.target == f"/v2/{KEY}/address/x?apikey={KEY}&module=account&address=a,b"
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["user-agent"].startswith("hdscan/")
    assert asked.headers["accept-encoding"] == "gzip"
    assert exchange(lambda _: http("x")).body == b"x"


def test_headers_of_the_row_and_user_and_password_travel() -> None:
    seen: list[Asked] = []

    async def run() -> None:
        async with serving(lambda asked: seen.append(asked) or http("ok")) as server, AioTransport(2.0) as transport:
            url = server.url.replace("//", "//us%40er:p%C3%A4ss@")
            keyed = msgspec.structs.replace(row(url), headers=(("TRON-PRO-API-KEY", KEY), ("User-Agent", "mine")))
            await transport.send(keyed, Request())
            await transport.send(keyed, Request(body=b"{}"))
            await transport.send(row(server.url), Request())

    asyncio.run(run())
    for asked in seen[:2]:
        assert asked.headers["tron-pro-api-key"] == KEY
        assert asked.headers["user-agent"] == "mine"
        assert asked.headers["authorization"] == "Basic dXNAZXI6cMOkc3M="
    assert seen[1].headers["content-type"] == "application/json"
    assert not {"tron-pro-api-key", "authorization"} & set(seen[2].headers), "another row's keys stay its own"


def test_a_hanging_host_times_out() -> None:
    assert fails(lambda _: HANG, ReadCode.TIMEOUT, 0.2) == "no reply within 0.2 s"


def test_a_body_that_never_ends_times_out() -> None:
    assert "no reply" in fails(lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", ReadCode.TIMEOUT, 0.2)


def test_a_reset_is_unreachable() -> None:
    fails(lambda _: RESET, ReadCode.UNREACHABLE, wordless=True)


def test_a_connection_that_ends_without_a_reply_is_unreachable() -> None:
    fails(lambda _: b"", ReadCode.UNREACHABLE, wordless=True)


def test_a_closed_connection_is_unreachable() -> None:
    fails(lambda _: b"HTTP/1.1 connection: close", ReadCode.UNREACHABLE)


def test_a_truncated_body_is_unreachable() -> None:
    message = fails(lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nConnection: close\r\n\r\n{}", ReadCode.UNREACHABLE)
    assert message == "the reply broke off"


def test_a_truncated_chunk_is_unreachable() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    fails(lambda _: head + b"5\r\nab", ReadCode.UNREACHABLE)


def test_what_is_not_http_is_unreachable() -> None:
    fails(lambda _: b"SSH-2.0-OpenSSH_9.6\r\n\r\nconnection: close", ReadCode.UNREACHABLE)


def test_a_refused_connection_is_unreachable() -> None:
    async def run() -> None:
        async with serving(lambda _: b"") as server:
            url = server.url
        async with AioTransport(2.0) as transport:
            with pytest.raises(CallError) as caught:
                await transport.send(row(url + SECRET), Request())
            assert (caught.value.fault, caught.value.wordless) == (ReadCode.UNREACHABLE, True)
            assert KEY not in str(caught.value)

    asyncio.run(run())


def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    async def run() -> None:
        async with AioTransport(5.0) as transport:
            with pytest.raises(CallError) as caught:
                await transport.send(row("https://nobody.invalid" + SECRET), Request())
            assert caught.value.fault in (ReadCode.UNREACHABLE, ReadCode.TIMEOUT)
            assert KEY not in str(caught.value)

    asyncio.run(run())


def test_a_host_without_tls_is_unreachable() -> None:
    async def run() -> None:
        async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(http("plain text", 400))
            writer.close()

        listener = await asyncio.start_server(talk, "127.0.0.1", 0)
        url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        async with AioTransport(2.0) as transport:
            with pytest.raises(CallError) as caught:
                await transport.send(row(url + SECRET), Request())
        assert caught.value.fault is ReadCode.UNREACHABLE
        assert "TLS" in caught.value.message
        assert KEY not in str(caught.value)
        listener.close()
        await listener.wait_closed()

    asyncio.run(run())


def test_a_redirect_is_returned_and_not_followed() -> None:
    elsewhere: list[str] = []

    def handler(asked: Asked) -> bytes:
        elsewhere.append(asked.path)
        return http("", 302, Location="http://169.254.169.254/latest/meta-data")

    assert exchange(handler).status == 302
    assert len(elsewhere) == 1


def test_a_gzipped_body_is_inflated() -> None:
    assert exchange(lambda _: http(gzip.compress(b"x" * 100_000), Content_Encoding="gzip")).body == b"x" * 100_000


def test_a_gzip_bomb_is_refused_at_the_limit() -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = b"".join(bomb.compress(bytes(2**20)) for _ in range(256)) + bomb.flush()
    assert len(body) < 2**20
    assert "larger than 8 MiB" in fails(lambda _: http(body, Content_Encoding="gzip"), ReadCode.MALFORMED)


def test_a_large_body_is_refused_at_the_limit() -> None:
    assert len(exchange(lambda _: http(bytes(MOST_BYTES))).body) == MOST_BYTES
    assert "larger" in fails(lambda _: http(bytes(MOST_BYTES + 1)), ReadCode.MALFORMED)


@pytest.mark.parametrize("body", [b"not gzip", gzip.compress(b"x" * 1000)[:-30] + b"garbage" * 9])
def test_broken_compression_is_no_reply(body: bytes) -> None:
    fails(lambda _: http(body, Content_Encoding="gzip"), ReadCode.MALFORMED)


def test_nothing_may_follow_what_was_compressed() -> None:
    body = gzip.compress(b"x" * 1000)
    assert "follows" in fails(lambda _: http(body + bytes(2**20), Content_Encoding="gzip"), ReadCode.MALFORMED)
    assert "follows" in fails(lambda _: http(body + body, Content_Encoding="gzip"), ReadCode.MALFORMED)


def test_truncated_compression_is_no_reply() -> None:
    fails(lambda _: http(gzip.compress(b"x" * 100_000)[:60], Content_Encoding="gzip"), ReadCode.UNREACHABLE)


def test_a_compression_that_was_not_offered_is_refused() -> None:
    fails(lambda _: http(b"x", Content_Encoding="br"), ReadCode.MALFORMED)


@pytest.mark.parametrize(
    "url", ["http://example.com/", "http://10.0.0.1", "ftp://127.0.0.1", "http://127.0.0.1.evil.com", "//x", ""]
)
def test_plain_http_is_for_this_machine_only(url: str) -> None:
    async def run() -> None:
        async with AioTransport(2.0) as transport:
            with pytest.raises(ConfigError) as caught:
                await transport.send(row(url), Request())
            assert KEY not in str(caught.value)

    asyncio.run(run())


def test_a_host_sees_a_limited_number_of_connections() -> None:
    most = 0

    async def run() -> None:
        nonlocal most
        now = 0

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal now, most
            now += 1
            most = max(most, now)
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(0.02)
            now -= 1
            writer.write(http("x", Connection="close"))
            writer.close()

        listener = await asyncio.start_server(talk, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        async with AioTransport(10.0) as transport:
            await asyncio.gather(*(transport.send(row(url), Request()) for _ in range(3 * PER_HOST)))
        listener.close()
        await listener.wait_closed()

    asyncio.run(run())
    assert 1 < most <= PER_HOST


def test_cancelling_a_call_leaves_the_transport_usable() -> None:
    async def run() -> None:
        replies = iter([HANG, http("second")])
        arrived = asyncio.Event()

        def handler(_: Asked) -> bytes:
            arrived.set()
            return next(replies)

        async with serving(handler) as server, AioTransport(5.0) as transport:
            call = asyncio.create_task(transport.send(row(server.url), Request()))
            await arrived.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert (await transport.send(row(server.url), Request())).body == b"second"

    asyncio.run(run())
