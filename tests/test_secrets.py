"""One test over every sink: what must never be shown goes in wherever it can, and comes out nowhere."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote

import msgspec

from tests.cli.conftest import Hdscan
from tests.web.conftest import BEARER, JSON, TOKEN, Reply, Server

# BIP-84's test vector, with a passphrase
MNEMONIC = " ".join(["abandon"] * 11 + ["about"])
PASSPHRASE = "canary-passphrase"
ZPUB = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
# the same key as descriptors write it
XPUB = "xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V"
DESCRIPTOR = f"wpkh([73c5da0a/84h/0h/0h]{XPUB}/<0;1>/*)"
PUBLIC = (ZPUB, XPUB, DESCRIPTOR)  # stored, so that scans find new addresses, and shown by `export` alone
# what a URL holds: in its path, in its query, as its user
IN_PATH, IN_QUERY, IN_USER = "canarypath0123456789abcd", "canary/query+0123456789=", "canaryuser0123456789"
IN_HEADER, IN_FILE, IN_PROXY = "canaryheader0123456789", "canaryfile0123456789", "canaryproxy0123456789"
SECRETS = (
    MNEMONIC,
    PASSPHRASE,
    IN_PATH,
    IN_QUERY,
    quote(IN_QUERY, safe=""),
    IN_USER,
    IN_HEADER,
    IN_FILE,
    IN_PROXY,
    TOKEN,
)

CONFIG = """
[scan]
chunk = 20
request_timeout = 1.0
backoff_base = 0.05
backoff_max = 0.2
outage_limit = 1.0
breaker_cooldown = 0.2
"""


class Echo(BaseHTTPRequestHandler):
    """A host that refuses every call in another way, and repeats in each what it was asked with."""

    protocol_version = "HTTP/1.1"
    count = 0

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length", "0"))
        asked = self.rfile.read(length) if length else b"{}"
        number = msgspec.json.decode(asked).get("id", 1) if asked.startswith(b"{") else 1
        said = f"{self.path} {unquote(self.path)} {self.headers} are no good key".replace("\n", " ")
        rpc = {"jsonrpc": "2.0", "id": number, "error": {"code": -32000, "message": said, "data": said}}
        answers = (
            (403, said),
            (200, rpc),
            (200, {"status": "0", "message": f"NOTOK {said}", "result": said}),
            (500, f"<html>{said}</html>"),
            (302, ""),
            (200, f"{{ {said}"),
        )
        Echo.count += 1
        status, body = answers[Echo.count % len(answers)]
        raw = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
        self.send_response(status, said)
        if status == 302:
            self.send_header("Location", f"http://127.0.0.1:9/{self.path}")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_CONNECT = do_GET  # noqa: N815 - the library's name
    do_POST = do_GET  # noqa: N815 - the library's name

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def echoing() -> Iterator[int]:
    """The port of the host."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def configured(port: int) -> str:
    """An endpoint of every protocol, with keys at every place of their URLs."""
    query = f"apikey={quote(IN_QUERY, safe='')}"
    rows = {
        "btc": ("esplora", f"http://127.0.0.1:{port}/{IN_PATH}/api?{query}"),
        "bsc": ("evm-rpc", f"http://127.0.0.1:{port}/v3/{IN_PATH}"),
        "bsc-scan": ("etherscan", f"http://127.0.0.1:{port}/v2/api?chainid=56&{query}"),
        "bsc-many": ("evm-multicall", f"http://{IN_USER}:{IN_PATH}@127.0.0.1:{port}/"),
        "sol": ("solana-rpc", f"http://{IN_USER}@127.0.0.1:{port}/?{query}"),
        "sol-head": ("solana-rpc", f"http://127.0.0.1:{port}/"),
        "sol-far": ("solana-rpc", "https://far.example/"),
        "sol-away": ("solana-rpc", f"http://127.0.0.1:9/{IN_PATH}?{query}"),
    }
    return CONFIG + "".join(
        f'[[endpoint]]\nname = "{name}"\nchain = "{name[:3]}"\nprotocol = "{protocol}"\nurl = "{url}"\nrate = 20\n'
        + (f'proxy = "http://{IN_PROXY}:{IN_PROXY}@127.0.0.1:{port}"\n' if name == "sol-far" else "")
        + (f'headers = {{ X-Key = "{IN_HEADER}", Authorization = "Bearer ${{file:key}}" }}\n' if name == "sol-head" else "")
        for name, (protocol, url) in rows.items()
    )


def test_no_key_and_no_mnemonic_comes_out_anywhere(tmp_path: Path) -> None:
    hdscan, said = Hdscan(tmp_path), {}

    def run(*arguments: str, stdin: str = "") -> None:
        done = hdscan(*arguments, stdin=stdin)
        said[" ".join(arguments)] = done.out + done.err

    with echoing() as port:
        (tmp_path / "hdscan.toml").write_text(configured(port))
        (tmp_path / "key").write_text(IN_FILE)
        debug = ("--log-level", "debug")
        run(*debug, "add", "--chain", "btc", "-", "--count", "3", stdin=ZPUB)
        for chain in ("bsc", "sol"):
            run(*debug, "add", "--chain", chain, "--seed-stdin", "--count", "2", stdin=f"{MNEMONIC}\n{PASSPHRASE}\n")
        run(*debug, "scan")
        run("--log-json", *debug, "scan", "--jsonl", "--restart")
        for call in ("balances --jsonl", "gaps", "gaps --json", "status --json", "config show", "config show --json"):
            run(*debug, *call.split())
        for call in ("providers", "providers --json", "doctor", "doctor --json"):
            run(*debug, *call.split())
        serve_and_ask(hdscan, said)

    assert sum("balance" in text or "unread" in text for text in said.values()) > 5, "there was something to say"
    assert Echo.count > 20
    for sink, text in said.items():
        assert_holds_none(sink, text)
    for path in hdscan.database.parent.iterdir():
        assert_holds_none(path.name, path.read_bytes().decode("latin-1"), SECRETS)


def serve_and_ask(hdscan: Hdscan, said: dict[str, str]) -> None:
    """Everything that the server says, to whoever asks well or badly, and to its log."""
    hdscan.environ["HDSCAN_TOKEN"] = TOKEN
    running = hdscan.start("--log-json", "--log-level", "debug", "serve", "--port", "0")
    try:
        assert running.process.stdout is not None
        link = running.process.stdout.readline().decode().strip()
        server = Server(link, running.process.terminate)
        assert server.post("/api/v1/scans", {"restart": True}).status == 202
        said["events"] = msgspec.json.encode(list(until_idle(server))).decode()
        for name in ("status", "scans", "scans/1", "balances", "balances.csv", "gaps", "providers", "openapi.json"):
            said[name] = shown(server.get(f"/api/v1/{name}"))
        for target in ("/", "/healthz", "/readyz", "/metrics"):
            said[target] = shown(server.get(target))
        said["wallets"] = shown(server.get("/api/v1/wallets"))
        assert server.get("/api/v1/wallets").json["items"], "there is a wallet with a key"
        for secret in (ZPUB, MNEMONIC, DESCRIPTOR):
            encoded = base64.b64encode(secret.encode()).decode()
            for body in (
                {"text": secret},
                {"file": encoded},
                {"text": f"label,address\n{secret},{secret}"},
                {"text": secret, "name": secret},
                {"text": secret, "chains": [secret]},
                {"text": secret, "script": secret, "path": secret},
                {"text": "nothing", secret: 1},
            ):
                for path in ("/api/v1/recognise", "/api/v1/wallets"):
                    said[f"POST {path} {body}"] = shown(server.post(path, body))
            for body in ({"address": secret, "text": "x"}, {"address": "x", "text": secret}, {"address": "x", secret: 1}):
                said[f"PUT labels {body}"] = shown(change(server, "PUT", "labels", body))
            for name in ("savings", secret):
                said[f"PATCH {name} {secret}"] = shown(
                    change(server, "PATCH", f"wallets/{quote(name, safe='')}", {"name": secret})
                )
            said[f"DELETE {secret}"] = shown(change(server, "DELETE", f"wallets/{quote(secret, safe='')}", {}))
            for target in ("balances", "balances.csv", "gaps", "plan", "wallets"):
                said[f"GET {target} wallet={secret}"] = shown(server.get(f"/api/v1/{target}?wallet={quote(secret)}"))
        said["wallets in the end"] = shown(server.get("/api/v1/wallets"))
        for secret in (ZPUB, MNEMONIC):
            for body in ({"chains": [secret]}, {"assets": [secret]}, {"restart": secret}, {secret: 1}):
                said[f"POST scans {body}"] = shown(server.post("/api/v1/scans", body))
            for key in ("chain", "asset", "q", "sort", "cursor", "limit", "funded"):
                said[f"GET {key}={secret}"] = shown(server.get(f"/api/v1/balances?limit=0&{key}={quote(secret)}"))
            said[f"GET {secret}"] = shown(server.get(f"/api/v1/{quote(secret)}"))
        said["sign-in"] = shown(server.ask("GET", "/", "Authorization: Bearer nobody", BEARER.replace("Bearer", "Basic")))
        running.process.terminate()
        ended = running.end()
        said["serve"] = link + ended.out + ended.err
    finally:
        running.close()


def change(server: Server, method: str, path: str, body: object) -> Reply:
    return server.ask(method, f"/api/v1/{path}", BEARER, JSON, body=msgspec.json.encode(body))


def until_idle(server: Server) -> Iterator[object]:
    for name, data in server.events():
        yield name, data
        if name == "scan_complete" and not server.get("/api/v1/status").json["running"]:
            return


def shown(reply: Reply) -> str:
    return f"{reply.headers} {reply.body.decode()}"


def assert_holds_none(sink: str, text: str, secrets: tuple[str, ...] = SECRETS + PUBLIC) -> None:
    """Neither a whole secret nor a telling part of one; `said` names a sink by what was asked, which may be one."""
    for secret in secrets:
        for part in (secret, secret[:16]):
            at = text.find(part)
            assert at < 0, f"{sink[:60]}: …{text[max(0, at - 100) : at + 60]}…"
