"""The server: socket, connection limits, shutdown."""

import asyncio
import logging
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import h11
import msgspec
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from hdscan.app import ScanRequest, Wallet
from hdscan.model.errors import InputError
from hdscan.model.times import rfc3339
from hdscan.web.access import Access, load_secret
from hdscan.web.api import make_app
from hdscan.web.asgi import App
from hdscan.web.guard import ALWAYS, MOST_HEADERS, TIMEOUTS, Guard, Timeouts
from hdscan.web.hub import Hub
from hdscan.web.problem import Problem
from hdscan.web.scans import Scans
from hdscan.web.state import CurrentState

MOST_CONNECTIONS = 1000
GRACE_SECONDS = 0.5  # for clients to take what was sent, at shutdown
TASK_SECONDS = 1  # for tasks without a client, at shutdown


class Binding(msgspec.Struct, frozen=True):
    """Where to listen: an IP address and a port (0 for any); `names` are further host names to accept."""

    host: str
    port: int
    names: tuple[str, ...] = ()


class Connection(H11Protocol):
    """A connection with a deadline for its headers, which the application can abort."""

    timeouts = TIMEOUTS
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the base class does
        """Start the deadline; abort above the limit, since an EventSource never reconnects after a 503."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "abort": transport.abort}
        self._wait()
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self._deadline is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP in the API's error form; abort if a response is under way."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()
            return
        problem = Problem(400, "this is not a readable HTTP request")
        headers = [*problem.headers, (b"content-length", str(len(problem.body)).encode()), (b"connection", b"close")]
        response = h11.Response(status_code=400, headers=[*headers, *ALWAYS.items()])
        for event in (response, h11.Data(data=problem.body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def on_response_complete(self) -> None:
        """Give the client a deadline to take the rest of the response."""
        super().on_response_complete()
        if self.transport.get_write_buffer_size():
            self.loop.call_later(self.timeouts.answer, self._cut_off_if_stalled)

    def _cut_off_if_stalled(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(self.timeouts.headers, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Server(uvicorn.Server):
    """Uvicorn without signal handlers, whose shutdown does not wait for stalled clients."""

    ended: asyncio.Task[None]

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Give running responses a moment, then abort."""
        cut = asyncio.get_running_loop().call_later(GRACE_SECONDS, self._cut_off)
        await super().shutdown(sockets)
        cut.cancel()

    def _cut_off(self) -> None:
        for connection in self.server_state.connections:
            connection.transport.abort()


def bind(binding: Binding) -> socket.socket:
    """A listening socket; InputError where it is refused."""
    family = socket.AF_INET6 if ":" in binding.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((binding.host, binding.port))
        listener.listen(256)
    except OSError as error:
        listener.close()
        where = f"{binding.host} port {binding.port}"
        raise InputError(f"cannot listen on {where}: {error.strerror}; choose another --port") from None
    return listener


async def serve(
    wallet: Wallet,
    binding: Binding,
    *,
    token: str | None,
    begin: bool,
    ready: Callable[[str], None],
    until: asyncio.Event,
    timeouts: Timeouts = TIMEOUTS,
) -> None:
    """Serve a wallet until `until` is set; `ready` gets the one-time link, `begin` starts a scan.

    The caller holds the writer's lock. Shutdown closes streams at once; a running scan commits what it has read.
    """
    with bind(binding) as listener:
        host, port = listener.getsockname()[:2]
        chains, errors = wallet.state()
        hub = Hub(CurrentState(chains, errors, wallet.providers()), epoch=secrets.token_hex(8))
        scans = Scans(wallet, hub, lambda: rfc3339(time.time()))
        access = Access(load_secret(wallet.store.beside(".secret")), token, port)
        guard = Guard(make_app(wallet, hub, scans), access, port, binding.names, timeouts)
        async with listening(guard, listener, timeouts) as server:
            server.ended.add_done_callback(lambda _: until.set())
            host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - a link needs an address
            name = f"[{host}]" if ":" in host else host
            ready(f"http://{name}:{port}/?code={access.code}")
            try:
                if begin:
                    await scans.start(ScanRequest())
                await until.wait()
            finally:
                hub.close()
                server.should_exit = True
                await scans.close()


@asynccontextmanager
async def listening(app: App, listener: socket.socket, timeouts: Timeouts = TIMEOUTS) -> AsyncIterator["Server"]:
    """Serve on a listening socket until the block is left."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # the guard logs
    config = uvicorn.Config(
        app,
        http=type("Timed", (Connection,), {"timeouts": timeouts}),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=MOST_HEADERS,
        timeout_graceful_shutdown=TASK_SECONDS,
    )
    server = Server(config)
    server.ended = asyncio.create_task(server.serve([listener]))
    try:
        yield server
    finally:
        server.should_exit = True
        await server.ended
