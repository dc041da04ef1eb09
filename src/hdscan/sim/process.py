"""The simulator in a process of its own, so that it shares no event loop with the client under test.

The child reads one line of JSON (a Config) from standard input, prints one line (a Ready) when every host listens, and ends
when its input closes, so it never outlives its parent. Its control server answers

    GET  /judgement             a Judgement per host
    GET  /log?host=NAME         the host's Entry list, in the order of arrival
    GET  /truth?chain=ID        a Truth per address
    POST /faults                a profile's name as a JSON string, or {"host name": [Rule, …]}
    POST /reset                 empty the logs, begin every host's time anew
    POST /move                  [share of the balances that change, seed]
"""

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any, Self

import aiohttp
import msgspec

from hdscan.model.endpoint import Endpoint
from hdscan.sim.chains import MAINNET, SimChain
from hdscan.sim.city import DEMO, City
from hdscan.sim.faults import Rule
from hdscan.sim.host import Entry, HostSpec
from hdscan.sim.http import Connection, Exchange, Listener, Request
from hdscan.sim.judge import Judgement
from hdscan.sim.world import World

_run: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run
with suppress(ImportError):  # it has no wheel for Windows
    from uvloop import run as _run


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
        return World(self.seed, self.addresses, funded=self.funded, chains=self.chains, explicit=self.explicit)


class Ready(msgspec.Struct, frozen=True):
    """The child's line: the hosts, and the control server's base URL."""

    endpoints: tuple[Endpoint, ...]
    control: str


def _control(city: City, request: Request) -> object:
    """Do what a request to the control server asks for; LookupError for an unknown path or name, ValueError for its body."""
    match request.verb, request.path:
        case "GET", "/judgement":
            return city.judge()
        case "GET", "/log":
            return city.hosts[request.query["host"]].log
        case "GET", "/truth":
            return list(city.world[request.query["chain"]].truth())
        case "POST", "/faults":
            city.set_faults(msgspec.json.decode(request.body, type=str | dict[str, tuple[Rule, ...]]))
        case "POST", "/reset":
            city.reset()
        case "POST", "/move":
            city.world.move(*msgspec.json.decode(request.body, type=tuple[float, int]))
        case _:
            raise LookupError(f"{request.verb} {request.path}")
    return {}


async def _simulate(config: Config) -> None:
    city = City(config.world(), config.hosts, faults=config.faults, keep_asks=config.keep_asks)
    loop, closed = asyncio.get_running_loop(), asyncio.Event()

    def serve(request: Request, connection: Exchange) -> None:
        try:
            status, told = 200, _control(city, request)
        except LookupError as error:
            status, told = 404, {"error": f"unknown: {error}"}
        except ValueError as error:
            status, told = 400, {"error": str(error)}
        connection.reply(status, msgspec.json.encode(told))

    def watch() -> None:
        while sys.stdin.buffer.read(4096):
            pass
        loop.call_soon_threadsafe(closed.set)

    async with city:
        control = Listener(partial(Connection, serve))
        print(msgspec.json.encode(Ready(city.endpoints, await control.open())).decode(), flush=True)  # noqa: T201 - for the process that started this one
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
        self.pid = 0
        self._stack = AsyncExitStack()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        pipe = asyncio.subprocess.PIPE
        async with AsyncExitStack() as stack:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "hdscan.sim", stdin=pipe, stdout=pipe, limit=2**24
            )
            assert process.stdin is not None
            assert process.stdout is not None
            stack.push_async_callback(_end, process, process.stdin)
            process.stdin.write(msgspec.json.encode(self.config) + b"\n")
            line = await process.stdout.readline()
            if not line:
                raise RuntimeError("the simulator did not start; its error is above")
            ready = msgspec.json.decode(line, type=Ready)
            self.endpoints, self.control, self.pid = ready.endpoints, ready.control, process.pid
            self._session = await stack.enter_async_context(aiohttp.ClientSession(self.control))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def judge(self) -> list[Judgement]:
        return msgspec.json.decode(await self._ask("GET", "/judgement"), type=list[Judgement])

    async def log(self, host: str) -> list[Entry]:
        return msgspec.json.decode(await self._ask("GET", "/log", params={"host": host}), type=list[Entry])

    async def set_faults(self, faults: str | Mapping[str, tuple[Rule, ...]]) -> None:
        await self._ask("POST", "/faults", data=msgspec.json.encode(faults))

    async def move(self, share: float, seed: int = 1) -> None:
        """Change a share of all balances, in `world` too."""
        await self._ask("POST", "/move", data=msgspec.json.encode((share, seed)))
        self.world.move(share, seed)

    async def reset(self) -> None:
        await self._ask("POST", "/reset")

    async def _ask(self, verb: str, path: str, **options: Any) -> bytes:
        assert self._session is not None
        async with self._session.request(verb, path, **options) as reply:
            body = await reply.read()
            if reply.status != 200:
                raise RuntimeError(body.decode())
            return body


async def _end(process: asyncio.subprocess.Process, stdin: asyncio.StreamWriter) -> None:
    stdin.close()
    try:
        await asyncio.wait_for(process.wait(), 5)
    except TimeoutError:
        process.kill()
        await process.wait()
