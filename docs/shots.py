"""Takes the README's pictures of the dashboard from a real run: `make shots`."""

import re
import signal
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, Playwright, expect, sync_playwright
from tests.web.browser import FLAGS, PATIENCE, seen

DOCS = Path(__file__).parent
COMMAND = [sys.executable, "-m", "hdscan", "demo", "--serve", "--addresses", "4000", "--faults", "mild", "--seed", "3"]
DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 400, "height": 860}


def main() -> None:
    """Play the demo and take them."""
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, text=True) as demo, sync_playwright() as playwright:  # noqa: S603 - our own
        try:
            play(playwright, demo)
        finally:
            demo.send_signal(signal.SIGINT)


def play(playwright: Playwright, demo: subprocess.Popen[str]) -> None:
    """Watch the demo until every chain has amounts, and take the pictures."""
    assert demo.stdout is not None
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
    page = browser.new_page(viewport=DESKTOP, color_scheme="dark")
    page.goto(demo.stdout.readline().strip())
    expect(seen(page, "chain-row", chain="btc")).to_contain_text(re.compile("[1-9][0-9,]* of"), timeout=PATIENCE)
    expect(seen(page, "holding").filter(has_text="none of")).to_have_count(0, timeout=3 * PATIENCE)
    take(page, "dark")
    page.emulate_media(color_scheme="light")
    page.locator("#providers").scroll_into_view_if_needed()
    page.evaluate("document.querySelector('#providers').scrollIntoView()")
    take(page, "light")
    page.set_viewport_size(PHONE)
    page.evaluate("scrollTo(0, 0)")
    take(page, "phone")
    browser.close()


def take(page: Page, name: str) -> None:
    """Write what is seen as docs/dashboard-NAME.png."""
    page.screenshot(path=DOCS / f"dashboard-{name}.png", animations="disabled")


if __name__ == "__main__":
    main()
