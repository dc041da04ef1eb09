"""Behind a real nginx, whose limit_req refuses with 503 and a page and says nothing of when to come back."""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from hdscan.app import ScanRequest, Wallet
from hdscan.app.demo import Verdict, compare, simulated_settings
from hdscan.model.scan import ProviderStatus
from hdscan.sim.city import City
from hdscan.sim.world import World
from tests.scan.stage import QUICK, host

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
ALLOWED = 20  # calls a second
ADDRESSES = 80
DEADLINE = 30.0  # seconds
CONFIGURATION = """
daemon off;
master_process off;
pid {path}/pid;
error_log {path}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {path}/body;
    proxy_temp_path {path}/proxy;
    fastcgi_temp_path {path}/fastcgi;
    uwsgi_temp_path {path}/uwsgi;
    scgi_temp_path {path}/scgi;
    limit_req_zone $binary_remote_addr zone=all:1m rate={rate}r/s;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            limit_req zone=all{burst};
            proxy_pass {to};
        }}
    }}
}}
"""


@contextmanager
def nginx(path: Path, to: str, burst: str) -> Iterator[str]:
    """An nginx before `to`, that allows each client 20 requests a second; its URL. The test is skipped where there is none."""
    if NGINX is None:
        pytest.skip("nginx is not installed: make nginx")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path.mkdir()
    (path / "nginx.conf").write_text(CONFIGURATION.format(path=path, rate=ALLOWED, port=port, burst=burst, to=to))
    with subprocess.Popen([NGINX, "-p", path, "-c", path / "nginx.conf"], stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(200):
                with socket.socket() as trial:
                    if trial.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert process.poll() is None, (path / "error.log").read_text()
                time.sleep(0.02)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


async def scanned(path: Path, rate: float, burst: str) -> tuple[float, ProviderStatus]:
    """Scan through an nginx of its own at a configured rate; how many seconds that took, and what became of the provider."""
    path.mkdir()
    world = World(seed=3, addresses={"btc": ADDRESSES}, funded=0.6)
    async with City(world, [host("behind")]) as city:
        behind = city.hosts["behind"]
        with nginx(path / "nginx", behind.listener.url, burst) as url:
            path_of = behind.endpoint.url.removeprefix(behind.listener.url)
            row = msgspec.structs.replace(behind.endpoint, url=url + path_of, rate=rate)
            scan = msgspec.structs.replace(QUICK, breaker_cooldown=30.0, request_timeout=5.0)
            with Wallet(simulated_settings(world, (row,), path / "wallet.db", scan)) as wallet:
                await wallet.add(world["btc"].addresses(), chains=["btc"])
                began = time.monotonic()
                async for event in wallet.scan(ScanRequest()):
                    assert event is not None
                took = time.monotonic() - began
                assert set(compare(world["btc"].truth(), wallet.balances("btc"))) == {Verdict.EXACT}
                return took, wallet.providers()[0]


def test_three_times_the_allowed_rate_takes_hardly_longer_than_the_allowed_rate(tmp_path: Path) -> None:
    async def both() -> tuple[float, float]:
        allowed, _ = await scanned(tmp_path / "allowed", ALLOWED, " burst=5 nodelay")
        triple, status = await scanned(tmp_path / "triple", 3 * ALLOWED, " burst=5 nodelay")
        assert status.failed == 0
        assert 0 < status.throttled < ADDRESSES / 4
        return allowed, triple

    allowed, triple = asyncio.run(asyncio.wait_for(both(), DEADLINE))
    assert triple <= 1.3 * allowed, f"{triple:.1f} s, {allowed:.1f} s at the allowed rate"


def test_where_no_call_may_come_early_not_even_by_milliseconds_the_breaker_stays_closed(tmp_path: Path) -> None:
    took, status = asyncio.run(asyncio.wait_for(scanned(tmp_path / "strict", 3 * ALLOWED, ""), DEADLINE))
    assert status.failed == 0
    assert status.throttled > 0
    assert took < 4 * ADDRESSES / ALLOWED
