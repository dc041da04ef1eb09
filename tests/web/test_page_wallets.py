"""Wallets on the page, in a real browser: added, compared, filtered by, renamed, removed, labelled."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from hdscan.sim.faults import Fault, Rule
from hdscan.sim.host import HostSpec
from tests.web.browser import Site, chain, opened, seen
from tests.web.test_wallets import ADDRESSES, CHANGE, MNEMONIC, RECEIVE, XPRV, XPUB, ZPUB

BTC = HostSpec(name="btc-one", chain="btc", protocols=("esplora",), rate=200, burst=20, latency=0.005)
PHONE = {"width": 390, "height": 860}
FITS = """(width) => [document.documentElement.scrollWidth, ...[...document.querySelectorAll("dialog[open]")]
    .map((each) => each.getBoundingClientRect().right)].every((right) => right <= width)"""


def card(page: Page, name: str) -> Locator:
    return seen(page, "wallet", wallet=name)


def give(page: Page, text: str) -> None:
    """The first step of the dialog."""
    seen(page, "add-text").fill(text)
    seen(page, "add-look").click()


def add(page: Page, **source: object) -> None:
    """Add a wallet past the dialog."""
    page.evaluate("(source) => import('/static/api.js').then(({ post }) => post('wallets', source))", source)
    page.reload()


def stored(page: Page) -> list[str]:
    names: list[str] = page.evaluate(
        "import('/static/api.js').then(({ get }) => get('wallets')).then((it) => it.items.map((each) => each.name))"
    )
    return names


def test_a_wallet_is_compared_before_it_is_stored(context: BrowserContext, site: Callable[..., Site]) -> None:
    watched = opened(context, site())
    page = watched.page
    empty = seen(page, "wallets-empty")
    expect(empty).to_contain_text(
        "paste a descriptor, an extended public key or addresses, or choose a file your wallet exported"
    )
    empty.get_by_role("button").click()
    give(page, ZPUB)
    found = seen(page, "found")
    expect(found).to_contain_text(RECEIVE)
    expect(found).to_contain_text(CHANGE)
    expect(seen(page, "add-compare")).to_contain_text("Compare each first address")
    assert stored(page) == []
    seen(page, "add-name").fill("savings")
    seen(page, "add-store").click()
    expect(seen(page, "add-dialog")).to_be_hidden()
    expect(seen(page, "wallets-message")).to_contain_text("savings was added: 40 addresses")
    expect(card(page, "savings")).to_contain_text("Not read yet")
    expect(card(page, "savings").locator('[data-f="addresses"]')).to_have_text("40")
    expect(seen(page, "balances-row")).to_have_count(40)
    expect(empty).to_be_hidden()
    seen(page, "add").click()
    expect(seen(page, "add-text")).to_have_value("")
    assert ZPUB[:16] not in page.content()
    watched.assert_nothing_wrong()


def test_what_was_decided_is_shown_and_decided_otherwise(context: BrowserContext, site: Callable[..., Site]) -> None:
    watched = opened(context, site())
    page = watched.page
    seen(page, "wallets-empty").get_by_role("button").click()
    give(page, "0x9858EfFD232B4033E47d90003D41EC34EcaEda94")
    found = seen(page, "found")
    expect(found).to_contain_text(re.compile("[0-9]+ addresses on .*bsc.*eth|[0-9]+ addresses on .*eth.*bsc"))
    expect(found.locator(".said li").first).to_be_visible()
    seen(page, "add-check").get_by_text("Chains:").click()
    seen(page, "add-chains").get_by_label("bsc", exact=True).check()
    expect(found).to_contain_text("1 address on bsc")
    seen(page, "add-store").click()
    expect(seen(page, "wallet")).to_have_count(1)
    expect(seen(page, "wallet")).to_contain_text("on bsc")
    seen(page, "add").click()
    give(page, XPUB)
    compare = seen(page, "add-compare")
    expect(compare).to_contain_text("those of at least one kind")
    seen(page, "add-script").select_option("p2tr")
    expect(compare).to_contain_text("Compare each first address")
    watched.assert_nothing_wrong()


def test_bad_lines_are_named_and_may_be_left_out(context: BrowserContext, site: Callable[..., Site]) -> None:
    watched = opened(context, site())
    page = watched.page
    seen(page, "wallets-empty").get_by_role("button").click()
    give(page, "\n".join([ADDRESSES[0], "nonsense", ADDRESSES[1]]))
    expect(seen(page, "add-bad")).to_contain_text("Line 2")
    seen(page, "add-store").filter(has_text="Add only the valid ones").click()
    expect(seen(page, "balances-row")).to_have_count(2)
    watched.assert_nothing_wrong()


@pytest.mark.parametrize("secret", [MNEMONIC, XPRV], ids=["mnemonic", "xprv"])
def test_a_secret_is_refused_and_forgotten(context: BrowserContext, site: Callable[..., Site], secret: str) -> None:
    watched = opened(context, site())
    page = watched.page
    seen(page, "wallets-empty").get_by_role("button").click()
    give(page, secret)
    expect(seen(page, "add-error")).not_to_have_text("")
    expect(seen(page, "add-error")).not_to_contain_text(secret[:12])
    expect(seen(page, "found")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(seen(page, "add-dialog")).to_be_hidden()
    expect(seen(page, "add-text")).to_have_value("")
    assert stored(page) == []
    watched.assert_nothing_wrong("422")


def test_a_file_is_read_by_the_server_and_names_the_wallet(context: BrowserContext, site: Callable[..., Site]) -> None:
    watched = opened(context, site())
    page = watched.page
    seen(page, "wallets-empty").get_by_role("button").click()
    table = "label,address\nrent," + "\n,".join(ADDRESSES)
    seen(page, "add-file").set_input_files({"name": "cold.csv", "mimeType": "text/csv", "buffer": table.encode("utf-16")})
    seen(page, "add-look").click()
    expect(seen(page, "add-name")).to_have_value("cold")
    seen(page, "add-store").click()
    expect(card(page, "cold")).to_be_visible()
    expect(seen(page, "balances-row").first.locator('[data-testid="label"]')).to_have_text("rent")
    watched.assert_nothing_wrong()


def test_everything_is_about_the_chosen_wallet(context: BrowserContext, site: Callable[..., Site]) -> None:
    here = site(BTC, addresses=30, funded=0.5)
    watched = opened(context, here)
    page = watched.page
    assert here.simulated is not None
    few = list(here.simulated.world["btc"].addresses())[:7]
    expect(seen(page, "filter-wallet")).to_be_hidden()  # there is one
    add(page, text="\n".join(few), name="few")
    expect(seen(page, "balances-row")).to_have_count(30)
    expect(seen(page, "balances-row").first).to_contain_text("btc, few")
    seen(page, "filter-wallet").select_option("few")
    expect(seen(page, "balances-row")).to_have_count(7)
    expect(seen(page, "holding", chain="btc", asset="BTC")).to_contain_text("of 7 addresses")
    expect(page.locator("#holdings-title")).to_have_text("Holdings of few")
    expect(page.get_by_role("link", name="Download CSV")).to_have_attribute("href", re.compile("wallet=few"))
    seen(page, "start").click()
    expect(chain(page, "btc", "status")).to_have_text("completed")
    expect(chain(page, "btc", "read")).to_have_text("7")
    expect(card(page, "few").locator('[data-f="unread"]')).to_have_text("0")
    expect(card(page, "btc").locator('[data-f="unread"]')).to_have_text("23")
    only = card(page, "few").locator('[data-testid="wallet-only"]')
    expect(only).to_have_attribute("aria-pressed", "true")
    only.click()
    expect(seen(page, "balances-row")).to_have_count(30)
    watched.assert_nothing_wrong()


def test_a_branch_whose_end_is_not_known_is_shown(context: BrowserContext, site: Callable[..., Site]) -> None:
    here = site(BTC, addresses=3)
    watched = opened(context, here)
    page = watched.page
    add(page, text=ZPUB, name="savings")
    here.set_faults({"btc-one": (Rule(faults=(Fault.MALFORMED,), address=RECEIVE),)})
    seen(page, "start").click()
    expect(chain(page, "btc", "status")).to_have_text("completed with gaps")
    expect(card(page, "savings").locator('[data-testid="wallet-ends"]')).to_have_text("1 branch whose end is not known")
    gap = seen(page, "gap-row").filter(has_text="end unknown")
    expect(gap).to_have_count(1)
    expect(gap).to_contain_text("the end of use is not known")
    here.set_faults("none")
    seen(page, "retry").click()
    expect(chain(page, "btc", "status")).to_have_text("completed")
    expect(card(page, "savings").locator('[data-testid="wallet-ends"]')).to_be_hidden()
    expect(seen(page, "gap-row")).to_have_count(0)
    watched.assert_nothing_wrong()


def test_a_wallet_is_renamed_and_removed_by_keyboard(context: BrowserContext, site: Callable[..., Site]) -> None:
    watched = opened(context, site())
    page = watched.page
    add(page, text=ADDRESSES[0], name="first")
    add(page, text=ADDRESSES[1], name="second 2/3")
    card(page, "second 2/3").get_by_role("button", name="Rename second 2/3").press("Enter")
    page.keyboard.type("first")
    page.keyboard.press("Enter")
    expect(seen(page, "ask")).to_contain_text("choose another name")
    seen(page, "ask-value").fill("other")
    page.keyboard.press("Enter")
    expect(card(page, "other")).to_be_visible()
    expect(card(page, "second 2/3")).to_have_count(0)
    remove = card(page, "other").get_by_role("button", name="Remove other")
    remove.press("Enter")
    expect(seen(page, "ask")).to_contain_text("Remove other?")
    page.keyboard.press("Enter")  # the focus is on Cancel
    expect(seen(page, "ask")).to_be_hidden()
    expect(remove).to_be_focused()
    remove.press("Enter")
    seen(page, "ask-yes").press("Enter")
    expect(card(page, "other")).to_have_count(0)
    expect(seen(page, "wallets-message")).to_have_text("other was removed.")
    expect(seen(page, "balances-row")).to_have_count(1)
    watched.assert_nothing_wrong("422")


def test_an_address_is_labelled_in_the_table(context: BrowserContext, site: Callable[..., Site]) -> None:
    watched = opened(context, site())
    page = watched.page
    add(page, text="\n".join(ADDRESSES), name="list")
    row = seen(page, "balances-row").filter(has_text=ADDRESSES[0])
    row.get_by_role("button", name=f"Label {ADDRESSES[0]}").click()
    seen(page, "ask-value").fill("<b>rent</b>")
    seen(page, "ask-yes").click()
    expect(row.locator('[data-testid="label"]')).to_have_text("<b>rent</b>")
    row.get_by_role("button", name=f"Edit the label of {ADDRESSES[0]}").click()
    expect(seen(page, "ask-value")).to_have_value("<b>rent</b>")
    seen(page, "ask-value").fill("")
    seen(page, "ask-yes").click()
    expect(row.locator('[data-testid="label"]')).to_be_hidden()
    watched.assert_nothing_wrong()


def test_wallets_fit_a_phone(context: BrowserContext, site: Callable[..., Site]) -> None:
    watched = opened(context, site())
    page = watched.page
    page.set_viewport_size(PHONE)

    def fits() -> bool:
        return bool(page.evaluate(FITS, PHONE["width"]))

    seen(page, "wallets-empty").get_by_role("button").click()
    assert fits()
    give(page, ZPUB)
    expect(seen(page, "found")).to_be_visible()
    expect(seen(page, "add-store")).to_be_in_viewport()
    assert fits()
    seen(page, "add-name").fill("a name as long as names of wallets may be, " + "unbroken-" * 6)
    seen(page, "add-store").click()
    expect(seen(page, "wallet")).to_have_count(1)
    add(page, text=ADDRESSES[0], name="second")
    expect(seen(page, "filter-wallet")).to_be_visible()
    seen(page, "wallet").first.get_by_text("branches").click()
    assert fits()
    watched.assert_nothing_wrong()
