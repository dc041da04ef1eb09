"""The page as a person uses it: headless Chromium before `hdscan serve`, over simulated hosts."""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from hdscan.sim.faults import Rule
from hdscan.sim.host import HostSpec
from hdscan.sim.process import Config
from tests.cli.conftest import Hdscan, Running, Simulated

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",  # a container's root has none
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 20_000  # milliseconds that a condition may take to come true

expect.set_options(timeout=PATIENCE)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; the test is skipped where there is none."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: make chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Watched:
    """A window of the browser, and everything in it that must not happen."""

    def __init__(self, context: BrowserContext) -> None:
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.wrong: list[str] = []
        self.page.on("console", lambda said: said.type in ("error", "warning") and self.wrong.append(said.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: self.wrong.append(f"dialog: {dialog.message}"))
        self.page.on("request", lambda request: self._request(request.url))

    def _request(self, url: str) -> None:
        if not re.match(r"http://127\.0\.0\.1:|data:", url):
            self.wrong.append(f"asked {url}")

    def assert_nothing_wrong(self, *allowed: str) -> None:
        """No console error, no violation of the content policy, no request to another host."""
        assert not [text for text in self.wrong if not any(each in text for each in allowed)]


def opened(context: BrowserContext, site: "Site") -> Watched:
    """The page, with the link's code redeemed and gone from the address bar."""
    watched = Watched(context)
    watched.page.goto(site.link)
    assert watched.page.url == f"http://127.0.0.1:{site.port}/"
    expect(seen(watched.page, "connection")).to_have_text("live")
    return watched


def seen(page: Page, name: str, **data: str) -> Locator:
    """An element by its `data-testid` and other `data-` attributes."""
    more = "".join(f'[data-{key}="{value}"]' for key, value in data.items())
    return page.locator(f'[data-testid="{name}"]{more}')


def chain(page: Page, name: str, what: str) -> Locator:
    """A cell of a chain's row."""
    return seen(page, "chain-row", chain=name).locator(f'[data-testid="chain-{what}"]')


class Site:
    """A wallet with simulated hosts, and the server before it; `port` stays over a restart."""

    def __init__(self, home: Path, *hosts: HostSpec, addresses: int = 100, toml: str = "", **members: Any) -> None:
        self.hdscan = Hdscan(home)
        self.simulated = Simulated(Config(addresses=addresses, hosts=hosts, **members)) if hosts else None
        if self.simulated is not None:
            (home / "hdscan.toml").write_text(self.simulated.toml() + toml)
            for name in {host.chain for host in hosts}:
                listed = "\n".join(self.simulated.world[name].addresses())
                # in a process of its own: the browser's driver has this thread's event loop
                assert self.hdscan.process("add", "--chain", name, "--name", name, "-", stdin=listed).code == 0
        self.port = 0
        self.server: Running | None = None
        self.serve()

    def serve(self) -> None:
        """Start the server; `link` lets a browser in."""
        self.server = self.hdscan.start("serve", "--port", str(self.port))
        assert self.server.process.stdout is not None
        self.link = self.server.process.stdout.readline().decode().strip()
        found = re.search(r":([0-9]+)/", self.link)
        assert found, self.server.end().err
        self.port = int(found[1])

    def kill(self) -> None:
        """End the server as a power cut would."""
        assert self.server is not None
        self.server.close()

    def set_faults(self, faults: str | Mapping[str, tuple[Rule, ...]]) -> None:
        """Switch what goes wrong."""
        assert self.simulated is not None
        self.simulated.set_faults(faults)

    def close(self) -> None:
        """End everything."""
        self.kill()
        if self.simulated is not None:
            self.simulated.close()
