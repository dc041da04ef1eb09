"""The command line behind a proxy and with an authority of one's own, from the environment on."""

import asyncio
import json
from pathlib import Path
from typing import Any

from hdscan.sim.certificate import certificate, server_context
from tests.cli.conftest import Hdscan
from tests.provider.proxies import proxying
from tests.provider.server import BTC_GENESIS, http, serving

SEED = bytes(32)
NAME, ONION, PASSWORD = "node.example", "abc.onion", "canary-password"

CONFIG = f"""
catalogue = "off"

[[endpoint]]
name = "far"
chain = "btc"
protocol = "esplora"
url = "https://{NAME}/api"
rate = 100.0

[[endpoint]]
name = "onion"
chain = "btc"
protocol = "esplora"
url = "http://{ONION}/api"
rate = 100.0

[[endpoint]]
name = "near"
chain = "btc"
protocol = "esplora"
url = "http://localhost:PORT/api"
plain = "private"
rate = 100.0
"""


def test_doctor_proves_hosts_through_the_proxy_of_the_environment_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "trusted.pem").write_bytes(certificate(SEED, name=NAME)[0])

    async def examined(port: int, **environ: str) -> tuple[list[dict[str, Any]], str]:
        hdscan = Hdscan(tmp_path)
        hdscan.environ |= environ
        (tmp_path / "hdscan.toml").write_text(CONFIG.replace("PORT", str(port)))
        running = hdscan.start("doctor", "--json")
        try:
            ended = await asyncio.to_thread(running.end)
        finally:
            running.close()
        return json.loads(ended.out)["checks"], ended.out + ended.err

    async def run() -> None:
        async with (
            serving(lambda _: http(BTC_GENESIS), server_context(SEED, NAME)) as far,
            serving(lambda _: http(BTC_GENESIS)) as near,
        ):
            ports = [int(each.url.rpartition(":")[2]) for each in (far, near)]
            async with proxying({NAME: ports[0], ONION: ports[1]}, ("me", PASSWORD)) as proxy:
                through = f"socks5://me:{PASSWORD}@127.0.0.1:{proxy.port}"
                checks, said = await examined(ports[1], ALL_PROXY=through, SSL_CERT_FILE=str(tmp_path / "trusted.pem"))
                messages = {each["check"]: each["message"] for each in checks if each["check"].startswith("provider ")}
                assert all("proves to serve btc" in message for message in messages.values()), messages
                assert {name for name, _ in proxy.asked} == {NAME, ONION}
                ways = [each["message"] for each in checks if each["check"] == "proxy"]
                shown = f"socks5://127.0.0.1:{proxy.port} (ALL_PROXY)"
                assert ways == [f"{shown} is used for far, onion", "none is used for near"]
                (plain,) = (each["message"] for each in checks if each["check"] == "plain")
                assert plain.startswith("without TLS, at private addresses only: near; ")
                checks, more = await examined(ports[1], ALL_PROXY=through, SSL_CERT_FILE="/nowhere.pem")
                (missing,) = (each for each in checks if each["check"] == "certificates")
                assert missing["level"] == "warn"
                assert "certificate" in next(each["message"] for each in checks if each["check"] == "provider far")
                assert PASSWORD not in said + more

    asyncio.run(asyncio.wait_for(run(), 60))
