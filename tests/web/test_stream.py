"""The events on the wire, over real sockets."""

import asyncio
import gc
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from hdscan.app import ScanRequest
from hdscan.web.hub import MOST_WAITING
from tests.scan.stage import host, played, stage
from tests.web.streaming import EPOCH, Frame, empty, met, progress, request, said, served, stalled

OTHER = "fedcba9876543210"
BIG = 64 * 1024  # bytes of an event that soon fills every buffer on the way


def rest(client: socket.socket) -> bytes:
    """What was on its way when the connection ended."""
    text = b""
    with suppress(ConnectionResetError):
        while data := client.recv(1 << 20):
            text += data
    return text


@played
async def test_the_answer_is_an_uncompressed_stream_that_nobody_stores(tmp_path: Path) -> None:
    async with empty(tmp_path) as server:
        stream = await server.follow("Accept-Encoding: gzip, br", "Accept: text/event-stream")
        assert stream.status == 200
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.headers["cache-control"] == "no-store"
        assert stream.headers["x-accel-buffering"] == "no"
        assert stream.headers["x-content-type-options"] == "nosniff"
        assert "content-encoding" not in stream.headers
        assert "content-length" not in stream.headers
        stream.close()


@played
async def test_the_state_comes_first_and_then_every_event(tmp_path: Path) -> None:
    async with empty(tmp_path) as server:
        server.hub.publish(said(1))
        stream = await server.follow()
        first = await stream.next()
        assert first is not None
        assert (first.event, first.id, first.retry) == ("scan_state", f"{EPOCH}-1", "2000")
        assert first.data["reason"] == "initial"
        server.hub.publish(progress("btc", 7))
        server.hub.publish(said(2))
        frames = await stream.until("scan_error")
        assert [(frame.event, frame.id) for frame in frames] == [
            ("scan_progress", f"{EPOCH}-2"),
            ("scan_error", f"{EPOCH}-3"),
        ]
        assert "event" not in frames[0].data
        assert frames[0].data["read"] == 7
        stream.close()


IDS = [
    ((), "", "initial"),
    ((f"Last-Event-ID: {EPOCH}-0",), "", "resumed"),
    ((), f"?last_event_id={EPOCH}-0", "resumed"),
    ((f"Last-Event-ID: {OTHER}-7",), "", "restarted"),
    ((), f"?last_event_id={OTHER}-7", "restarted"),
    ((f"Last-Event-ID: {EPOCH}-0",), f"?last_event_id={OTHER}-7", "resumed"),  # the header is the later one
    (("Last-Event-ID: nonsense",), "", "malformed"),
    (("Last-Event-ID:",), "", "malformed"),
    (("Last-Event-ID: \xff\xe9",), "", "malformed"),
    (("Last-Event-ID: " + "9" * 8_000,), "", "malformed"),
    ((f"Last-Event-ID: {EPOCH}-1",), "", "malformed"),
    ((), "?last_event_id=", "malformed"),
    ((), "?last_event_id=%00%ff%0d%0a", "malformed"),
    ((), "?last_event_id=1&last_event_id=2", "malformed"),
    ((), "?last_event_id[]=1&other=2", "initial"),
    ((f"Last-Event-ID: {EPOCH}-0", f"Last-Event-ID: {EPOCH}-0"), "", None),
]


@played
async def test_any_last_id_is_answered_with_the_state(tmp_path: Path) -> None:
    async with empty(tmp_path) as server:
        for headers, query, reason in IDS:
            stream = await server.follow(*headers, query=query)
            assert stream.status == 200, "anything else would make a browser give up"
            first = await stream.next()
            assert first is not None
            assert first.data["reason"] == reason or reason is None, (headers, query)
            stream.close()


@played
async def test_a_silence_is_broken_by_pings_and_by_nothing_else(tmp_path: Path) -> None:
    async with empty(tmp_path, ping_after=0.2) as server:
        stream = await server.follow()
        assert (await stream.until("ping"))[1:] == [Frame("ping", {"head": f"{EPOCH}-0"})]
        server.hub.publish(said())
        began = asyncio.get_running_loop().time()
        assert [frame.event for frame in await stream.until("ping")] == ["scan_error", "ping"]
        assert asyncio.get_running_loop().time() - began >= 0.15, "an event starts the silence anew"
        assert await stream.next() == Frame("ping", {"head": f"{EPOCH}-1"})
        stream.close()


@played
async def test_a_client_that_goes_leaves_nothing_behind(tmp_path: Path) -> None:
    async with empty(tmp_path) as server:
        streams = [await server.follow() for _ in range(5)]
        assert len(server.hub.subscriptions) == 5
        for stream in streams:
            stream.close()
        await met(lambda: server.idle)
        server.hub.publish(said())


@played
async def test_a_client_that_takes_nothing_is_cut_off_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with empty(tmp_path, send_seconds=0.3) as server:
        with stalled(server.port) as client:
            other = await server.follow()
            await met(lambda: len(server.hub.subscriptions) == 2)
            await other.next()
            for number in range(200):
                server.hub.publish(said(number, BIG))
                await other.until("scan_error")
            await met(lambda: len(server.hub.subscriptions) == 1)
            await met(lambda: len(server.server.server_state.connections) == 1)
            client.settimeout(5)
            assert not rest(client).endswith(b"0\r\n\r\n"), "it is no end of the answer"
        server.hub.publish(said())
        assert [frame.event for frame in await other.until("scan_error")] == ["scan_error"], "the others go on"
        other.close()
        await met(lambda: server.idle)


@played
async def test_a_client_that_is_slow_within_the_deadline_is_told_the_state_once(tmp_path: Path) -> None:
    async with empty(tmp_path) as server:
        with stalled(server.port) as client:
            await met(lambda: server.hub.subscriptions)
            for number in range(3 * MOST_WAITING):
                server.hub.publish(said(number, BIG))
                await asyncio.sleep(0)
            server.hub.publish(said(-1))
            client.setblocking(False)
            text = b""
            while b'"error":"-1 "' not in text:
                text += await asyncio.get_running_loop().sock_recv(client, 1 << 20)
        assert text.count(b'"reason":"initial"') == 1
        assert text.count(b'"reason":"lagged"') == 1
        assert text.rindex(b'"reason":"lagged"') > text.rindex(b"event: scan_error")
        await met(lambda: server.idle)


@played
async def test_at_the_end_everybody_hears_bye_and_nobody_is_waited_for(tmp_path: Path) -> None:
    async with empty(tmp_path) as server:
        streams = [await server.follow() for _ in range(4)]
        with stalled(server.port):
            await met(lambda: len(server.hub.subscriptions) == 5)
            reading = [asyncio.create_task(stream.until("bye")) for stream in streams]
            for number in range(MOST_WAITING):
                server.hub.publish(said(number, BIG))
                await asyncio.sleep(0)
            began = asyncio.get_running_loop().time()
            server.end()
            for stream, task in zip(streams, reading, strict=True):
                frames = await task
                assert frames[-1] == Frame("bye", {})
                assert frames[-2].id == f"{EPOCH}-{MOST_WAITING}", "after all that there was to say"
                assert await stream.next() is None
                assert await stream.reader.read() == b"", "and the connection is closed"
                stream.close()
            await server.server.ended
            assert asyncio.get_running_loop().time() - began < 5, "well before a send's deadline"
        assert server.idle


@played
async def test_who_connects_while_it_ends_hears_bye(tmp_path: Path) -> None:
    async with empty(tmp_path) as server:
        server.hub.close()
        stream = await server.follow()
        assert [frame.event for frame in await stream.until("bye")] == ["scan_state", "bye"]
        assert await stream.next() is None
        stream.close()


@played
async def test_a_client_that_goes_before_the_answer_begins_is_no_defect(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with empty(tmp_path) as server:
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", server.port)) as client:
                client.sendall(request(server.port))
        stream = await server.follow()
        await stream.next()
        stream.close()
        await met(lambda: server.idle)
    gc.collect()
    assert "Traceback" not in "".join(capfd.readouterr())


@played
async def test_a_scan_goes_on_when_every_client_has_gone(tmp_path: Path) -> None:
    hosts = (host("one", rate=200.0), host("node", "bsc", rate=100.0))
    async with stage(tmp_path, hosts) as on, served(on.wallet) as server:
        streams = [await server.follow() for _ in range(3)]
        await server.scans.start(ScanRequest())
        await streams[0].until("scan_progress")
        for stream in streams:
            stream.close()
        await met(lambda: not server.hub.subscriptions)
        assert on.wallet.scanning, "it is still under way"
        await met(lambda: server.scans.scan_id is None and not server.hub.state.snapshot().running)
        on.assert_all_true()
        late = await server.follow()
        first = await late.next()
        assert first is not None
        assert {chain["status"] for chain in first.data["chains"].values()} == {"completed"}
        late.close()
