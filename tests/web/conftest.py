"""The server as `hdscan serve` runs it, on a loop in a thread of its own, and a client that sends exactly the bytes it is told.

No HTTP client stands between: those mend what they send, and what they would never send is what is tried here.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext

from hdscan import web
from hdscan.app import Wallet
from hdscan.cli.follow import run
from hdscan.settings import Settings, load
from hdscan.sim.host import HostSpec
from tests.cli.conftest import Hdscan
from tests.web import browser as pages

DEADLINE = 20.0  # seconds
TOKEN = "token-of-the-tests-0123456789"
BEARER = f"Authorization: Bearer {TOKEN}"
JSON = "Content-Type: application/json"
NO_PROVIDER = "\n".join(
    f'[[endpoint]]\nname = "no-{chain}"\nchain = "{chain}"\nprotocol = "{protocol}"\nurl = "http://127.0.0.1:9"\nrate = 5\n'
    for chain, protocol in (("btc", "esplora"), ("bsc", "evm-rpc"), ("sol", "solana-rpc"))
)


class Reply(msgspec.Struct, frozen=True):
    """An answer as it came over the wire; names of headers are in lower case."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def __getitem__(self, name: str) -> str:
        """The one header of this name."""
        (value,) = [value for key, value in self.headers if key == name]
        return value

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> str:
        """The code of an error, which has the one form of all errors."""
        assert self["content-type"] == "application/json"
        assert list(self.json) == ["error"]
        assert set(self.json["error"]) == {"code", "message", "detail"}
        assert self.json["error"]["message"]
        return self.json["error"]["code"]

    @property
    def cookie(self) -> str:
        """The Cookie header of a browser that took this answer's."""
        return "Cookie: " + self["set-cookie"].partition(";")[0]


class Server:
    """A server that runs; `link` is what it printed."""

    def __init__(self, link: str, stop: Callable[[], object]) -> None:
        self.link, self.stop = link, stop
        self.base, _, self.target = link.partition("/?")
        self.netloc = self.base.removeprefix("http://")
        self.port = int(self.netloc.rpartition(":")[2])
        self.target = "/?" + self.target

    def connect(self, timeout: float = DEADLINE) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def send(self, raw: bytes) -> Reply:
        """The answer to these bytes, on a connection of their own."""
        with self.connect() as connection:
            connection.sendall(raw)
            return read_reply(connection, raw.partition(b" ")[0].decode())

    def ask(self, method: str, target: str, *headers: str, body: bytes | None = None, host: str | None = None) -> Reply:
        """The answer to a request with these headers and no others than Host and Content-Length."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host or self.netloc}", *headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        return self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""))

    def get(self, target: str, *headers: str) -> Reply:
        """What a program gets."""
        return self.ask("GET", target, BEARER, *headers)

    def post(self, target: str, value: object = None, *headers: str) -> Reply:
        """What a program gets that sends JSON."""
        return self.ask("POST", target, BEARER, JSON, *headers, body=msgspec.json.encode({} if value is None else value))

    def events(self) -> Iterator[tuple[str, Any]]:
        """The stream's events from now on, each as name and data."""
        with self.connect() as connection:
            connection.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: {self.netloc}\r\n{BEARER}\r\n\r\n".encode())
            with HTTPResponse(connection) as response:
                response.begin()
                name = ""
                while line := response.readline():
                    field, _, value = line.decode().strip().partition(": ")
                    if field == "event":
                        name = value
                    elif field == "data":
                        yield name, msgspec.json.decode(value)

    def until(self, found: Callable[[str, Any], bool]) -> Any:
        """The data of the first event that is as wanted."""
        for name, data in self.events():
            if found(name, data):
                return data
        raise AssertionError("the stream ended without that")

    def until_idle(self) -> None:
        """Wait until no scan is running."""
        running: set[str] = set()

        def idle(name: str, data: Any) -> bool:
            if name == "scan_state":
                running.update(key for key, chain in data["chains"].items() if chain["status"] == "running")
            elif name == "scan_complete":
                running.discard(data["chain"])
            return not running

        self.until(idle)

    def sign_in(self) -> str:
        """The Cookie header of a browser that opens the link."""
        return self.ask("GET", self.target).cookie


def read_reply(connection: socket.socket, method: str = "GET") -> Reply:
    """An answer; of a stream of events, which never ends, what comes first."""
    with HTTPResponse(connection, method=method) as response:
        response.begin()
        headers = [(name.lower(), value) for name, value in response.getheaders()]
        endless = response.getheader("content-type", "").startswith("text/event-stream")
        body = response.read1() if endless else response.read()
        while endless and not body.endswith(b"\n\n"):  # an event may come in pieces
            body += response.read1()
        return Reply(response.status, headers, body)


def settings_of(home: Hdscan) -> Settings:
    """The settings of a home; where it configures nothing, its providers are hosts of this machine that do not answer."""
    config = home.home / "hdscan.toml"
    if not config.exists():
        config.write_text(NO_PROVIDER)
    return load(None, {"db": f"sqlite:///{home.database}"}, home.environ, home.home)


@contextmanager
def served(settings: Settings, *, token: str | None = TOKEN, port: int = 0, **options: Any) -> Iterator[Server]:
    """Serve a wallet, with its writer's lock held, until the context ends."""
    ready: Future[Server] = Future()

    async def serve() -> None:
        until, loop = asyncio.Event(), asyncio.get_running_loop()

        def tell(link: str) -> None:
            ready.set_result(Server(link, lambda: loop.call_soon_threadsafe(until.set)))

        with Wallet(settings) as wallet, wallet.held("serve"):
            address = web.Binding("127.0.0.1", port)
            await web.serve(wallet, address, token=token, begin=False, ready=tell, until=until, **options)

    ended: Future[None] = Future()

    def work() -> None:
        try:
            ended.set_result(run(serve()))
        except BaseException as error:
            ended.set_exception(error)
            if not ready.done():
                ready.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    server = ready.result(DEADLINE)
    try:
        yield server
    finally:
        if not ended.done():
            server.stop()
        ended.result(DEADLINE)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without an address or a provider."""
    home = Hdscan(tmp_path_factory.mktemp("home"))
    with served(settings_of(home)) as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of an empty home."""
    return settings_of(Hdscan(tmp_path))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with pages.chromium() as started:
        yield started


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that knows nothing of other tests."""
    made = browser.new_context(viewport={"width": 1280, "height": 900})
    yield made
    made.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Callable[..., pages.Site]]:
    """Makes a wallet with simulated hosts, and the server before it."""
    begun: list[pages.Site] = []

    def begin(*hosts: HostSpec, **members: Any) -> pages.Site:
        begun.append(pages.Site(tmp_path, *hosts, **members))
        return begun[-1]

    yield begin
    for each in begun:
        each.close()
