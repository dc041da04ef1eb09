"""Reports of one wallet and of all: every address once, and none that is in no wallet."""

import random

import pytest
from msgspec.structs import replace

from hdscan.model.errors import InputError
from hdscan.model.page import Sort
from hdscan.model.reading import Unlisted
from hdscan.model.scan import BalanceRow, ChainPlan, Gap, UnlistedCount
from hdscan.model.wallet import Role
from hdscan.store import Store

from .wallet import NOW, address, begin, branch, chunks, commit, failed, found, listed, said, whole

NAMES = {"evens": range(0, 40, 2), "low": range(15), "none": range(40, 43)}


@pytest.fixture
def world(store: Store) -> Store:
    """Wallets that share addresses, with amounts, gaps, and addresses that are in none any more."""
    fate = random.Random(3)
    store.wallets.add("all", listed(range(40)), NOW)
    for name, numbers in NAMES.items():
        store.wallets.add(name, listed(numbers), NOW)
    scan_id = begin(store, 40, chunk=40)
    [chunk] = chunks(store, scan_id)
    keys = [(index, symbol) for index in range(40) for symbol in ("BNB", "USDT")]
    outcomes = {key: failed("down") if fate.random() < 0.2 else said(fate.choice([0, 0, 5, 70, 2**200])) for key in keys}
    commit(store, scan_id, chunk, whole(chunk, outcomes))
    store.wallets.remove("all")
    return store


def walk(store: Store, wallet: str | None, sort: Sort, **more: bool) -> list[BalanceRow]:
    rows: list[BalanceRow] = []
    cursor = None
    while True:
        page = store.balances.page("bsc", None, sort=sort, cursor=cursor, limit=7, wallet=wallet, **more)
        rows += page.items
        if (cursor := page.next) is None:
            return rows


def numbers(wallet: str | None) -> set[int]:
    return set(NAMES[wallet]) if wallet else {number for each in NAMES.values() for number in each}


@pytest.mark.parametrize("wallet", [None, *NAMES])
def test_every_report_has_just_the_addresses_of_its_wallets(world: Store, wallet: str | None) -> None:
    rows = list(world.balances.rows("bsc", wallet=wallet))
    assert [(row.address, row.asset) for row in rows] == [
        (address(each), symbol) for each in sorted(numbers(wallet), key=lambda n: (n >= 40, n)) for symbol in ("BNB", "USDT")
    ]
    for row in rows:
        number = int(row.address, 16)
        assert row.wallets == tuple(name for name, has in sorted(NAMES.items()) if number in has)
    funded = [row for row in rows if int(row.amount or 0)]
    assert list(world.balances.rows("bsc", funded=True, wallet=wallet)) == funded
    unread = [(row.index, row.asset) for row in rows if row.error]
    assert [(gap.index, gap.asset) for gap in world.balances.gaps("bsc", wallet)] == unread
    for total in world.balances.totals("bsc", wallet=wallet):
        mine = [row for row in rows if row.asset == total.asset]
        read = [int(row.amount) for row in mine if row.amount is not None]
        assert (total.addresses, total.read, total.unread) == (len(mine), len(read), len(mine) - len(read))
        assert (total.amount, total.funded) == ((str(sum(read)), sum(amount > 0 for amount in read)) if read else (None, None))


@pytest.mark.parametrize("wallet", [None, *NAMES])
def test_pages_in_every_order_have_the_same_rows(world: Store, wallet: str | None) -> None:
    rows = list(world.balances.rows("bsc", wallet=wallet))
    assert walk(world, wallet, Sort.INDEX) == rows
    assert walk(world, wallet, Sort.INDEX_DOWN) == rows[::-1]
    for sort in (Sort.AMOUNT, Sort.AMOUNT_DOWN):
        by_amount = walk(world, wallet, sort)
        assert sorted(by_amount, key=lambda row: (row.index, row.asset)) == rows
        amounts = [int(row.amount) for row in by_amount if row.asset == "BNB" and row.amount is not None]
        assert amounts == sorted(amounts, reverse=sort is Sort.AMOUNT_DOWN)
        assert {row.index for row in walk(world, wallet, sort, funded=True)} == {r.index for r in rows if int(r.amount or 0)}
    found = world.balances.page("bsc", "BNB", q="0f", sort=Sort.AMOUNT, wallet=wallet).items
    assert [row.address for row in found] == [row.address for row in rows if "0f" in row.address and row.asset == "BNB"]


def test_a_cursor_is_of_one_wallet(world: Store) -> None:
    cursor = world.balances.page("bsc", None, limit=1, wallet="low").next
    with pytest.raises(InputError, match="cursor"):
        world.balances.page("bsc", None, cursor=cursor, wallet="evens")


def test_a_wallet_that_there_is_not_is_named(world: Store) -> None:
    for read in (
        lambda: list(world.balances.rows(wallet="lost")),
        lambda: world.balances.totals(wallet="lost"),
        lambda: list(world.balances.gaps(wallet="lost")),
        lambda: world.balances.page(None, None, wallet="lost"),
        lambda: world.balances.gap_page(None, wallet="lost"),
        lambda: world.balances.unlisted_count(wallet="lost"),
    ):
        with pytest.raises(InputError, match="no wallet 'lost'; it can be one of evens, low, none"):
            read()


def test_an_address_without_a_wallet_is_not_known(world: Store) -> None:
    assert world.balances.known("bsc", address(17)) is None
    known = world.balances.known("bsc", address(18))
    assert known is not None
    assert known[0].balance.wallets == ("evens",)


def test_what_is_not_listed_is_told_of_one_wallet(store: Store) -> None:
    store.wallets.add("a", listed([0, 1]), NOW)
    store.wallets.add("b", listed([1, 2]), NOW)
    scan_id = begin(store, 3, chunk=3)
    [chunk] = chunks(store, scan_id)
    airdrop = [replace(said(0), unlisted=Unlisted(((f"0x{i}", 5),))) for i in range(3)]
    commit(store, scan_id, chunk, whole(chunk, {(i, "BNB"): airdrop[i] for i in range(3)}))
    assert [row.contract for row in store.balances.unlisted(wallet="b")] == ["0x1", "0x2"]
    assert store.balances.unlisted_count(wallet="b") == UnlistedCount(2, 2, 0)
    assert store.balances.unlisted_count() == UnlistedCount(3, 3, 0)


def test_labels_and_use_stand_beside_amounts(store: Store) -> None:
    store.wallets.add("a", found(branch(range(3))), NOW)
    store.wallets.label(address(1), "rent")
    scan_id = begin(store, 3, chunk=3)
    [chunk] = chunks(store, scan_id)
    unused = replace(said(0), used=False)
    commit(store, scan_id, chunk, whole(chunk, {(0, "USDT"): said(4), (0, "BNB"): unused, (1, "BNB"): unused}))
    rows = [(row.label, row.used) for row in store.balances.rows("bsc")]
    assert rows == [(None, True), (None, True), ("rent", False), ("rent", False), (None, None), (None, None)]
    assert list(store.balances.page("bsc", None).items) == list(store.balances.rows("bsc"))


def test_a_branch_whose_end_is_not_known_is_a_gap(store: Store) -> None:
    store.wallets.add("a", found(branch(range(3)), branch(range(5, 8), role=Role.CHANGE)), NOW)
    store.wallets.add("b", found(branch([20], source="other")), NOW)
    plan = ChainPlan("bsc", ("BNB",), tuple(store.wallets.ranges("bsc")), 9)
    scan_id = store.scans.begin([plan], NOW)
    [chunk] = chunks(store, scan_id)
    texts = [each.text for each in store.addresses.between("bsc", 0, 9)]
    unused = replace(said(0), used=False)
    results = whole(chunk, {(1, "BNB"): failed("down")}, symbols=["BNB"], otherwise=unused)
    results = [replace(r, reading=replace(r.reading, address=texts[r.reading.index])) for r in results]
    commit(store, scan_id, chunk, results)
    first, _, last = store.wallets.branches(scan_id, "bsc")
    assert [gap.code for gap in store.balances.gaps()] == ["timeout"]
    store.scans.set_open_ends(scan_id, "bsc", {first.id: "", last.id: "add a host that tells use"})
    reading, of_a, of_b = store.balances.gaps()
    assert reading.wallet is None
    error = "receiving branch of 'a' (bip84): read to 0, the end of use is not known: 1 unread"
    assert of_a == Gap("bsc", 1, address(1), "BNB", "end_unknown", error, 0, {}, wallet="a", branch="bip84/0/receive")
    error = "receiving branch of 'b' (bip84): read to 0, the end of use is not known: no more addresses were read; add a host"
    assert (of_b.index, of_b.address, of_b.error) == (6, address(20), f"{error} that tells use")
    assert list(store.balances.gaps(wallet="b")) == [of_b]
    pages = [store.balances.gap_page(None, limit=1)]
    while pages[-1].next:
        pages.append(store.balances.gap_page(None, limit=1, cursor=pages[-1].next))
    assert [gap for page in pages for gap in page.items] == [reading, of_a, of_b]
    known = store.balances.known("bsc", address(20))
    assert known is not None
    assert [each.gap for each in known] == [of_b, None]
    store.scans.set_open_ends(scan_id, "bsc", {})
    assert list(store.balances.gaps()) == [reading]
