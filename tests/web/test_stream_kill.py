"""`hdscan serve` as a process: killed in the midst of a scan and started again, and ended with streams open."""

import asyncio
import json
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from hdscan.sim.city import City
from tests.scan.stage import EVERYBODY
from tests.web.command import WORLD, Command, known, truth
from tests.web.reference import State, reduced
from tests.web.streaming import TOKEN, follow, stalled

SEND = 10.0  # seconds until a stalled client is cut off anyway
DEADLINE = 120.0  # seconds; processes start slowly on a busy machine
EVENTS = ("scan_state", "scan_progress", "scan_token_error", "scan_error", "scan_complete", "provider_state", "ping")


class Serving:
    """A server process."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process, self.port = process, port

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        """What the API answers."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}"
        async with aiohttp.ClientSession(headers=headers) as session, session.request(method, url, json=body) as reply:
            assert reply.status < 300, await reply.text()
            return await reply.json()


@asynccontextmanager
async def serving(command: Command) -> AsyncIterator[Serving]:
    """`hdscan serve` on any port."""
    command.environment["HDSCAN_TOKEN"] = TOKEN
    process = await command.start("serve", "--port", "0")
    assert process.stdout is not None
    try:
        port = urlsplit((await process.stdout.readline()).decode()).port
        assert port is not None
        yield Serving(process, port)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def import_addresses(home: Path) -> Path:
    async with City(WORLD, EVERYBODY) as city:
        await Command(home, city).add_addresses()
    return home / "added.db"


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asyncio.run(asyncio.wait_for(import_addresses(tmp_path_factory.mktemp("imported")), DEADLINE))


async def killed_and_resumed(home: Path, at: int) -> None:
    async with City(WORLD, EVERYBODY) as city:
        command = Command(home, city)
        async with serving(command) as first:
            stream = await follow(first.port)
            await stream.until("scan_state")
            began = await first.ask("POST", "scans", {})
            for _ in range(at + len(WORLD.chains)):  # the first of each chain says that it begins
                last = (await stream.until("scan_progress"))[-1].id
            first.process.kill()
            stream.close()
            await first.process.wait()
        async with serving(command) as second:
            stream = await follow(second.port, f"Last-Event-ID: {last}")
            (frame,) = await stream.until("scan_state")
            assert frame.data["reason"] == "restarted"
            assert not frame.data["running"]
            statuses = {name: chain["status"] for name, chain in frame.data["chains"].items()}
            assert set(statuses.values()) <= {"stopped", "completed"}
            assert "stopped" in statuses.values()
            assert await second.ask("POST", "scans", {}) == began, "the same scan goes on"
            state: State = reduced({}, frame.event, frame.data)
            for running in (True, False):
                while state["running"] is not running:
                    (frame,) = await stream.until(*EVENTS)
                    state = reduced(state, frame.event, frame.data)
            assert state == await second.ask("GET", "status")
            stream.close()
            everything = {name: len(WORLD[name]) * len(WORLD[name].assets) for name in WORLD.chains}
            ended = {name: (each["status"], each["read"], each["unread"]) for name, each in state["chains"].items()}
            assert ended == {name: ("completed", count, 0) for name, count in everything.items()}
        assert sorted(known(await command.run("balances", "--jsonl"))) == truth()


async def signalled(home: Path, number: signal.Signals) -> None:
    async with City(WORLD, EVERYBODY) as city:
        command = Command(home, city)
        async with serving(command) as server:
            streams = [await follow(server.port) for _ in range(3)]
            with stalled(server.port):
                await server.ask("POST", "scans", {})
                await streams[0].until("scan_progress")
                began = asyncio.get_running_loop().time()
                server.process.send_signal(number)
                for stream in streams:
                    assert (await stream.until("bye"))[-1].data == {}
                    assert await stream.next() is None
                    stream.close()
                _, err = await server.process.communicate()
                assert asyncio.get_running_loop().time() - began < SEND
                assert server.process.returncode == 130
                assert b"Traceback" not in err, err.decode()
        statuses = json.loads((await (await command.start("status", "--json")).communicate())[0])
        assert {chain["status"] for chain in statuses["chains"].values()} <= {"stopped", "completed"}


@pytest.mark.parametrize("at", [1, 6])
def test_a_scan_whose_server_was_killed_is_resumed_from_the_next_to_the_same_end(
    tmp_path: Path, imported: Path, at: int
) -> None:
    shutil.copy(imported, tmp_path / "wallet.db")
    asyncio.run(asyncio.wait_for(killed_and_resumed(tmp_path, at), DEADLINE))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_streams_open_and_a_scan_under_way(
    tmp_path: Path, imported: Path, number: signal.Signals
) -> None:
    shutil.copy(imported, tmp_path / "wallet.db")
    asyncio.run(asyncio.wait_for(signalled(tmp_path, number), DEADLINE))
