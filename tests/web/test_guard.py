"""What every request has to pass, tried byte by byte: nothing here mends a request on its way or follows an answer."""

import socket
import time
from contextlib import suppress

import msgspec
import pytest
from litestar.routes import HTTPRoute

from hdscan.app import Wallet
from hdscan.settings import Settings
from hdscan.web.access import COOKIE_SECONDS, Access, load_secret
from hdscan.web.api import make_app
from hdscan.web.guard import CSP, Timeouts
from tests.web.conftest import BEARER, DEADLINE, JSON, Reply, Server, read_reply, served

NOBODY = None  # routes need no wallet to be listed
ROUTES = [route for route in make_app(NOBODY, NOBODY, NOBODY).routes if isinstance(route, HTTPRoute)]
WALK = sorted({(method, route.path) for route in ROUTES for method in route.methods})
UNKNOWN = [
    ("GET", path) for path in ("/static/x", "/static/app.js", "/nowhere", "/api/v1/nowhere", "/api/v2/status", "//", "/%2e%2e/")
]
ALWAYS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
SAME_SITE = "Sec-Fetch-Site: same-origin"


def concrete(path: str) -> str:
    return path.replace("{name:str}", "app.js").replace("{name:path}", "nobody").replace("{scan_id:int}", "1")


def assert_guarded(reply: Reply) -> None:
    """What every answer carries, and what none does."""
    for name, value in ALWAYS.items():
        assert reply[name] == value
    assert not [name for name, _ in reply.headers if name.startswith("access-control-")]
    assert "server" not in dict(reply.headers)


# Hosts


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LocalHost", "[::1]"])
def test_its_own_names_are_answered(empty: Server, name: str) -> None:
    assert empty.ask("GET", "/healthz", BEARER, host=f"{name}:{empty.port}").status == 200


@pytest.mark.parametrize(
    "name",
    [
        *("evil.com", "127.0.0.1.evil.com", "localhost.", "localhost.evil.com", "127.1", "2130706433", "0x7f000001", "0.0.0.0"),
        *(
            "127.0.0.2",
            "[::]",
            "[::ffff:127.0.0.1]",
            "::1",
            "localhost@evil.com",
            "evil.com@localhost",
            "127.0.0.1%00",
            "*",
            "",
        ),
    ],
)
def test_any_other_name_is_misdirected(empty: Server, name: str) -> None:
    reply = empty.ask("GET", "/healthz", BEARER, host=f"{name}:{empty.port}")
    assert (reply.status, reply.code) == (421, "misdirected")
    assert_guarded(reply)


def test_its_own_name_with_another_port_is_misdirected(empty: Server) -> None:
    for host in (
        "127.0.0.1",
        "localhost",
        "127.0.0.1:80",
        f"127.0.0.1:0{empty.port}",
        f"127.0.0.1:{empty.port + 1}",
        "127.0.0.1:",
    ):
        assert empty.ask("GET", "/healthz", BEARER, host=host).status == 421


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("count", [0, 2])
def test_a_request_has_exactly_one_host(empty: Server, version: str, count: int) -> None:
    hosts = f"Host: {empty.netloc}\r\n" * count
    reply = empty.send(f"GET /healthz HTTP/{version}\r\n{hosts}{BEARER}\r\n\r\n".encode())
    assert (reply.status, reply.code) == (400, "bad_request")
    assert_guarded(reply)


def test_the_right_host_hides_no_foreign_one(empty: Server) -> None:
    for hosts in ((empty.netloc, "evil.com"), ("evil.com", empty.netloc)):
        lines = "".join(f"Host: {host}\r\n" for host in hosts)
        assert empty.send(f"GET /healthz HTTP/1.1\r\n{lines}{BEARER}\r\n\r\n".encode()).status == 400
    assert empty.ask("GET", "/healthz", BEARER, f"X-Forwarded-Host: {empty.netloc}", host="evil.com").status == 421
    assert empty.ask("GET", f"http://{empty.netloc}/healthz", BEARER, host="evil.com").status == 421


def test_a_foreign_host_is_not_even_told_of_the_code(empty: Server) -> None:
    assert empty.ask("GET", empty.target, host=f"evil.com:{empty.port}").status == 421


# Tokens, codes, cookies


def test_the_walk_is_over_the_whole_router() -> None:
    assert {("GET", "/metrics"), ("GET", "/api/v1/events"), ("DELETE", "/api/v1/wallets/{name:path}"), ("GET", "/")} < set(WALK)
    assert not [path for _, path in WALK if "{" in concrete(path)]


@pytest.mark.parametrize(("method", "path"), [*WALK, *UNKNOWN])
def test_nobody_gets_anything_without_a_token(empty: Server, method: str, path: str) -> None:
    for headers in ([], ["Authorization: Bearer"], [BEARER + "x"], [BEARER[:-1]], [BEARER.replace("Bearer", "Basic")]):
        reply = empty.ask(method, concrete(path), JSON, *headers, body=b"{}")
        assert reply.status == 401
        assert reply["www-authenticate"] == "Bearer"
        assert_guarded(reply)
        if path not in ("/", "//"):
            assert method == "HEAD" or reply.code == "unauthorized"


@pytest.mark.parametrize("target", ["/healthz?token=", "/healthz?code=", "/healthz?access_token="])
def test_a_token_in_the_query_lets_nobody_in(empty: Server, target: str) -> None:
    assert empty.ask("GET", target + BEARER.rpartition(" ")[2]).status == 401


def test_without_a_token_no_bearer_is_known(settings: Settings) -> None:
    with served(settings, token=None) as server:
        for value in ("", "None", "null"):
            assert server.ask("GET", "/healthz", f"Authorization: Bearer {value}").status == 401


def test_the_link_lets_one_browser_in_and_leaves_the_address_bar(settings: Settings) -> None:
    with served(settings) as server:
        assert server.ask("GET", server.target[:-1]).status == 401
        first = server.ask("GET", server.target)
        assert first.status == 303
        assert first["location"] == "/"
        assert_guarded(first)
        assert [part.strip() for part in first["set-cookie"].split(";")[1:]] == [
            *("Path=/", f"Max-Age={COOKIE_SECONDS}", "HttpOnly", "SameSite=Strict")
        ]
        assert server.ask("GET", "/", first.cookie).status == 200
        second = server.ask("GET", server.target)
        assert second.status == 401
        assert "set-cookie" not in dict(second.headers)
        again = server.ask("GET", server.target, first.cookie)  # the browser that is in may follow it again
        assert (again.status, again["location"]) == (303, "/")


def test_nobody_who_is_not_known_sees_more_than_how_to_sign_in(empty: Server) -> None:
    reply = empty.ask("GET", "/")
    assert reply["content-type"].startswith("text/html")
    assert b"not signed in" in reply.body
    assert b"<script" not in reply.body


def test_a_cookie_outlives_a_restart(settings: Settings) -> None:
    with served(settings) as server:
        cookie = server.sign_in()
    with served(settings, port=server.port) as server:
        assert server.ask("GET", "/healthz", cookie).status == 200
        assert server.ask("GET", "/healthz", "Cookie: theme=dark; " + cookie.removeprefix("Cookie: ")).status == 200
        shadowed = cookie.replace("Cookie: ", f"Cookie: hdscan_{server.port}=9999999999.planted; ")  # by a page of another port
        assert server.ask("GET", "/healthz", shadowed).status == 200


def test_no_other_cookie_is_taken(settings: Settings) -> None:
    now = time.time()
    with served(settings) as server, Wallet(settings) as wallet:
        secret = load_secret(wallet.store.beside(".secret"))

        def made(secret: bytes, port: int, at: float) -> str:
            access = Access(secret, None, port)
            cookie = access.redeem(access.code, at)
            assert cookie is not None
            return "Cookie: " + cookie.partition(";")[0]

        good, name = made(secret, server.port, now), f"hdscan_{server.port}"
        assert server.ask("GET", "/healthz", good).status == 200
        until, signature = good.partition("=")[2].split(".")
        other = made(secret, server.port + 1, now)
        for bad in (
            made(b"x" * 32, server.port, now),
            made(secret, server.port, now - COOKIE_SECONDS - 1),
            other,
            other.replace(f"hdscan_{server.port + 1}", name),
            f"Cookie: {name}={int(until) + 1}.{signature}",
            f"Cookie: {name}={until}.",
            f"Cookie: {name}={until}",
            f"Cookie: {name}=",
            f"Cookie: {name}=\xff.\xff",
            good.replace(name, name.upper()),
        ):
            assert server.ask("GET", "/healthz", bad).status == 401, bad


# What other sites' pages may do


CHANGES = [(method, path) for method, path in WALK if method not in ("GET", "HEAD", "OPTIONS")]
FOREIGN = [
    ["Origin: http://evil.com"],
    ["Origin: null"],
    ["Origin: https://{netloc}"],
    ["Origin: http://{netloc}.evil.com"],
    ["Origin: http://127.0.0.1:1"],
    ["Origin: http://{netloc}", "Origin: http://evil.com"],
    ["Origin: http://{netloc}", "Sec-Fetch-Site: same-site"],
    ["Sec-Fetch-Site: cross-site"],
    ["Sec-Fetch-Site: same-site"],
    ["Sec-Fetch-Site: same-origin", "Origin: http://evil.com"],
]


@pytest.fixture(scope="module")
def cookie(empty: Server) -> str:
    return empty.sign_in()


@pytest.mark.parametrize(("method", "path"), CHANGES)
@pytest.mark.parametrize("headers", [*FOREIGN, [], ["Sec-Fetch-Site: none"]], ids=" ".join)
def test_a_cookie_changes_nothing_for_another_sites_page(
    empty: Server, cookie: str, method: str, path: str, headers: list[str]
) -> None:
    given = [each.format(netloc=empty.netloc) for each in headers]
    reply = empty.ask(method, concrete(path), cookie, JSON, *given, body=b"{}")
    assert (reply.status, reply.code) == (403, "forbidden")
    assert_guarded(reply)


@pytest.mark.parametrize(("method", "path"), CHANGES)
@pytest.mark.parametrize("headers", FOREIGN, ids=" ".join)
def test_a_bearer_changes_nothing_for_another_sites_page(empty: Server, method: str, path: str, headers: list[str]) -> None:
    given = [each.format(netloc=empty.netloc) for each in headers]
    assert empty.ask(method, concrete(path), BEARER, JSON, *given, body=b"{}").status == 403


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_the_page_itself_and_programs_may_change_things(empty: Server, cookie: str, method: str, path: str) -> None:
    for headers in ([cookie, SAME_SITE], [cookie, f"Origin: {empty.base}"], [BEARER], [BEARER, "Sec-Fetch-Site: none"]):
        assert empty.ask(method, concrete(path), *headers, JSON, body=b"{}").status in (404, 409, 422)  # there is nothing to do


def test_an_origin_has_to_be_the_host_that_is_asked(empty: Server, cookie: str) -> None:
    host = f"localhost:{empty.port}"
    assert empty.ask("POST", "/api/v1/scans/stop", cookie, JSON, f"Origin: http://{host}", body=b"{}", host=host).status == 409
    assert empty.ask("POST", "/api/v1/scans/stop", cookie, JSON, f"Origin: {empty.base}", body=b"{}", host=host).status == 403


@pytest.mark.parametrize(
    "kind",
    [
        *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "application/jsonp"),
        *("text/plain; application/json", "application/json, text/plain"),
    ],
)
def test_a_body_that_is_not_said_to_be_json_is_refused(empty: Server, cookie: str, kind: str) -> None:
    for headers in ([cookie, SAME_SITE], [BEARER]):
        reply = empty.ask("POST", "/api/v1/scans/stop", *headers, f"Content-Type: {kind}", body=b'{"chains":[]}')
        assert (reply.status, reply.code) == (415, "unsupported_media_type")
        assert_guarded(reply)
    assert empty.ask("POST", "/api/v1/scans/stop", BEARER, body=b"{}").status == 415
    assert empty.ask("POST", "/api/v1/scans/stop", BEARER, JSON, "Content-Type: text/plain", body=b"{}").status == 415
    assert empty.ask("PATCH", "/api/v1/wallets/x", BEARER, body=b"{}").status == 415
    assert empty.ask("DELETE", "/api/v1/wallets/x", BEARER, "Content-Type: text/plain", body=b"{}").status == 415
    assert empty.ask("DELETE", "/api/v1/wallets/x", BEARER).status == 404  # has no body, and no form asks for it


def test_a_form_of_another_site_is_refused(empty: Server, cookie: str) -> None:
    form = ["Content-Type: application/x-www-form-urlencoded", "Origin: http://evil.com", "Sec-Fetch-Site: cross-site"]
    assert empty.ask("POST", "/api/v1/scans", cookie, *form, body=b"chains=btc").status == 403


# Headers


@pytest.mark.parametrize(("method", "path"), WALK)
def test_every_answer_carries_the_headers(empty: Server, method: str, path: str) -> None:
    reply = empty.ask(method, concrete(path), BEARER, JSON, body=b"{}" if (method, path) in CHANGES else None)
    none = {("GET", "/api/v1/scans/{scan_id:int}"), ("GET", "/api/v1/wallets/{name:path}"), ("GET", "/api/v1/plan")}
    assert reply.status < 300 or (method, path) in {*CHANGES, *none}
    assert_guarded(reply)


@pytest.mark.parametrize("path", sorted({path for _, path in WALK}))
def test_a_preflight_of_another_site_learns_nothing(empty: Server, path: str) -> None:
    asks = ("Origin: http://evil.com", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization")
    for headers in ([], [BEARER]):
        assert_guarded(empty.ask("OPTIONS", concrete(path), *asks, *headers))


@pytest.mark.parametrize("path", sorted({path for _, path in WALK}))
def test_a_method_that_a_route_has_not_is_refused_with_those_that_it_has(empty: Server, path: str) -> None:
    own = {method for method, each in WALK if each == path}
    for method in sorted({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "FOO"} - own):
        reply = empty.ask(method, concrete(path), BEARER, JSON, body=b"{}")
        assert reply.status == 405
        assert method == "HEAD" or reply.code == "method_not_allowed"
        assert set(reply["allow"].split(", ")) == own
        assert_guarded(reply)


@pytest.mark.parametrize(
    ("target", "body", "status", "code"),
    [
        ("/api/v1/nowhere", b"{}", 404, "not_found"),
        ("/api/v1/scans", b"{", 400, "bad_request"),
        ("/api/v1/scans", b"\xff", 400, "bad_request"),
        ("/api/v1/scans", b'{"chains":[' + b"[" * 500_000, 400, "bad_request"),
        ("/api/v1/scans", b'{"restart":NaN}', 400, "bad_request"),
        ("/api/v1/scans", b"[]", 422, "bad_input"),
        ("/api/v1/scans", b"", 422, "bad_input"),
        ("/api/v1/scans", b'{"chain":"btc"}', 422, "bad_input"),
        ("/api/v1/scans", b" " * (1 << 20) + b"{}", 413, "too_large"),
        ("/api/v1/wallets", b" " * (1 << 20) + b"{}", 422, "bad_input"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_every_error_has_the_one_form_and_the_headers(empty: Server, target: str, body: bytes, status: int, code: str) -> None:
    reply = empty.ask("POST", target, BEARER, JSON, body=body)
    assert (reply.status, reply.code) == (status, code)
    assert_guarded(reply)


@pytest.mark.parametrize(
    "raw", [b"GARBAGE\r\n\r\n", b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", b"\x16\x03\x01\x02\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"]
)
def test_what_is_no_http_is_refused_in_the_one_form(empty: Server, raw: bytes) -> None:
    reply = empty.send(raw)
    assert (reply.status, reply.code) == (400, "bad_request")
    assert_guarded(reply)


def test_a_body_that_breaks_off_ends_the_stream_that_was_begun(empty: Server) -> None:
    with empty.connect() as connection:
        head = f"GET /api/v1/events HTTP/1.1\r\nHost: {empty.netloc}\r\n{BEARER}\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        assert read_reply(connection).status == 200
    with empty.connect() as connection:
        connection.sendall(head.encode())
        connection.recv(10)
        connection.sendall(b"no chunk\r\n")
        assert_ends(connection)


# Bounds of size and time


def test_a_body_over_a_mebibyte_is_refused_before_it_comes(empty: Server) -> None:
    for length in ((1 << 20) + 1, 10**18):
        reply = empty.ask("POST", "/api/v1/scans", BEARER, JSON, f"Content-Length: {length}")
        assert (reply.status, reply.code) == (413, "too_large")
        assert_guarded(reply)
    assert empty.ask("POST", "/api/v1/scans/stop", BEARER, JSON, body=b"{}".ljust(1 << 20)).status == 409


def test_twenty_megabytes_in_chunks_are_refused(empty: Server) -> None:
    head = f"POST /api/v1/scans HTTP/1.1\r\nHost: {empty.netloc}\r\n{BEARER}\r\n{JSON}\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    with empty.connect() as connection:
        connection.sendall(head.encode())
        with suppress(ConnectionError):
            for _ in range(320):
                connection.sendall(chunk)
        reply = read_reply(connection)
    assert (reply.status, reply.code) == (413, "too_large")
    assert_guarded(reply)


@pytest.mark.parametrize(
    "length", ["Content-Length: -1", "Content-Length: 1e3", "Content-Length: 2\r\nContent-Length: 3", "Content-Length: ²"]
)
def test_a_length_that_is_none_is_refused(empty: Server, length: str) -> None:
    assert empty.ask("POST", "/api/v1/scans", BEARER, JSON, length).status in (400, 413)


@pytest.mark.parametrize("where", ["path", "query", "header", "headers"])
def test_headers_of_more_than_16_kib_are_refused(empty: Server, where: str) -> None:
    long = "a" * 17_000
    target = {"path": f"/{long}", "query": f"/healthz?q={long}"}.get(where, "/healthz")
    headers = {"header": [f"X: {long}"], "headers": [f"X{number}: {'a' * 90}" for number in range(200)]}.get(where, [])
    reply = empty.ask("GET", target, BEARER, *headers)
    assert (reply.status, reply.code) == (400, "bad_request")
    assert_guarded(reply)


IMPATIENT = Timeouts(headers=0.2, body=0.2)


def test_headers_have_to_come_in_time(settings: Settings) -> None:
    with served(settings, timeouts=IMPATIENT) as server:
        for begun in (b"", b"GET /heal", f"GET /healthz HTTP/1.1\r\nHost: {server.netloc}\r\n".encode()):
            with server.connect() as connection:
                connection.sendall(begun)
                assert_ends(connection)


def test_a_header_that_trickles_buys_no_time(settings: Settings) -> None:
    with served(settings, timeouts=IMPATIENT) as server, server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        assert_trickle_ends(connection)


def test_the_second_request_of_a_connection_has_to_come_in_time_too(settings: Settings) -> None:
    with served(settings, timeouts=IMPATIENT) as server, server.connect() as connection:
        connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: {server.netloc}\r\n{BEARER}\r\n\r\n".encode())
        assert read_reply(connection).status == 200
        connection.sendall(b"GET /heal")
        assert_ends(connection)


@pytest.mark.parametrize("body", ["Content-Length: 2\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"])
def test_a_body_has_to_come_in_time(settings: Settings, body: str) -> None:
    with served(settings, timeouts=IMPATIENT) as server:
        head = f"POST /api/v1/scans HTTP/1.1\r\nHost: {server.netloc}\r\n{BEARER}\r\n{JSON}\r\n"
        reply = server.send((head + body).encode())
    assert (reply.status, reply.code) == (408, "timeout")
    assert_guarded(reply)


def test_a_stream_that_is_asked_for_with_a_body_that_never_ends_is_ended(settings: Settings) -> None:
    with served(settings, timeouts=IMPATIENT) as server, server.connect() as connection:
        head = f"GET /api/v1/events HTTP/1.1\r\nHost: {server.netloc}\r\n{BEARER}\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        assert_ends(connection)


def test_a_body_that_trickles_buys_no_time(settings: Settings) -> None:
    with served(settings, timeouts=IMPATIENT) as server, server.connect() as connection:
        head = f"POST /api/v1/scans HTTP/1.1\r\nHost: {server.netloc}\r\n{BEARER}\r\n{JSON}\r\nContent-Length: 1000\r\n\r\n"
        connection.sendall(head.encode())
        assert_trickle_ends(connection)


def test_whoever_asked_in_time_may_wait_for_the_answer(settings: Settings) -> None:
    with served(settings, timeouts=IMPATIENT) as server, server.connect() as connection:
        connection.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: {server.netloc}\r\n{BEARER}\r\n\r\n".encode())
        assert b"scan_state" in read_reply(connection).body
        connection.settimeout(3 * IMPATIENT.headers)
        rest = connection.makefile("rb")
        with pytest.raises(TimeoutError):
            rest.read(3)  # two of them end the chunk that was read


def assert_ends(connection: socket.socket) -> None:
    with suppress(ConnectionError):
        while connection.recv(65536):
            pass


def assert_trickle_ends(connection: socket.socket) -> None:
    connection.settimeout(0.02)
    until = time.monotonic() + DEADLINE
    while time.monotonic() < until:
        try:
            connection.sendall(b" ")
            if not connection.recv(65536):
                return
        except TimeoutError:
            continue
        except ConnectionError:
            return
    raise AssertionError("it waits for ever")


# Files


@pytest.mark.parametrize(
    "path",
    [
        *(
            "%2e%2e/page.py",
            "../page.py",
            "..%2fpage.py",
            "..%2f..%2f..%2f..%2fetc%2fpasswd",
            "%2e%2e%2fpage.py",
            "..%5cpage.py",
        ),
        *(
            "/page.py",
            "//etc/passwd",
            "/etc/passwd",
            "%2fetc%2fpasswd",
            "./../page.py",
            "app.js%00",
            "app.js/..",
            "%252e%252e/x",
        ),
        *("..;/page.py", "%c0%ae%c0%ae/page.py", "", ".", "..", "__init__.py", "C:%5cx", "%ff"),
    ],
)
def test_no_path_leads_out_of_the_pages_files(empty: Server, path: str) -> None:
    reply = empty.get("/static/" + path)
    assert (reply.status, reply.code) == (404, "not_found")
    assert_guarded(reply)


def test_the_pages_files_are_what_they_are(empty: Server) -> None:
    assert empty.get("/static/app.js")["content-type"] == "text/javascript; charset=utf-8"
    assert empty.get("/")["content-type"] == "text/html; charset=utf-8"
    assert msgspec.json.decode(empty.get("/healthz").body) == {"status": "ok"}
