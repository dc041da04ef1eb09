"""The simulator in a process of its own, so that it shares no event loop with the client under test.

The child reads one line of JSON (a Config) from standard input, prints one line (a Ready) when every host listens, and ends
when its input closes, so it never outlives its parent. Its control server answers

    GET  /judgement             a Judgement per host
    GET  /log?host=NAME         the host's Entry list, in the order of arrival
    GET  /truth?chain=ID        a Truth per address
    POST /faults                a profile's name as a JSON string, or {"host name": [Rule, …]}
    POST /reset                 empty the logs, begin every host's time anew
"""

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, Self

import aiohttp
import msgspec

from hdscan.model.endpoint import Endpoint
from hdscan.sim.chains import MAINNET, SimChain
from hdscan.sim.city import City
from hdscan.sim.faults import Rule
from hdscan.sim.host import Entry, HostSpec
from hdscan.sim.http import Exchange, Request, listen
from hdscan.sim.judge import Judgement
from hdscan.sim.topology import DEMO
from hdscan.sim.world import World

_run: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run
with suppress(ImportError):  # it has no wheel for Windows
    from uvloop import run as _run

_encode = msgspec.json.Encoder().encode


class Config(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What to simulate; see World and City for the members. `addresses` is per chain id, or one number for all."""

    seed: int = 1
    addresses: int | dict[str, int] = 100
    funded: float = 0.1
    chains: tuple[SimChain, ...] = MAINNET
    explicit: dict[str, dict[str, dict[str, int]]] = {}
    hosts: tuple[HostSpec, ...] = DEMO
    faults: str | dict[str, tuple[Rule, ...]] = "none"
    keep_asks: bool = True

    def world(self) -> World:
        """The truth, the same in parent and child."""
        return World(self.seed, self.addresses, funded=self.funded, chains=self.chains, explicit=self.explicit)


class Ready(msgspec.Struct, frozen=True):
    """The child's line: the hosts, and the control server's base URL."""

    endpoints: tuple[Endpoint, ...]
    control: str


class Control:
    """The control server's answers."""

    def __init__(self, city: City) -> None:
        self._city = city

    def serve(self, request: Request, connection: Exchange) -> None:
        """Answer a request: 404 for an unknown path or name, 400 for an invalid body."""
        try:
            connection.reply(200, self._answer(request))
        except (KeyError, LookupError) as error:
            connection.reply(404, _encode({"error": f"unknown: {error}"}))
        except ValueError as error:
            connection.reply(400, _encode({"error": str(error)}))

    def _answer(self, request: Request) -> bytes:
        match request.verb, request.path:
            case "GET", "/judgement":
                return _encode(self._city.judge())
            case "GET", "/log":
                return _encode(self._city.hosts[request.query["host"]].log)
            case "GET", "/truth":
                return _encode(list(self._city.world[request.query["chain"]].truth()))
            case "POST", "/faults":
                self._city.set_faults(msgspec.json.decode(request.body, type=str | dict[str, tuple[Rule, ...]]))
            case "POST", "/reset":
                self._city.reset()
            case _:
                raise LookupError(f"{request.verb} {request.path}")
        return b"{}"


async def _simulate(config: Config) -> None:
    city = City(config.world(), config.hosts, faults=config.faults, keep_asks=config.keep_asks)
    control = listen(Control(city).serve)
    loop, closed = asyncio.get_running_loop(), asyncio.Event()

    def watch() -> None:
        while sys.stdin.buffer.read(4096):
            pass
        loop.call_soon_threadsafe(closed.set)

    async with city:
        url = await control.open()
        sys.stdout.write(_encode(Ready(city.endpoints, url)).decode() + "\n")
        sys.stdout.flush()
        threading.Thread(target=watch, daemon=True).start()
        await closed.wait()
        await control.close()


def main() -> None:
    """Read the configuration from standard input and simulate until it closes."""
    if not sys.stdin.isatty():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C, and closes our input
    _run(_simulate(msgspec.json.decode(sys.stdin.buffer.readline() or b"{}", type=Config)))


class Simulation:
    """The simulator as a child process: `async with Simulation(Config(seed=1, faults="mild")) as sim: sim.endpoints`.

    `world` is the truth, computed in this process too. Raises RuntimeError if the child does not start.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.world = config.world()
        self.endpoints: tuple[Endpoint, ...] = ()
        self.control = ""  # the control server's base URL
        self._process: asyncio.subprocess.Process | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def pid(self) -> int:
        """The child's process id, for measuring its CPU time."""
        assert self._process is not None
        return self._process.pid

    async def __aenter__(self) -> Self:
        pipe = asyncio.subprocess.PIPE
        command = (sys.executable, "-m", "hdscan.sim")
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=2**24)
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(_encode(self.config) + b"\n")
            line = await process.stdout.readline()
            if not line:
                raise RuntimeError("the simulator did not start; its error is above")
            ready = msgspec.json.decode(line, type=Ready)
            self.endpoints, self.control = ready.endpoints, ready.control
            self._session = aiohttp.ClientSession()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def judge(self) -> list[Judgement]:
        return msgspec.json.decode(await self._ask("GET", "/judgement"), type=list[Judgement])

    async def log(self, host: str) -> list[Entry]:
        return msgspec.json.decode(await self._ask("GET", "/log", params={"host": host}), type=list[Entry])

    async def set_faults(self, faults: str | Mapping[str, tuple[Rule, ...]]) -> None:
        """As City.set_faults."""
        await self._ask("POST", "/faults", data=_encode(faults))

    async def reset(self) -> None:
        """Empty the logs and begin every host's time anew."""
        await self._ask("POST", "/reset")

    async def _ask(self, verb: str, path: str, **options: Any) -> bytes:
        assert self._session is not None
        async with self._session.request(verb, self.control + path, **options) as reply:
            body = await reply.read()
            if reply.status != 200:
                raise RuntimeError(body.decode())
            return body

    async def _stop(self) -> None:
        if self._session is not None:
            await self._session.close()
        process = self._process
        if process is not None:
            assert process.stdin is not None
            process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), 5)
            except TimeoutError:
                process.kill()
                await process.wait()
