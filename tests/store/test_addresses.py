from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdscan.model.chain import Address, Asset, Network
from hdscan.model.errors import StoreError
from hdscan.model.wallet import Role
from hdscan.store import Store

from .wallet import (
    BSC,
    BTC,
    NOW,
    USDT,
    address,
    begin,
    branch,
    chunks,
    commit,
    fill,
    found,
    known,
    listed,
    open_store,
    put,
    whole,
)


def test_addresses_are_numbered_in_order_of_arrival_per_chain(store: Store) -> None:
    put(store, "bsc", ("0xb", None), ("0xa", "m/0"))
    put(store, "btc", ("bc1q", None))
    put(store, "bsc", ("0xc", None))
    assert store.addresses.between("bsc", 0, 9) == [
        Address("bsc", 0, "0xb"),
        Address("bsc", 1, "0xa", "m/0"),
        Address("bsc", 2, "0xc"),
    ]
    assert store.addresses.between("bsc", 1, 2) == [Address("bsc", 1, "0xa", "m/0")]
    assert store.addresses.between("btc", 0, 9) == [Address("btc", 0, "bc1q")]
    assert (store.addresses.count("bsc"), store.addresses.count("btc")) == (3, 1)


def test_a_known_address_takes_no_number_and_gains_a_path_but_never_another_one(store: Store) -> None:
    fill(store, 1)
    store.wallets.add("a", found(branch([0, 1])), NOW)
    store.wallets.add("b", found(branch([1, 2], role=Role.CHANGE)), NOW)
    assert [(a.index, a.path) for a in store.addresses.between("bsc", 0, 9)] == [(0, "m/0/0"), (1, "m/0/1"), (2, "m/1/1")]


@settings(max_examples=25, deadline=None)
@given(batches=st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=5))
def test_no_address_is_lost_doubled_or_skipped(tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]]) -> None:
    expected: list[str] = []
    with open_store(tmp_path_factory.mktemp("wallet") / "hdscan.db") as store:
        for batch in batches:
            fresh = [text for text in dict.fromkeys(map(address, batch)) if text not in expected]
            added = store.wallets.add("list", listed(batch), NOW)
            assert (added.added, added.known) == (len(fresh), len(batch) - len(fresh))
            expected += fresh
        every = store.addresses.between("bsc", 0, 1000)
        assert [each.text for each in every] == expected
        assert [each.index for each in every] == list(range(len(expected)))


def test_a_chain_that_was_never_registered_has_no_addresses_and_takes_none(store: Store) -> None:
    assert store.addresses.count("doge") == 0
    assert store.scans.latest("doge") is None
    with pytest.raises(StoreError, match="'doge'"):
        put(store, "doge", ("D", None))
    with pytest.raises(StoreError, match="'doge'"):
        store.register([BTC], [Asset("doge", "DOGE", 8)])


def test_a_token_whose_contract_changed_is_another_asset(store: Store) -> None:
    fill(store, 1)
    scan_id = begin(store, 1, chunk=1)
    [chunk] = chunks(store, scan_id)
    commit(store, scan_id, chunk, whole(chunk))
    bnb = Asset("bsc", "BNB", 18)
    for other in (Asset("bsc", "USDT", 18, "0x" + "7" * 40), Asset("bsc", "USDT", 6, USDT.contract)):
        store.register([BTC, BSC], [bnb, other])
        assert known(store)[0, "USDT"].amount is None
        assert known(store)[0, "BNB"].amount == "0"
        assert known(store)[0, "USDT"].decimals == other.decimals
    store.register([BTC, BSC], [bnb, USDT])
    assert known(store)[0, "USDT"].amount == "0"


def test_the_letter_case_of_a_contract_makes_no_other_asset(store: Store) -> None:
    fill(store, 1)
    assert USDT.contract is not None
    scan_id = begin(store, 1, chunk=1)
    [chunk] = chunks(store, scan_id)
    store.register([BTC, BSC], [Asset("bsc", "BNB", 18), Asset("bsc", "USDT", 18, USDT.contract.upper().replace("0X", "0x"))])
    commit(store, scan_id, chunk, whole(chunk))
    assert known(store)[0, "USDT"].amount == "0"


def test_reports_tell_of_what_is_registered_or_of_everything_where_nothing_is(path: Path, store: Store) -> None:
    fill(store, 1)
    fill(store, 1, "btc")
    store.register([BTC, BSC], [USDT])
    assert [(row.chain, row.asset) for row in store.balances.rows()] == [("bsc", "USDT")]
    with Store.open(f"sqlite:///{path}", Network.MAINNET) as reader:
        assert [(row.chain, row.asset) for row in reader.balances.rows()] == [("btc", "BTC"), ("bsc", "BNB"), ("bsc", "USDT")]
