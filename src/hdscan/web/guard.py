"""What every request passes before anything is done, and every answer on its way out.

In this order: one Host that is ours (DNS rebinding), somebody who is known, no other site's page that changes something, a
body that is JSON and of bounded size and time. Every answer carries the headers; one that nobody takes is cut off.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from importlib.resources import files
from urllib.parse import parse_qs

import msgspec
import structlog

from hdscan.web.access import Access
from hdscan.web.asgi import App, Message, Receive, Scope, Send
from hdscan.web.errors import CODES, Envelope, Fault

MOST_BODY = 1 << 20  # bytes
BODY_SECONDS = 30.0
SEND_SECONDS = 10.0
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
SIGN_IN = "this needs the token, or the cookie of a browser that opened the link which `hdscan serve` printed"

_log = structlog.get_logger()

Headers = dict[bytes, list[bytes]]


class Refused(Exception):
    """An answer that is given in place of what was asked for."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Gone(Exception):
    """The client takes nothing any more."""


class Guard:
    """The server's outermost layer; `names` are the hosts that it answers to besides those of the loopback."""

    def __init__(self, app: App, access: Access, port: int, names: Iterable[str] = ()) -> None:
        self._app = app
        self._access = access
        self._port = port
        self._hosts = {
            host.encode()
            for name in ("localhost", "127.0.0.1", "[::1]", *names)
            for host in ([f"{name}:{port}", name] if port == 80 else [f"{name}:{port}"])
        }
        self._sign_in = files("hdscan").joinpath("web/static/signin.html").read_bytes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        out = _Out(send, abort=scope["state"].get("abort", lambda: None))
        try:
            headers = _headers(scope["headers"])
            self._check_host(headers[b"host"], scope["server"])
            if scope["method"] == "GET" and scope["path"] == "/" and b"code=" in scope["query_string"]:
                await self._exchange(scope["query_string"], headers, out)
            else:
                self._check_caller(scope["method"], headers)
                await self._app(scope, _In(receive, headers), out)
        except Refused as refused:
            await self._refuse(refused, scope["path"] == "/", out)
        except Gone:
            _log.info("client_cut_off", path=scope["path"])
        except Exception as error:
            _log.error("request_failed", path=scope["path"], defect=type(error).__name__)
            await self._refuse(Refused(500, "a defect in hdscan"), False, out)

    def _check_host(self, given: list[bytes], server: tuple[str, int | None] | None) -> None:
        if len(given) != 1:
            raise Refused(400, "a request needs exactly one Host header")
        host = given[0].lower()
        if host not in self._hosts and (server is None or host != _netloc(server[0], self._port)):
            raise Refused(421, "this Host is not served here; open the address that `hdscan serve` printed")

    def _check_caller(self, method: str, headers: Headers) -> None:
        by_token = any(self._access.knows_bearer(each) for each in headers[b"authorization"])
        if not by_token and not self._has_cookie(headers):
            raise Refused(401, SIGN_IN)
        if method in SAFE:
            return
        origins = [each in {b"http://" + host for host in self._hosts} for each in headers[b"origin"]]
        sites = [each == b"same-origin" or (by_token and each == b"none") for each in headers[b"sec-fetch-site"]]
        if not all(origins + sites) or not (by_token or origins or sites):
            raise Refused(403, "a page of another site may change nothing here")
        kinds = [each.partition(b";")[0].strip().lower() for each in headers[b"content-type"]]
        if kinds != [b"application/json"]:
            raise Refused(415, "send JSON, with the header Content-Type: application/json")

    def _has_cookie(self, headers: Headers) -> bool:
        return any(self._access.knows_cookie(each, time.time()) for each in headers[b"cookie"])

    async def _exchange(self, query: bytes, headers: Headers, out: "_Out") -> None:
        """Take the code of the link for a cookie, and the code out of the address bar."""
        code = parse_qs(query.decode("latin-1")).get("code", [""])[0]
        cookie = self._access.redeem(code, time.time())
        if cookie is None and not self._has_cookie(headers):
            raise Refused(401, SIGN_IN)
        more = [] if cookie is None else [(b"set-cookie", cookie.encode())]
        await _answer(out, 303, b"", [(b"location", b"/"), *more])

    async def _refuse(self, refused: Refused, page: bool, out: "_Out") -> None:
        if out.begun:
            out.abort()
            return
        more = [(b"connection", b"close")] if refused.status in (408, 413, 500) else []
        if refused.status == 401:
            more.append((b"www-authenticate", b"Bearer"))
        if page and refused.status == 401:
            body, kind = self._sign_in, b"text/html; charset=utf-8"
        else:
            body, kind = msgspec.json.encode(Envelope(Fault(CODES[refused.status], refused.message))), b"application/json"
        await _answer(out, refused.status, body, [(b"content-type", kind), *more])


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    found: Headers = defaultdict(list)
    for name, value in raw:
        found[name.lower()].append(value)
    return found


def _netloc(address: str, port: int) -> bytes:
    return (f"[{address}]:{port}" if ":" in address else f"{address}:{port}").encode()


async def _answer(out: "_Out", status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await out({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await out({"type": "http.response.body", "body": body, "more_body": False})


class _In:
    """The body on its way in: of bounded size, and within a deadline."""

    def __init__(self, receive: Receive, headers: Headers) -> None:
        self._receive = receive
        self._size = 0
        self._whole = False
        if any(not each.isdigit() or len(each) > 9 or int(each) > MOST_BODY for each in headers[b"content-length"]):
            raise Refused(413, f"a body has at most {MOST_BODY:,} bytes")

    async def __call__(self) -> Message:
        if self._whole:
            return await self._receive()  # waits for the client to go
        try:
            async with asyncio.timeout(BODY_SECONDS):
                message = await self._receive()
        except TimeoutError:
            raise Refused(408, "the body of the request did not come in time") from None
        if message["type"] == "http.request":
            self._size += len(message["body"])
            self._whole = not message["more_body"]
        if self._size > MOST_BODY:
            raise Refused(413, f"a body has at most {MOST_BODY:,} bytes")
        return message


class _Out:
    """The answer on its way out: with the headers that all have, and cut off where it is not taken."""

    def __init__(self, send: Send, abort: Callable[[], None]) -> None:
        self._send = send
        self.abort = abort
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            given = {name.lower() for name, _ in message["headers"]}
            missing = [(name, value) for name, value in ALWAYS.items() if name not in given]
            message["headers"] = [*message["headers"], *missing]
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send(message)
        except TimeoutError:
            self.abort()
            raise Gone from None
