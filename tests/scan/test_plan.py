"""Which scan a request means: a new one, the rest of an unfinished one, or the gaps of the last."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from hdscan.model.chain import Asset, Chain, Family, Network
from hdscan.model.errors import ReadCode, ScanRefused
from hdscan.model.reading import Balance, BalanceResult, Reading, Unread
from hdscan.model.scan import ScanRequest, Status
from hdscan.model.wallet import Found, Listed, WalletKind
from hdscan.scan.plan import Plan, make_plan
from hdscan.store import Store

BTC = Chain("btc", Family.BITCOIN, Network.MAINNET, "BTC", 8, "000000000019d668", 2)
BSC = Chain("bsc", Family.EVM, Network.MAINNET, "BNB", 18, "56", 40)
BITCOIN = Asset("btc", "BTC", 8)
BNB = Asset("bsc", "BNB", 18)
USDT = Asset("bsc", "USDT", 18, "0x55d398326f99059fF775485246999027B3197955")
ASSETS = {"btc": [BITCOIN], "bsc": [BNB, USDT]}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path}/wallet.db", Network.MAINNET) as store:
        store.register([BTC, BSC], [BITCOIN, BNB, USDT])
        for chain in ASSETS:
            listed = [Listed(chain, f"{chain}-{index}") for index in range(5)]
            store.wallets.add(chain, Found(kind=WalletKind.ADDRESSES, what="a list", listed=listed), 1.0)
        yield store


def plan(store: Store, configured: dict[str, list[Asset]] = ASSETS, **request: object) -> Plan:
    upstreams: dict[str, list[object]] = {chain: [] for chain in configured}
    return make_plan(store, ScanRequest(**request), configured, upstreams=upstreams, largest=2, now=1.0, seed=7)  # type: ignore[arg-type]


def finish(store: Store, plan: Plan, unread: Sequence[int] = ()) -> None:
    """Commit every chunk, with gaps at these addresses of every asset."""
    for record in plan.chains:
        for chunk in store.scans.pending_chunks(plan.scan_id, record.chain, -1, 100):
            results = []
            for address in store.addresses.between(record.chain, chunk.first, chunk.stop):
                for asset in ASSETS[record.chain]:
                    gap = Unread(ReadCode.TIMEOUT, "no answer", 1, {})
                    outcome = gap if address.index in unread else Balance(0, None, 1, 1.0, "a")
                    results.append(BalanceResult(Reading(address.index, address.text, asset), outcome))
            store.scans.commit_chunk(
                plan.scan_id, record.chain, chunk, results, worker="here", now=1.0, seconds=1.0, requests=1
            )
        status = Status.COMPLETED_WITH_GAPS if unread else Status.COMPLETED
        store.scans.set_status(plan.scan_id, record.chain, status, None, 1.0)


def test_the_first_scan_reads_every_chain_in_chunks(store: Store) -> None:
    made = plan(store)
    assert [(record.chain, record.assets, record.readings) for record in made.chains] == [
        ("btc", ("BTC",), 5),
        ("bsc", ("BNB", "USDT"), 10),
    ]
    assert [chunk.stop - chunk.first for chunk in store.scans.pending_chunks(made.scan_id, "btc", -1, 100)] == [2, 2, 1]


def test_an_unfinished_scan_is_resumed_unless_other_assets_or_a_new_one_are_asked_for(store: Store) -> None:
    first = plan(store, chains=("bsc",))
    assert plan(store, chains=("bsc",)).scan_id == first.scan_id
    assert plan(store, chains=("bsc",), assets=("bnb", "usdt")).scan_id == first.scan_id
    assert plan(store, chains=("bsc",), assets=("usdt",)).scan_id != first.scan_id
    assert plan(store, chains=("bsc",), restart=True).scan_id > first.scan_id


def test_a_resumed_scan_leaves_out_chains_that_a_later_one_has_taken_over(store: Store) -> None:
    first = plan(store)
    later = plan(store, chains=("btc",), restart=True)
    resumed = plan(store)
    assert (resumed.scan_id, [record.chain for record in resumed.chains]) == (later.scan_id, ["btc"])
    finish(store, later)
    resumed = plan(store)
    assert (resumed.scan_id, [record.chain for record in resumed.chains]) == (first.scan_id, ["bsc"])


def test_a_retry_needs_a_scan_that_has_ended(store: Store) -> None:
    with pytest.raises(ScanRefused, match="there was no scan yet"):
        plan(store, retry=True)
    first = plan(store)
    with pytest.raises(ScanRefused, match="the last scan of btc, bsc is not finished"):
        plan(store, retry=True)
    finish(store, first, unread=[3])
    again = plan(store, retry=True)
    assert (again.scan_id, again.retry, [record.unread for record in again.chains]) == (first.scan_id, True, [1, 2])


def test_an_audit_of_an_earlier_scan_is_stored_and_keeps_its_seed(store: Store) -> None:
    first = plan(store, audit=5.0)
    finish(store, first)
    again = plan(store, retry=True, audit=50.0)
    assert again.chains == store.scans.scan(first.scan_id)
    assert {record.audit for record in again.chains} == {50.0}
    found = store.audits.plan_of(first.scan_id, "btc")
    assert found is not None
    assert (found.percent, found.seed) == (50.0, 7)


def test_what_cannot_be_scanned_is_refused_with_what_to_do(store: Store) -> None:
    with pytest.raises(ScanRefused, match="chain 'doge' is not configured; the chains are btc, bsc"):
        plan(store, chains=("doge",))
    with pytest.raises(ScanRefused, match="has an asset XYZ; they have BNB, BTC, USDT"):
        plan(store, assets=("XYZ",))
    plan(store, chains=("bsc",))
    with pytest.raises(ScanRefused, match="reads USDT, which is no longer configured"):
        plan(store, {"btc": [BITCOIN], "bsc": [BNB]}, chains=("bsc",))
