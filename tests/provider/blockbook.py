"""Scan with the example package of docs/providers.md: `python -m tests.provider.blockbook HDSCAN`, where both are installed."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.provider.server import BTC_GENESIS

HELD = {"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa": 5_000_000_000, "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy": 0}


class Blockbook(BaseHTTPRequestHandler):
    """A host at height 900,000."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].removeprefix("/api/v2")
        body: dict[str, Any] = {"blockbook": {"coin": "Bitcoin", "bestHeight": 900_000}, "backend": {"chain": "main"}}
        if path.startswith("/block-index/"):
            height = int(path.rpartition("/")[2])
            body = {"blockHash": f"{height:064x}" if height else BTC_GENESIS}
        elif path.startswith("/address/"):
            address = path.rpartition("/")[2]
            body = {"address": address, "balance": str(HELD[address]), "unconfirmedBalance": "0", "txs": 1}
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


def scan(hdscan: Sequence[str], home: Path, environ: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """What `hdscan balances` shows after a scan of a Blockbook host, which `hdscan providers` has to know."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Blockbook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/api/v2"
    row = f'[[endpoint]]\nname = "mine"\nchain = "btc"\nprotocol = "blockbook"\nurl = "{url}"\nrate = 1000.0\n'
    (home / "hdscan.toml").write_text(row, encoding="utf-8")

    def run(*words: str, stdin: str = "") -> str:
        spoken = {"HOME": str(home), "PATH": os.environ["PATH"], **(environ or {})}
        return subprocess.run(
            [*hdscan, *words], cwd=home, env=spoken, input=stdin, text=True, check=True, stdout=subprocess.PIPE, timeout=60
        ).stdout

    try:
        run("add", "--chain", "btc", "-", stdin="\n".join(HELD))
        run("scan", "--json")
    finally:
        server.shutdown()
        server.server_close()
    assert '"name":"mine","chain":"btc","protocol":"blockbook","state":"ready"' in run("providers", "--jsonl")
    return [json.loads(line) for line in run("balances", "--jsonl").splitlines()]


def check(balances: list[dict[str, Any]]) -> None:
    """Every amount and height is as the host said."""
    assert {row["address"]: row["amount"] for row in balances} == {text: str(amount) for text, amount in HELD.items()}
    assert {(row["height"], row["source"], row["state"]) for row in balances} == {(900_000, "mine", "read")}


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        check(scan(sys.argv[1:], Path(folder)))
