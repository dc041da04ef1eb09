"""What a person does with the page, in a real browser, from start to end."""

import re
from collections.abc import Callable

from playwright.sync_api import Browser, BrowserContext, Page, expect

from hdscan.sim.faults import Fault, Rule, always
from hdscan.sim.host import HostSpec
from tests.web.browser import Site, Watched, chain, opened, seen

BTC = HostSpec(name="btc-one", chain="btc", protocols=("esplora",), rate=60, burst=5, latency=0.005)
SLOW = HostSpec(name="btc-two", chain="btc", protocols=("esplora",), rate=25, burst=5, latency=0.005)
BSC = HostSpec(name="node", chain="bsc", protocols=("evm-rpc",), rate=40, burst=5, latency=0.005)
# a server that ends takes the stream and what was just asked with it: the browser itself says so
DASH = "\N{EN DASH}"
LOST = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")


def amount(page: Page, name: str, asset: str) -> str:
    """A holding's digits, without what groups them."""
    text = seen(page, "holding", chain=name, asset=asset).locator('[data-testid="holding-amount"]').inner_text()
    return re.sub(r"[^0-9.]", "", text)


def test_a_scan_is_started_watched_through_failures_and_retried(context: BrowserContext, site: Callable[..., Site]) -> None:
    here = site(BTC, SLOW, BSC, addresses=300)
    here.set_faults({"btc-one": (always(Fault.SERVER_ERROR, every=False),), "node": (always(Fault.TOKENS_FAIL),)})
    watched = opened(context, here)
    page = watched.page
    more = seen(page, "providers-more")
    expect(more).to_have_text(re.compile(r"Show \d+ more: not asked yet, or off"))
    expect(seen(page, "provider-row")).to_have_count(0)
    more.click()
    expect(seen(page, "provider-row", provider="ankr-eth/evm-rpc")).to_be_visible()
    more.click()
    seen(page, "start").click()
    expect(chain(page, "btc", "status")).to_have_text("running")
    expect(seen(page, "provider-row", provider="ankr-eth/evm-rpc")).to_have_count(0)
    expect(seen(page, "provider-row", provider="btc-one").locator('[data-testid="provider-state"]')).to_have_text("open")
    expect(seen(page, "token-error").first).to_contain_text("on bsc")
    read = [int(chain(page, "btc", "read").inner_text())]
    expect(chain(page, "btc", "read")).not_to_have_text(str(read[0]))  # it moves
    expect(chain(page, "bsc", "status")).to_have_text("completed with gaps")
    assert chain(page, "bsc", "read").inner_text() == "300"  # native went on
    assert chain(page, "bsc", "unread").inner_text() == "600"
    here.set_faults("none")
    expect(seen(page, "provider-row", provider="btc-one").locator('[data-testid="provider-state"]')).to_have_text("ready")
    expect(chain(page, "btc", "status")).to_have_text("completed")
    expect(seen(page, "gap-row").first).to_be_visible()
    seen(page, "retry").click()
    expect(chain(page, "bsc", "status")).to_have_text("completed")
    expect(seen(page, "token-error")).to_have_count(0)
    expect(seen(page, "gap-row")).to_have_count(0)
    watched.assert_nothing_wrong()


def test_the_page_says_what_a_scan_will_take_and_how_far_it_is(context: BrowserContext, site: Callable[..., Site]) -> None:
    few = HostSpec(name="few", chain="btc", protocols=("esplora",), rate=10, latency=0.005)
    watched = opened(context, site(few, addresses=100))
    page = watched.page
    page.set_viewport_size({"width": 390, "height": 860})
    plan = seen(page, "plan")
    expect(plan).to_have_text(re.compile(r"^btc about 1\d s$"))
    seen(page, "start").click()
    expect(chain(page, "btc", "status")).to_have_text("running")
    expect(plan).to_be_hidden()
    expect(chain(page, "btc", "ahead")).to_have_text(re.compile(r"^\d+ more answered$"))
    expect(seen(page, "chain-row", chain="btc").locator("svg rect.answered")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(chain(page, "btc", "status")).to_have_text("completed")
    expect(chain(page, "btc", "ahead")).to_be_hidden()
    expect(plan).to_be_visible()
    watched.assert_nothing_wrong()


def test_disputed_readings_are_shown_and_retried(context: BrowserContext, site: Callable[..., Site]) -> None:
    here = site(BTC, SLOW, addresses=30, funded=0.5)
    here.set_faults({"btc-one": (Rule(faults=(Fault.FALSE_ZEROS,), items=0.7),)})
    watched = opened(context, here)
    page = watched.page
    page.evaluate("import('/static/api.js').then(({ post }) => post('scans', { audit: 100 }))")
    expect(chain(page, "btc", "status")).to_have_text("completed with gaps")
    expect(chain(page, "btc", "unread")).to_have_text("0")
    disputed = int(chain(page, "btc", "disputed").inner_text().removesuffix(" disputed"))
    assert disputed == 30 - int(chain(page, "btc", "read").inner_text())
    expect(seen(page, "chain-row", chain="btc").locator("svg rect.disputed")).to_have_count(1)
    expect(seen(page, "holding", chain="btc", asset="BTC")).to_contain_text(f"{disputed} disputed")
    expect(seen(page, "gaps-empty")).to_contain_text("operators disagree")
    here.set_faults("none")
    retry = seen(page, "retry")
    expect(retry).to_have_text(f"Retry {disputed} disputed")
    retry.click()
    expect(chain(page, "btc", "status")).to_have_text("completed")
    expect(chain(page, "btc", "disputed")).to_be_hidden()
    expect(retry).to_be_hidden()
    watched.assert_nothing_wrong()


def test_what_two_operators_confirm_and_what_one_alone_claims_is_told_apart(
    context: BrowserContext, site: Callable[..., Site]
) -> None:
    here = site(BTC, SLOW, addresses=60, funded=0.5)
    watched = opened(context, here)
    page, rows = watched.page, seen(watched.page, "balances-row")
    expect(seen(page, "confirmed")).to_be_hidden()
    page.evaluate("import('/static/api.js').then(({ post }) => post('scans', { audit: 100 }))")
    expect(chain(page, "btc", "status")).to_have_text("auditing")
    expect(chain(page, "btc", "status")).to_have_text("completed")
    expect(chain(page, "btc", "audited")).to_contain_text("60 answered by a second operator; audits took ")
    expect(seen(page, "confirmed")).to_have_text("Confirmed by two operators: 100 % of what is held, 100 % of the zeros")
    expect(rows.locator('[data-testid="said"]', has_text=re.compile("^and btc-(one|two)$"))).to_have_count(50)
    here.set_faults({"btc-one": (always(Fault.FALSE_ZEROS),), "btc-two": (always(Fault.SERVER_ERROR),)})
    seen(page, "start").click()
    expect(chain(page, "btc", "status")).to_have_text("completed with gaps")
    stale = rows.and_(page.locator('[data-state="stale"]')).first
    claim = re.compile("^btc-one claims 0 BTC at block [0-9]+ where [0-9.]+ BTC was known$")
    expect(stale.locator('[data-f="error"]')).to_have_text(claim)
    expect(stale.locator('[data-f="amount"]')).to_contain_text(re.compile("[1-9]"))
    expect(seen(page, "gap-row").first).to_contain_text("unconfirmed")
    watched.assert_nothing_wrong()


def test_after_a_kill_and_a_restart_the_page_is_right_again_without_a_reload(
    context: BrowserContext, site: Callable[..., Site]
) -> None:
    here = site(BTC, addresses=400)
    watched = opened(context, here)
    page = watched.page
    page.evaluate("window.sameDocument = true")
    seen(page, "start").click()
    expect(chain(page, "btc", "read")).not_to_have_text("0")
    here.kill()
    expect(seen(page, "connection")).to_have_text("reconnecting")
    here.serve()
    expect(seen(page, "connection")).to_have_text("live")
    expect(chain(page, "btc", "status")).to_have_text("stopped")
    seen(page, "start").filter(has_text="Resume").click()
    expect(chain(page, "btc", "status")).to_have_text("completed")
    expect(chain(page, "btc", "read")).to_have_text("400")
    assert page.evaluate("window.sameDocument") is True
    assert here.simulated is not None
    total = sum(true.amounts["BTC"] for true in here.simulated.world["btc"].truth())
    expect(seen(page, "holding", chain="btc", asset="BTC")).not_to_contain_text("unread")
    assert amount(page, "btc", "BTC") == f"{total / 10**8:.8f}".rstrip("0").rstrip(".")
    watched.assert_nothing_wrong(*LOST)


def test_a_scan_is_stopped_and_resumed_and_every_tab_knows(context: BrowserContext, site: Callable[..., Site]) -> None:
    here = site(SLOW, BSC, addresses=150)
    first = opened(context, here)
    second = Watched(context)
    second.page.goto(f"http://127.0.0.1:{here.port}/")  # the cookie is the browser's
    seen(first.page, "start").click()
    for each in (first, second):
        expect(chain(each.page, "btc", "status")).to_have_text("running")
    seen(second.page, "stop").click()
    for each in (first, second):
        expect(chain(each.page, "btc", "status")).to_have_text("stopped")
    seen(first.page, "start").filter(has_text="Resume").click()
    for each in (first, second):
        expect(chain(each.page, "btc", "status")).to_have_text("completed")
        each.assert_nothing_wrong()


def test_addresses_are_filtered_sorted_and_paged(context: BrowserContext, site: Callable[..., Site]) -> None:
    here = site(BSC, addresses=120, funded=0.3)
    here.set_faults({"node": (always(Fault.TOKENS_FAIL),)})
    watched = opened(context, here)
    page, rows = watched.page, seen(watched.page, "balances-row")
    expect(rows).to_have_count(50)
    expect(rows.first).to_contain_text("unread")
    seen(page, "start").click()
    expect(chain(page, "bsc", "status")).to_have_text("completed with gaps")
    seen(page, "filter-asset").select_option("BNB")
    expect(seen(page, "balances-message")).to_have_text(f"Rows 1{DASH}50 of 120")
    seen(page, "next-page").click()
    expect(seen(page, "balances-message")).to_have_text(f"Rows 51{DASH}100 of 120")
    seen(page, "next-page").click()
    expect(rows).to_have_count(20)
    expect(seen(page, "next-page")).to_be_disabled()
    seen(page, "previous-page").click()
    expect(rows).to_have_count(50)
    seen(page, "filter-funded").check()
    seen(page, "sort").select_option("-amount")
    assert here.simulated is not None
    truth = sorted((true.amounts["BNB"], true.address) for true in here.simulated.world["bsc"].truth())
    expect(rows.first).to_contain_text(truth[-1][1])
    seen(page, "filter-q").fill(truth[-1][1][5:25].upper())
    expect(rows).to_have_count(1)
    seen(page, "filter-q").fill("")
    seen(page, "filter-funded").uncheck()
    seen(page, "filter-asset").select_option("USDT")
    expect(rows.first.locator('[data-f="amount"]')).to_have_text("unread")  # never a number
    watched.assert_nothing_wrong()


def test_a_hostile_symbol_stays_text(context: BrowserContext, site: Callable[..., Site]) -> None:
    symbol = "<img/src=x/onerror=alert(1)>"
    contract = "0x55d398326f99059fF775485246999027B3197955"
    toml = f'\n[[token]]\nchain = "bsc"\nsymbol = "{symbol}"\ncontract = "{contract[:-2].lower()}99"\ndecimals = 18\n'
    watched = opened(context, site(BSC, addresses=3, toml=toml))
    page = watched.page
    seen(page, "start").click()
    expect(chain(page, "bsc", "status")).to_have_text("completed with gaps")  # there is no such contract
    expect(seen(page, "token-error").first).to_contain_text(symbol)
    expect(seen(page, "gap-row").first).to_contain_text(symbol)
    assert page.locator("img").count() == 0
    watched.assert_nothing_wrong()


def test_who_has_no_cookie_is_told_how_to_come_in(browser: Browser, context: BrowserContext, site: Callable[..., Site]) -> None:
    here = site()
    opened(context, here)
    stranger = browser.new_context()
    page = stranger.new_page()
    answer = page.goto(here.link)  # the code was used
    assert answer is not None
    assert answer.status == 401
    expect(page.locator("body")).to_contain_text("hdscan serve")
    stranger.close()


def test_it_is_readable_on_a_phone_and_by_keyboard(context: BrowserContext, site: Callable[..., Site]) -> None:
    watched = opened(context, site(BTC, addresses=30))
    page = watched.page
    page.set_viewport_size({"width": 400, "height": 860})
    seen(page, "start").focus()
    page.keyboard.press("Enter")
    expect(chain(page, "btc", "status")).to_have_text("completed")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    expect(page.locator("#announce")).to_contain_text("btc completed")
    watched.assert_nothing_wrong()
