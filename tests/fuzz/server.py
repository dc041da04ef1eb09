"""The HTTP server without its sockets: requests of any form to the guard with the API behind it.

An input is JSON of what a request is made of (method, path, query, headers, body); any other input is a body that is posted.
Whatever is asked, an answer comes, its status is one that the API knows, and none of them is a defect (500).
"""

import asyncio
import atexit
import json
import re
import warnings
from typing import Any

import structlog
from litestar.exceptions import LitestarDeprecationWarning

from hdscan.app import Wallet
from hdscan.app.demo import simulated_settings
from hdscan.sim.world import World
from hdscan.web.access import Access
from hdscan.web.api import make_app
from hdscan.web.guard import ALWAYS, Guard
from hdscan.web.hub import Hub
from hdscan.web.problem import CODES
from hdscan.web.scans import Scans
from hdscan.web.state import CurrentState
from tests.fuzz.target import Target, scratch

TOKEN = "token"
PORT = 8480
STATUSES = {200, 202, 303, 409, 422, *CODES} - {500}
DEADLINE = 5.0

structlog.configure(logger_factory=structlog.ReturnLoggerFactory())


class Server:
    """One wallet, its API and the loop that they run on."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        home = scratch()
        world = World(seed=3, addresses=5)
        self.wallet = Wallet(simulated_settings(world, (), home / "fuzz.db"))
        for name, chain in world.chains.items():
            self.loop.run_until_complete(self.wallet.add(chain.addresses(), chains=[name]))
        hub = Hub(CurrentState([], [], []), epoch="0123456789abcdef")
        hub.close()  # so that a stream of events ends at once
        scans = Scans(self.wallet, hub, lambda: "2026-01-01T00:00:00.000Z")
        with warnings.catch_warnings(category=LitestarDeprecationWarning, action="ignore"):
            app = make_app(self.wallet, hub, scans)
        self.guard = Guard(app, Access(b"s" * 32, TOKEN, PORT), PORT)

    def close(self) -> None:
        """Give back what it holds."""
        self.wallet.store.close()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def ask(self, method: str, path: bytes, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> tuple[int, bytes]:
        """The status and body of the answer to a request."""
        said: list[Any] = []
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path.decode("utf-8", "replace"),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 5),
            "server": ("127.0.0.1", PORT),
            "state": {},
        }
        parts = iter([(body[:100], True), (body[100:], False)])

        async def receive() -> dict[str, Any]:
            for part, more in parts:
                return {"type": "http.request", "body": part, "more_body": more}
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            said.append(message)

        self.loop.run_until_complete(asyncio.wait_for(self.guard(scope, receive, send), DEADLINE))
        assert said, "no answer"
        assert said[0]["type"] == "http.response.start"
        assert {name for name, _ in said[0]["headers"]} >= set(ALWAYS)
        assert not said[-1].get("more_body"), "an answer without an end"
        return said[0]["status"], b"".join(message.get("body", b"") for message in said[1:])


_servers: list[Server] = []


def _server() -> Server:
    if not _servers:
        _servers.append(Server())
        atexit.register(_servers[0].close)
    return _servers[0]


def _bytes(value: object) -> bytes:
    return str(value).encode("utf-8", "surrogatepass")


def _request(data: bytes) -> tuple[str, bytes, bytes, list[tuple[bytes, bytes]], bytes]:
    try:
        asked = json.loads(data)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict) or "path" not in asked:
        asked = {"method": "POST", "path": "/api/v1/addresses", "body": data}
    body = asked.get("body", b"")
    given = asked.get("headers")
    headers = {"host": f"127.0.0.1:{PORT}", "authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    headers |= given if isinstance(given, dict) else {}
    method = re.sub("[^A-Z]", "", str(asked.get("method", "GET")).upper())[:20] or "GET"
    path, query = (_bytes(asked.get(name, "")).replace(b"\n", b"")[:4000] for name in ("path", "query"))
    lines = [
        (_bytes(name).lower(), re.sub(rb"[\r\n\0]", b"", _bytes(value))) for name, value in headers.items() if value is not None
    ]
    return method, b"/" + path.lstrip(b"/"), query, lines, body if isinstance(body, bytes) else json.dumps(body).encode()


def _run(data: bytes) -> str:
    method, path, query, headers, body = _request(data)
    status, said = _server().ask(method, path, query, headers, body)
    assert status in STATUSES, f"{status} {said[:300]!r}"
    code = ""
    if status >= 400 and b"<html" not in said:
        code = json.loads(said)["error"]["code"] if said else ""
    known = re.match(rb"/(?:api/v1/)?[a-z.]{1,20}", path)
    return f"{method[:4]} {known[0].decode() if known and status != 404 else ''} {status} {code}"


def _asked(path: str, query: str = "", method: str = "GET", body: object = None, **headers: str) -> bytes:
    return json.dumps({"method": method, "path": path, "query": query, "headers": headers, "body": body}).encode()


_V1 = "/api/v1"
_CORPUS = [
    *(
        _asked(_V1 + path)
        for path in ("/status", "/events", "/scans", "/scans/1", "/providers", "/balances.csv", "/openapi.json")
    ),
    *(_asked(path) for path in ("/healthz", "/readyz", "/metrics", "/", "/static/app.js")),
    _asked(_V1 + "/balances", "chain=btc&asset=btc&funded=true&q=bc1&sort=amount&cursor=&limit=5"),
    _asked(_V1 + "/gaps", "chain=sol&limit=5"),
    _asked(_V1 + "/scans", "before=3&limit=1"),
    _asked(_V1 + "/events", "last_event_id=0123456789abcdef-0", **{"last-event-id": "0123456789abcdef-9"}),
    _asked(_V1 + "/scans/stop", method="POST", body={"chains": ["btc"]}),
    _asked(_V1 + "/addresses", method="POST", body={"chain": "btc", "addresses": ["x", "y"], "skip_invalid": True}),
    _asked("/", "code=abc", cookie=f"hdscan_{PORT}=1999999999.abc", authorization="Basic x", host=f"localhost:{PORT}"),
    _asked(_V1 + "/status", **{"origin": "http://evil", "sec-fetch-site": "cross-site", "content-length": "7"}, method="POST"),
]

_BODIES = [
    b"\xff",
    b'{"chain":"btc","addresses":["\xff"]}',
    *(b'{"chain":' + b"[" * deep + b"]" * deep + b"}" for deep in (990, 5000)),
]

TARGETS = (Target("server", [*_CORPUS, *_BODIES], _run),)
