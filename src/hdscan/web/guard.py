"""The outermost layer: checks every request, completes every response.

In this order: exactly one Host, and one of ours (DNS rebinding); credentials; no state change from another site's page; a
JSON body of bounded size and time. Every response carries the security headers; a client that stops reading is cut off.
"""

import asyncio
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable
from importlib.resources import files
from urllib.parse import parse_qs

import msgspec
import structlog

from hdscan.web.access import Access
from hdscan.web.asgi import App, Message, Receive, Scope, Send
from hdscan.web.idle import IdleTimer
from hdscan.web.problem import Headers as Sent
from hdscan.web.problem import Problem

MOST_HEADERS = 16 * 1024  # bytes
MOST_BODY = 1 << 20  # bytes
MOST_SOURCE = 8 << 20  # bytes, where the body holds a list of addresses or the file of a wallet
SOURCES = ("/api/v1/wallets", "/api/v1/recognise")
SAFE = ("GET", "HEAD", "OPTIONS")
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
ALWAYS = {
    b"content-security-policy": CSP.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
    b"cross-origin-resource-policy": b"same-origin",
}
SIGN_IN = "send the token, or open the link that `hdscan serve` printed in this browser"

_log = structlog.get_logger()

Headers = dict[bytes, list[bytes]]


class Timeouts(msgspec.Struct, frozen=True):
    """Seconds that a client has to send its headers, to send its whole body, and to take a response."""

    headers: float = 10.0
    body: float = 30.0
    answer: float = 10.0


TIMEOUTS = Timeouts()


class Guard:
    """Guards `app`; `names` are host names to accept besides the loopback's."""

    def __init__(self, app: App, access: Access, port: int, names: Iterable[str] = (), timeouts: Timeouts = TIMEOUTS) -> None:
        self._app = app
        self._timeouts = timeouts
        self._access = access
        self._port = port
        own = ("localhost", "127.0.0.1", "[::1]", *names)
        self._hosts = {f"{name}:{port}".encode() for name in own} | {name.encode() for name in own if port == 80}
        self._sign_in = files("hdscan").joinpath("web/static/signin.html").read_bytes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        out = _Response(send, self._timeouts.answer, scope)
        try:
            headers = _headers(scope)
            self._check_host(headers[b"host"], scope["server"])
            if scope["method"] == "GET" and scope["path"] == "/" and b"code=" in scope["query_string"]:
                await self._exchange(scope["query_string"], headers, out)
            else:
                self._check_caller(scope["method"], headers)
                most = MOST_SOURCE if scope["path"] in SOURCES else MOST_BODY
                await self._app(scope, _Body(receive, headers, self._timeouts.body, most), out)
        except Exception as error:
            problem = Problem.of(error)
            if problem.status == 500:
                defect = problem.__cause__ or error
                at = "".join(traceback.format_tb(defect.__traceback__)[-1:])
                _log.error("request_failed", path=scope["path"], defect=type(defect).__name__, at=at)
            await self._answer_problem(problem, scope["path"] == "/", out)
        finally:
            out.close()

    def _check_host(self, given: list[bytes], server: tuple[str, int | None] | None) -> None:
        if len(given) != 1:
            raise Problem(400, "a request needs exactly one Host header")
        host = given[0].lower()
        if host not in self._hosts and (server is None or host != _netloc(server[0], self._port)):
            raise Problem(421, "this server does not answer to this Host; open the address that `hdscan serve` printed")

    def _check_caller(self, method: str, headers: Headers) -> None:
        by_token = any(self._access.knows_bearer(each) for each in headers[b"authorization"])
        if not by_token and not self._has_cookie(headers):
            raise Problem(401, SIGN_IN)
        if method in SAFE:
            return
        own = [b"http://" + each.lower() for each in headers[b"host"]]  # checked before
        origins = [each.lower() in own for each in headers[b"origin"]]
        sites = [each == b"same-origin" or (by_token and each == b"none") for each in headers[b"sec-fetch-site"]]
        if not all(origins + sites) or not (by_token or origins or sites):
            raise Problem(403, "a page of another site may not change anything here")
        kinds = [each.partition(b";")[0].strip().lower() for each in headers[b"content-type"]]
        if kinds != [b"application/json"] and (method != "DELETE" or kinds):  # that one has no body, and no form can ask for it
            raise Problem(415, "send JSON, with the header Content-Type: application/json")

    def _has_cookie(self, headers: Headers) -> bool:
        return any(self._access.knows_cookie(each, time.time()) for each in headers[b"cookie"])

    async def _exchange(self, query: bytes, headers: Headers, out: "_Response") -> None:
        """Exchange the link's code for a cookie, and redirect it out of the address bar."""
        code = parse_qs(query.decode("latin-1")).get("code", [""])[0]
        cookie = self._access.redeem(code, time.time())
        if cookie is None and not self._has_cookie(headers):
            raise Problem(401, SIGN_IN)
        more = [] if cookie is None else [(b"set-cookie", cookie.encode())]
        await _answer(out, 303, b"", [(b"location", b"/"), *more])

    async def _answer_problem(self, problem: Problem, page: bool, out: "_Response") -> None:
        if out.begun:
            out.abort()
        elif page and problem.status == 401:
            html = (b"content-type", b"text/html; charset=utf-8")
            await _answer(out, 401, self._sign_in, [html, (b"www-authenticate", b"Bearer")])
        else:
            await _answer(out, problem.status, problem.body, problem.headers)


def _headers(scope: Scope) -> Headers:
    found: Headers = defaultdict(list)
    size = len(scope["raw_path"]) + len(scope["query_string"])
    for name, value in scope["headers"]:
        found[name.lower()].append(value)
        size += len(name) + len(value)
    if size > MOST_HEADERS:
        raise Problem(400, f"a request's line and headers have at most {MOST_HEADERS:,} bytes")
    return found


def _netloc(address: str, port: int) -> bytes:
    address = address.removeprefix("::ffff:")  # IPv4 at a socket for both (RFC 4291, section 2.5.5.2)
    return (f"[{address}]:{port}" if ":" in address else f"{address}:{port}").encode()


async def _answer(out: "_Response", status: int, body: bytes, headers: Sent) -> None:
    length = (b"content-length", str(len(body)).encode())
    await out({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await out({"type": "http.response.body", "body": body, "more_body": False})


class _Body:
    """The request body: bounded in size and time."""

    def __init__(self, receive: Receive, headers: Headers, seconds: float, most: int) -> None:
        self._receive = receive
        self._most = most
        self._until = asyncio.get_running_loop().time() + seconds
        self._size = 0
        self._whole = False
        if any(not each.isdigit() or len(each) > 9 or int(each) > most for each in headers[b"content-length"]):
            raise self._too_large()

    async def __call__(self) -> Message:
        if self._whole:
            return await self._receive()  # waits for the client to go
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise Problem(408, "the body did not arrive in time") from None
        if message["type"] == "http.request":
            self._size += len(message["body"])
            self._whole = not message["more_body"]
        if self._size > self._most:
            raise self._too_large()
        return message

    def _too_large(self) -> Problem:
        return Problem(413, f"a body has at most {self._most:,} bytes here")


class _Response:
    """The response: adds the security headers, and aborts where a send stalls."""

    def __init__(self, send: Send, seconds: float, scope: Scope) -> None:
        self._send = send
        self._path = scope["path"]
        self.abort: Callable[[], None] = scope["state"].get("abort", lambda: None)
        self._timer = IdleTimer(seconds, self._cut_off_if_stalled)
        self._sending = False
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            given = {name.lower() for name, _ in message["headers"]}
            missing = [(name, value) for name, value in ALWAYS.items() if name not in given]
            message["headers"] = [*message["headers"], *missing]
        self._timer.restart()
        self._sending = True
        await self._send(message)
        self._sending = False

    def close(self) -> None:
        self._timer.cancel()

    def _cut_off_if_stalled(self) -> None:
        if self._sending:
            self._sending = False
            _log.info("client_cut_off", path=self._path)
            self.abort()
