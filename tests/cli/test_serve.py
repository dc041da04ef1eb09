"""`serve` as a command: what it refuses, what it prints, and how it ends, whatever is going on."""

import re
import signal
import socket
import time
from collections.abc import Callable

import pytest

from hdscan.sim.host import HostSpec
from tests.cli.conftest import Hdscan, Running, Simulated
from tests.web.conftest import NO_PROVIDER, TOKEN, Server

Simulate = Callable[..., Simulated]
Start = Callable[..., Running]
SLOW = HostSpec(name="slow", chain="btc", protocols=("esplora",), rate=10, latency=0.002)
SECOND = 1.0


@pytest.fixture(autouse=True)
def no_provider(hdscan: Hdscan) -> None:
    """No test of a server may ever ask a public host."""
    (hdscan.home / "hdscan.toml").write_text(NO_PROVIDER)


@pytest.fixture
def serve(hdscan: Hdscan, start: Start) -> Callable[..., tuple[Running, Server]]:
    """Start servers; each with what it printed."""

    def begin(*arguments: str, token: str = TOKEN) -> tuple[Running, Server]:
        hdscan.environ["HDSCAN_TOKEN"] = token
        running = start("serve", *([] if "--port" in arguments else ["--port", "0"]), *arguments)
        assert running.process.stdout is not None
        link = running.process.stdout.readline().decode().strip()
        assert link, running.end().err
        return running, Server(link, running.process.terminate)

    return begin


# What it refuses


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "[::]"])
def test_no_other_machine_is_served_without_a_flag_and_a_token(hdscan: Hdscan, host: str) -> None:
    for arguments, environ in (((), {}), (("--allow-remote",), {}), ((), {"HDSCAN_TOKEN": TOKEN})):
        done = hdscan("serve", "--host", host, "--port", "0", *arguments, **environ)
        assert done.code == 2
        assert done.out == ""
        assert done.err == (
            f"hdscan: {host} can be reached from other machines: that needs --allow-remote and a token"
            " (HDSCAN_TOKEN or --token-file)\n"
        )


def test_a_host_is_an_ip_address(hdscan: Hdscan) -> None:
    for host in ("example.com", "127.1", "", "127.0.0.1:80"):
        done = hdscan("serve", "--host", host)
        assert done.code == 2
        assert done.err.startswith(f"hdscan: --host {host} is no IP address")


def test_a_port_that_is_taken_is_said_in_a_sentence(hdscan: Hdscan) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = hdscan("serve", "--port", str(port))
    assert (done.code, done.out) == (2, "")
    assert done.err == f"hdscan: cannot listen on 127.0.0.1 port {port}: Address already in use; choose another --port\n"


@pytest.mark.parametrize(
    ("text", "mode", "says"),
    [
        (TOKEN, 0o644, "the token file can be read by others; fix it with: chmod 600"),
        (TOKEN, 0o640, "can be read by others"),
        ("short", 0o600, "the token of --token-file has to be at least 16 printable ASCII characters"),
        ("", 0o600, "at least 16"),
        ("two words 0123456789", 0o600, "without spaces"),
    ],
)
def test_a_token_file_that_cannot_be_used_is_refused(hdscan: Hdscan, text: str, mode: int, says: str) -> None:
    file = hdscan.home / "token"
    file.write_text(text)
    file.chmod(mode)
    done = hdscan("serve", "--token-file", "token")
    assert (done.code, done.out) == (4, "")
    assert says in done.err
    assert not text or text not in done.err


def test_a_token_file_that_is_not_there_is_refused(hdscan: Hdscan) -> None:
    done = hdscan("serve", "--token-file", "token")
    assert done.code == 4
    assert done.err == "hdscan: the token file cannot be read: No such file or directory\n"


def test_a_weak_token_of_the_environment_is_refused_and_not_repeated(hdscan: Hdscan) -> None:
    done = hdscan("serve", HDSCAN_TOKEN="hunter2")
    assert done.code == 4
    assert "HDSCAN_TOKEN" in done.err
    assert "hunter2" not in done.err


def test_a_secret_of_cookies_that_others_can_read_is_refused(
    hdscan: Hdscan, serve: Callable[..., tuple[Running, Server]]
) -> None:
    running, _ = serve()
    running.send(signal.SIGTERM)
    running.end()
    secret = hdscan.database.with_name("hdscan.db.secret")
    assert secret.stat().st_mode & 0o777 == 0o600
    secret.chmod(0o644)
    done = hdscan("serve", "--port", "0")
    assert done.code == 4
    assert "signs the cookies and is readable by others; delete it" in done.err


def test_one_process_writes_at_a_time(
    hdscan: Hdscan, simulate: Simulate, start: Start, serve: Callable[..., tuple[Running, Server]]
) -> None:
    simulate(SLOW, addresses=300)
    scanning = start("scan", "--jsonl")
    scanning.until(lambda line: line["event"] == "scan_progress")
    done = hdscan("serve", "--port", "0")
    assert (done.code, done.out) == (1, "")
    assert "scan" in done.err
    assert done.err.count("\n") == 1
    scanning.send(signal.SIGINT)
    assert scanning.end().code == 130
    serve()
    refused = hdscan("scan")
    assert refused.code == 1
    assert "serve" in refused.err
    assert hdscan("status", "--json").code == 0, "reading goes on"


# What it prints


def test_the_link_is_all_that_stdout_gets_and_no_token_is_printed(serve: Callable[..., tuple[Running, Server]]) -> None:
    running, server = serve("--port", "0")
    assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+/\?code=[\w-]{32,}", server.link)
    assert server.get("/healthz").status == 200
    cookie = server.sign_in()
    running.send(signal.SIGTERM)
    ended = running.end()
    assert ended.out == ""
    assert "works once" in ended.err
    for secret in (TOKEN, cookie.partition("=")[2], server.link.partition("code=")[2]):
        assert secret not in ended.err


def test_a_token_comes_from_a_file(hdscan: Hdscan, serve: Callable[..., tuple[Running, Server]]) -> None:
    file = hdscan.home / "token"
    file.write_text(TOKEN + "\n")
    file.chmod(0o600)
    _, server = serve("--token-file", "token", token="another-token-0123456789")
    assert server.get("/healthz").status == 200


def test_without_a_token_only_a_browser_is_let_in(serve: Callable[..., tuple[Running, Server]]) -> None:
    _, server = serve(token="")
    assert server.get("/healthz").status == 401
    assert server.ask("GET", "/healthz", server.sign_in()).status == 200


def test_with_a_flag_and_a_token_every_network_is_served_under_its_own_names_alone(
    serve: Callable[..., tuple[Running, Server]],
) -> None:
    _, server = serve("--host", "0.0.0.0", "--allow-remote")
    bearer = f"Authorization: Bearer {TOKEN}"
    own = [f"{name}:{server.port}" for name in ("127.0.0.1", "localhost", socket.gethostname())]
    for host in own:
        assert server.ask("GET", "/healthz", bearer, host=host).status == 200
        moved = server.ask(
            "POST",
            "/api/v1/scans/stop",
            bearer,
            "Content-Type: application/json",
            f"Origin: http://{host}",
            body=b"{}",
            host=host,
        )
        assert moved.status == 409
    assert server.ask("GET", "/healthz", bearer, host=f"evil.com:{server.port}").status == 421


def test_one_socket_serves_both_kinds_of_addresses(serve: Callable[..., tuple[Running, Server]]) -> None:
    _, server = serve("--host", "::", "--allow-remote")
    for address, host in (("127.0.0.2", "127.0.0.2"), ("::1", "[::1]")):
        with socket.create_connection((address, server.port)) as connection:
            request = f"GET /healthz HTTP/1.1\r\nHost: {host}:{server.port}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
            connection.sendall(request.encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 200")


def test_ipv6_is_served(serve: Callable[..., tuple[Running, Server]]) -> None:
    running, server = serve("--host", "::1")
    assert server.link.startswith("http://[::1]:")
    with socket.create_connection(("::1", server.port)) as connection:
        connection.sendall(
            f"GET /healthz HTTP/1.1\r\nHost: [::1]:{server.port}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    running.send(signal.SIGINT)
    assert running.end().code == 130


# How it ends


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_within_a_second_with_streams_open_and_a_scan_running(
    hdscan: Hdscan, simulate: Simulate, serve: Callable[..., tuple[Running, Server]], number: signal.Signals
) -> None:
    simulate(SLOW, addresses=300)
    running, server = serve()
    scan_id = server.post("/api/v1/scans").json["scan_id"]
    streams = [server.events() for _ in range(3)]
    for stream in streams:
        while next(stream)[0] != "scan_progress":
            pass
    with server.connect(), server.connect() as half:
        half.sendall(b"GET / HTTP/1.1\r\n")
        began = time.monotonic()
        running.send(number)
        ended = running.end()
        took = time.monotonic() - began
    assert ended.code == 130
    assert "Traceback" not in ended.err
    assert [list(stream)[-1] for stream in streams] == [("bye", {})] * 3
    status = hdscan.json("status", "--json")
    assert (status["scan_id"], status["status"]) == (scan_id, "stopped")
    assert took < SECOND
    _, server = serve("--port", str(server.port))
    chains = server.get("/api/v1/status").json["chains"]
    assert chains["btc"]["read"] == status["chains"]["btc"]["read"]
    assert server.post("/api/v1/scans").json == {"scan_id": scan_id}


def test_a_scan_whose_server_was_killed_is_resumed(
    hdscan: Hdscan, simulate: Simulate, serve: Callable[..., tuple[Running, Server]]
) -> None:
    simulate(SLOW, addresses=300)
    running, server = serve()
    scan_id = server.post("/api/v1/scans").json["scan_id"]
    server.until(lambda name, data: name == "scan_progress" and data["read"] > 0)
    running.close()
    _, server = serve("--port", str(server.port))
    status = server.get("/api/v1/status").json
    assert not status["running"]
    assert status["chains"]["btc"]["status"] == "stopped"
    assert status["chains"]["btc"]["read"] > 0
    assert server.post("/api/v1/scans").json == {"scan_id": scan_id}
