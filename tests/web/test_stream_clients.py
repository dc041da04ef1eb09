"""What clients end up with, however they come and go, and however many there are."""

import asyncio
import random
import re
import tracemalloc
from pathlib import Path

import aiohttp
import msgspec
import pytest

from hdscan.app import ScanRequest
from hdscan.sim.faults import Fault, Rule
from tests.scan.stage import EVERYBODY, played, stage
from tests.web.reference import State, reduced
from tests.web.streaming import EPOCH, TOKEN, Served, Stream, empty, follow, met, request, said, served, stalled

OTHER = "fedcba9876543210"
CLIENTS, EVENTS, BURST = 50, 10_000, 100
SIZE = 2_000  # bytes of an event's text: all of them would be 20 MB
BOUND = 4 << 20  # bytes: two stalled clients may have 256 events each waiting, as many being sent, and a state of 20 errors


class Wanderer:
    """A client that comes, reads a while, goes, and comes again with its last id, another one or none."""

    def __init__(self, server: Served, dice: random.Random) -> None:
        self._server, self._dice = server, dice
        self.state: State = {}
        self.seen: str | None = None
        self.reasons: set[str] = set()

    async def come(self) -> Stream:
        last = self._dice.choice([self.seen, self.seen, f"{OTHER}-3", "nonsense", None])
        header = [] if last is None else [f"Last-Event-ID: {last}"]
        wanted = {None: "initial", f"{OTHER}-3": "restarted", "nonsense": "malformed"}.get(last, "resumed")
        stream = await (
            follow(self._server.port, query=f"?last_event_id={last}")
            if header and self._dice.random() < 0.5
            else follow(self._server.port, *header)
        )
        first = await self.take(stream)
        assert (first["reason"], "chains" in first) == (wanted, True)
        self.reasons.add(wanted)
        return stream

    async def take(self, stream: Stream) -> dict[str, object]:
        frame = await stream.next()
        assert frame is not None
        self.state, self.seen = reduced(self.state, frame.event, frame.data), frame.id or self.seen
        return dict(frame.data)

    async def wander(self, over: asyncio.Event) -> None:
        """Until it is over; then what is left to hear is heard."""
        while not over.is_set():
            stream = await self.come()
            for _ in range(self._dice.randrange(30)):
                if over.is_set():
                    break
                await self.take(stream)
                await asyncio.sleep(self._dice.choice([0, 0, 0.01]))
            if not over.is_set():
                stream.close()
        while self.seen != self._server.hub.head.decode():
            await self.take(stream)
        stream.close()


@pytest.mark.parametrize("seed", range(4))
@played
async def test_whoever_comes_and_goes_during_scans_ends_with_the_status(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    faults = {spec.name: (Rule(faults=(Fault.SERVER_ERROR, Fault.RESET, Fault.TRUNCATED), share=0.2),) for spec in EVERYBODY}
    faults |= {spec.name: (Rule(faults=(Fault.TOKENS_FAIL,), stop=30),) for spec in EVERYBODY if spec.chain == "bsc"}
    async with stage(tmp_path, faults=faults, chunk=8) as on, served(on.wallet, ping_after=0.05) as server:
        over = asyncio.Event()
        clients = [Wanderer(server, random.Random(f"{seed}/{number}")) for number in range(5)]
        async with asyncio.TaskGroup() as wandering:
            for client in clients:
                wandering.create_task(client.wander(over))
            for asked in (ScanRequest(), ScanRequest(chains=("btc",), restart=True), ScanRequest(restart=True)):
                await server.scans.start(asked)
                if dice.random() < 0.3:
                    await met(lambda: server.hub.seq > 40)
                    on.wallet.stop()
                await met(lambda: not server.hub.state.snapshot().running)
            over.set()
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"http://127.0.0.1:{server.port}/api/v1/status"
        async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as reply:
            status = await reply.read()
        for client in clients:
            assert msgspec.json.encode(client.state) == status


class Counter(asyncio.Protocol):
    """A client that counts what it was sent: `last` is the number of the last event, `holes` how often one was left out."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._tail = b""
        self.last = self.holes = 0
        self.states = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(request(self._port))

    def data_received(self, data: bytes) -> None:
        text, line, self._tail = (self._tail + data).rpartition(b"\n")
        for number, event in re.findall(rb"\nid: [0-9a-f]{16}-(\d+)\nevent: (\w+)(?=\n)", b"\n" + text + line):
            self.states += event == b"scan_state"
            self.holes += int(number) != self.last + (event != b"scan_state")
            self.last = int(number)


@played
async def test_of_many_clients_two_that_take_nothing_cost_little_and_the_others_miss_nothing(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with empty(tmp_path, send_seconds=60.0) as server:
        made = [
            await loop.create_connection(lambda: Counter(server.port), "127.0.0.1", server.port) for _ in range(CLIENTS - 2)
        ]
        clients = [client for _, client in made]
        with stalled(server.port) as one, stalled(server.port) as two:
            await met(lambda: len(server.hub.subscriptions) == CLIENTS and all(client.states for client in clients))
            tracemalloc.start()
            try:
                before, _ = tracemalloc.get_traced_memory()
                for number in range(EVENTS):
                    server.hub.publish(said(number, SIZE))
                    if number % BURST == BURST - 1:
                        await met(lambda: all(client.last == server.hub.seq for client in clients))
                after, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert after - before < BOUND
            assert len(server.hub.subscriptions) == CLIENTS, "the two are waited for, within their deadline"
            for client in clients:
                assert (client.last, client.holes, client.states) == (EVENTS, 0, 1)
            for each in (one, two):
                each.setblocking(False)
                text = b""
                while not text.endswith(b'"reason":"lagged"}\n\n\r\n'):
                    text += await loop.sock_recv(each, 1 << 20)
                assert text.count(b'"reason":"lagged"') == text.count(f"id: {EPOCH}-{EVENTS}\n".encode()) == 1
        for transport, _ in made:
            transport.close()
        await met(lambda: server.idle)
