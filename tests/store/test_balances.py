from pathlib import Path

import pytest

from hdscan.model.reading import Balance, Unread
from hdscan.model.scan import AssetTotal, BalanceState, ProviderState, ProviderStatus
from hdscan.store import Store, balances

from .wallet import NOW, WEI, begin, chunks, commit, failed, fill, open_store, put, said, whole


@pytest.fixture
def scanned(store: Store) -> Store:
    """Four addresses on bsc, one on btc: huge, zero, stale and unread ones; bsc was scanned twice, btc never."""
    fill(store, 4)
    put(store, "btc", ("bc1q", "m/84'/0'/0'/0/0"))
    first = begin(store, 4, chunk=4)
    [chunk] = chunks(store, first)
    commit(store, first, chunk, whole(chunk, {(0, "USDT"): failed(), (3, "USDT"): failed(), (1, "BNB"): said(10)}))
    second = begin(store, 4, chunk=4)
    pending = Balance(WEI, -WEI - 1, 7, NOW + 1, "esplora")
    news: dict[tuple[int, str], Balance | Unread] = {
        (0, "BNB"): pending,
        (3, "BNB"): said(WEI, NOW + 1),
        (1, "BNB"): failed("down"),
        (0, "USDT"): failed("down"),
    }
    commit(store, second, chunk, whole(chunk, news, otherwise=said(0, NOW + 1)))
    return store


def test_balances_list_every_address_and_asset_in_order(scanned: Store) -> None:
    rows = list(scanned.balances.rows())
    expected = [("btc", 0, "BTC")] + [("bsc", index, symbol) for index in range(4) for symbol in ("BNB", "USDT")]
    assert [(row.chain, row.index, row.asset) for row in rows] == expected
    assert (rows[0].state, rows[0].amount, rows[0].path, rows[0].decimals) == (BalanceState.UNREAD, None, "m/84'/0'/0'/0/0", 8)
    assert (rows[0].error, rows[0].observed_at, rows[0].source, rows[0].height) == (None, None, None, None)
    assert (rows[1].unconfirmed, rows[1].height, rows[1].source) == (str(-WEI - 1), 7, "esplora")
    states = {(row.index, row.asset): row.state for row in rows[1:] if row.state is not BalanceState.READ}
    assert states == {(0, "USDT"): BalanceState.UNREAD, (1, "BNB"): BalanceState.STALE}


def test_balances_can_be_narrowed_to_chain_asset_and_what_is_funded(scanned: Store) -> None:
    assert {row.chain for row in scanned.balances.rows("bsc")} == {"bsc"}
    assert {row.asset for row in scanned.balances.rows(asset="usdt")} == {"USDT"}
    funded = [(row.index, row.asset, row.state) for row in scanned.balances.rows(funded=True)]
    assert funded == [(0, "BNB", BalanceState.READ), (1, "BNB", BalanceState.STALE), (3, "BNB", BalanceState.READ)]
    assert list(scanned.balances.rows("btc", "USDT")) == list(scanned.balances.rows("doge")) == []


def test_totals_are_exact_and_add_only_what_was_read(scanned: Store) -> None:
    bnb = AssetTotal("bsc", "BNB", 18, str(2 * WEI), str(-WEI - 1), "10", read=3, stale=1, unread=0, funded=2)
    usdt = AssetTotal("bsc", "USDT", 18, "0", None, "0", read=3, stale=0, unread=1, funded=0)
    btc = AssetTotal("btc", "BTC", 8, None, None, "0", read=0, stale=0, unread=1, funded=None)
    assert scanned.balances.totals() == [btc, bnb, usdt]
    assert scanned.balances.totals("bsc", "USDT") == [usdt]
    assert scanned.balances.totals("btc", "USDT") == []


def test_unconfirmed_is_a_sum_even_of_zeros_and_none_where_nobody_says_it(store: Store) -> None:
    fill(store, 1)
    scan_id = begin(store, 1, chunk=1, symbols=("BNB",))
    [chunk] = chunks(store, scan_id)
    assert store.balances.totals("bsc")[0].unconfirmed is None
    commit(store, scan_id, chunk, whole(chunk, symbols=("BNB",), otherwise=Balance(0, 0, None, NOW, "esplora")))
    assert store.balances.totals("bsc")[0].unconfirmed == "0"


def test_long_reports_come_page_by_page(scanned: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    whole_report = list(scanned.balances.rows()), list(scanned.balances.gaps()), scanned.balances.totals()
    monkeypatch.setattr(balances, "PAGE", 1)
    assert (list(scanned.balances.rows()), list(scanned.balances.gaps()), scanned.balances.totals()) == whole_report


def test_a_report_that_is_not_read_to_its_end_holds_nothing_back(scanned: Store) -> None:
    next(scanned.balances.rows())
    rows = scanned.balances.gaps()
    next(rows)
    fill(scanned, 9)
    del rows
    assert scanned.addresses.count("bsc") == 9


def test_gaps_can_be_narrowed_to_a_chain(scanned: Store) -> None:
    assert [(gap.index, gap.asset) for gap in scanned.balances.gaps("bsc")] == [(0, "USDT"), (1, "BNB")]
    assert list(scanned.balances.gaps("btc")) == []


def test_memory_and_providers_outlive_the_process(store: Store, path: Path) -> None:
    status = ProviderStatus(
        "liar", "bsc", "evm-rpc", ProviderState.QUARANTINED, {"native": "open"}, 2.5, None, 9, 4, 3, 2, 80, "another chain"
    )
    ready = ProviderStatus("ankr", "bsc", "evm-rpc", ProviderState.READY, {}, 2.5, "2026-01-01T00:00:00Z", 0, 0, 0, 0)
    store.runtime.save({"liar": b"\x00\xff", "ankr": b"1"})
    store.runtime.save({"ankr": b"2"})
    store.runtime.save({})
    store.runtime.save_providers([ready, status])
    store.runtime.save_providers([status])
    with open_store(path) as later:
        assert later.runtime.load() == {"liar": b"\x00\xff", "ankr": b"2"}
        assert later.runtime.providers() == [ready, status]
