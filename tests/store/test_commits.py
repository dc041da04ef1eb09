import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from hdscan.model.chain import Address, Asset
from hdscan.model.errors import ReadCode, StoreError
from hdscan.model.reading import Balance, BalanceResult, Reading, Unread
from hdscan.model.scan import BalanceState, ChainPlan, ChainScan, Chunk, Status
from hdscan.store import Store
from hdscan.store.transaction import TOGETHER

from .wallet import (
    ASSETS,
    BSC,
    BTC,
    NOW,
    WEI,
    address,
    begin,
    chunks,
    commit,
    dump,
    execute,
    failed,
    fill,
    final,
    known,
    open_store,
    result,
    said,
    whole,
)


def record(store: Store) -> ChainScan:
    latest = store.scans.latest("bsc")
    assert latest is not None
    return latest


def totals(scan: ChainScan | None) -> tuple[int, int, int]:
    assert scan is not None
    return scan.read, scan.unread, scan.funded


def one_chunk(store: Store, addresses: int = 2) -> tuple[int, Chunk]:
    """A scan of both assets in a single chunk."""
    fill(store, addresses)
    scan_id = begin(store, addresses, chunk=addresses)
    [chunk] = chunks(store, scan_id)
    return scan_id, chunk


# -- the plan


def test_a_scan_begins_with_all_its_chunks_pending(store: Store) -> None:
    fill(store, 5)
    fill(store, 1, "btc")
    plans = [ChainPlan("bsc", ("USDT", "BNB"), ((0, 5),), 2), ChainPlan("btc", ("BTC",), ((0, 1),), 100)]
    scan_id = store.scans.begin(plans, NOW)
    assert [record.scan_id for record in store.scans.records()] == [scan_id]
    none = {"read": 0, "unread": 0, "funded": 0, "seconds": 0.0, "requests": 0}
    bsc = ChainScan(scan_id, "bsc", Status.RUNNING, ("USDT", "BNB"), addresses=5, readings=10, **none)
    btc = ChainScan(scan_id, "btc", Status.RUNNING, ("BTC",), addresses=1, readings=1, **none)
    assert store.scans.scan(scan_id) == (btc, bsc)
    assert (store.scans.latest("bsc"), store.scans.latest("btc")) == (bsc, btc)
    assert chunks(store, scan_id) == [Chunk(0, 0, 2), Chunk(1, 2, 4), Chunk(2, 4, 5)]
    assert store.scans.pending_chunks(scan_id, "bsc", 0, 1) == [Chunk(1, 2, 4)]
    assert store.scans.pending_chunks(scan_id, "btc", -1, 9) == [Chunk(0, 0, 1)]


def test_a_scan_of_something_unknown_does_not_begin(store: Store) -> None:
    with pytest.raises(StoreError, match="DOGE"):
        store.scans.begin([ChainPlan("bsc", ("BNB",), (), 1), ChainPlan("bsc", ("DOGE",), (), 1)], NOW)
    assert store.scans.records() == []
    assert store.scans.scan(1) == ()
    with pytest.raises(StoreError, match="no scan 1 of bsc"):
        store.scans.set_status(1, "bsc", Status.STOPPED, None, NOW)


def test_status_and_error_are_kept_and_a_resumed_scan_has_no_error(store: Store) -> None:
    scan_id, _ = one_chunk(store)
    assert store.scans.set_status(scan_id, "bsc", Status.FAILED, "disk full", NOW).error == "disk full"
    assert record(store).status is Status.FAILED
    assert store.scans.set_status(scan_id, "bsc", Status.RUNNING, None, NOW) == record(store)
    assert (record(store).status, record(store).error) == (Status.RUNNING, None)


# -- a chunk


@pytest.mark.parametrize("addresses", [TOGETHER // 2 - 1, TOGETHER // 2, TOGETHER // 2 + 1, TOGETHER + 1])
def test_a_chunk_of_any_size_is_stored_reading_by_reading(store: Store, addresses: int) -> None:
    for now in (NOW, NOW + 60):  # into an empty table, then over what is there
        scan_id, chunk = one_chunk(store, addresses)
        results = [
            result(index, symbol, said(WEI + 2 * index + token + int(now), now))
            for index in range(addresses)
            for token, symbol in enumerate(("BNB", "USDT"))
        ]
        assert totals(commit(store, scan_id, chunk, results)) == (2 * addresses, 0, addresses)
        amounts = {key: row.amount for key, row in known(store).items()}
        assert amounts == {
            (each.reading.index, each.reading.asset.symbol): str(each.outcome.amount)
            for each in results
            if isinstance(each.outcome, Balance)
        }


def test_a_chunk_is_written_whole_with_its_totals(store: Store) -> None:
    scan_id, chunk = one_chunk(store)
    results = whole(chunk, {(0, "BNB"): said(WEI), (0, "USDT"): said(1), (1, "USDT"): failed("timed out", 3, bscscan="429")})
    committed = commit(store, scan_id, chunk, results)
    assert committed == record(store)
    assert totals(committed) == (3, 1, 1)
    assert (record(store).seconds, record(store).requests) == (1.5, 3)
    assert chunks(store, scan_id) == []
    rows = known(store)
    assert {key: (row.state, row.amount, row.error) for key, row in rows.items()} == {
        (0, "BNB"): (BalanceState.READ, str(WEI), None),
        (0, "USDT"): (BalanceState.READ, "1", None),
        (1, "BNB"): (BalanceState.READ, "0", None),
        (1, "USDT"): (BalanceState.UNREAD, None, "timed out"),
    }
    assert (rows[0, "BNB"].source, rows[0, "BNB"].height) == ("multicall", 1000)
    assert rows[0, "BNB"].observed_at == "2023-11-14T22:13:20.000Z"
    [gap] = store.balances.gaps()
    assert (gap.chain, gap.index, gap.address, gap.asset) == ("bsc", 1, address(1), "USDT")
    assert (gap.code, gap.error, gap.attempts, gap.providers) == ("timeout", "timed out", 3, {"bscscan": "429"})


def test_a_chunk_is_committed_once(store: Store, path: Path) -> None:
    scan_id, chunk = one_chunk(store)
    commit(store, scan_id, chunk, whole(chunk))
    before = dump(path)
    assert commit(store, scan_id, chunk, whole(chunk, otherwise=said(5, NOW + 9))) is None
    assert dump(path) == before


def test_the_scan_that_a_newer_one_replaced_commits_nothing(store: Store) -> None:
    scan_id, chunk = one_chunk(store)
    begin(store, 2)
    assert commit(store, scan_id, chunk, whole(chunk)) is None
    assert {row.amount for row in known(store).values()} == {None}


def shifted(results: Sequence[BalanceResult]) -> list[BalanceResult]:
    """Every result under the index of its neighbour."""
    return [
        msgspec.structs.replace(each, reading=msgspec.structs.replace(each.reading, index=1 - each.reading.index))
        for each in results
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda results: results[:-1], "1 lost, 0 foreign"),
        (lambda results: [], "4 lost"),
        (lambda results: [*results, results[0]], "twice"),
        (lambda results: [*results[:-1], results[0]], "twice"),
        (lambda results: [*results, result(0, "BNB", failed())], "twice"),
        (lambda results: [*results[:-1], result(2, "BNB", said(0))], "1 lost, 1 foreign"),
        (lambda results: [*results, result(2, "BNB", said(0))], "0 lost, 1 foreign"),
        (lambda results: [*results[:-1], result(1, "BTC", said(0))], "--restart"),
        (shifted, "4 lost, 4 foreign"),
    ],
)
def test_a_chunk_that_is_not_whole_is_refused_whole(store: Store, path: Path, change: object, words: str) -> None:
    scan_id, chunk = one_chunk(store)
    before = dump(path)
    assert callable(change)
    with pytest.raises(StoreError, match=words) as caught:
        commit(store, scan_id, chunk, change(whole(chunk)))
    assert not caught.value.may_pass
    assert dump(path) == before


def test_a_token_whose_contract_changed_in_mid_scan_is_refused(store: Store, path: Path) -> None:
    scan_id, chunk = one_chunk(store)
    other = Asset("bsc", "USDT", 18, "0x" + "7" * 40)
    store.register([BTC, BSC], [ASSETS["BNB"], other])
    mixed = [BalanceResult(Reading(i, address(i), asset), said(1)) for i in (0, 1) for asset in (ASSETS["BNB"], other)]
    before = dump(path)
    with pytest.raises(StoreError, match="contract or decimals have changed"):
        commit(store, scan_id, chunk, mixed)
    assert dump(path) == before


@pytest.mark.parametrize("table", ["chunk", "source", "balance", "earlier", "gap", "scan_chain"])
def test_a_statement_that_fails_anywhere_in_a_commit_undoes_all_of_it(store: Store, path: Path, table: str) -> None:
    first, chunk = one_chunk(store)
    commit(store, first, chunk, whole(chunk, {(0, "USDT"): failed(), (1, "USDT"): said(3)}))
    scan_id = begin(store, 2)
    event = "UPDATE" if table in ("chunk", "scan_chain") else "INSERT"
    execute(path, f"CREATE TRIGGER boom AFTER {event} ON {table} BEGIN SELECT RAISE(ABORT, 'boom'); END")
    before = dump(path)
    results = whole(chunk, {(0, "BNB"): said(7, NOW + 1, "newcomer"), (1, "USDT"): failed("again")})
    with pytest.raises(StoreError, match="boom") as caught:
        commit(store, scan_id, chunk, results)
    assert not caught.value.may_pass
    assert dump(path) == before
    execute(path, "DROP TRIGGER boom")
    assert totals(commit(store, scan_id, chunk, results)) == (3, 1, 1)


# -- what stands against what is read


def test_a_failed_read_never_touches_a_known_balance(store: Store) -> None:
    first, chunk = one_chunk(store)
    commit(store, first, chunk, whole(chunk, otherwise=said(5)))
    second = begin(store, 2)
    assert totals(commit(store, second, chunk, whole(chunk, otherwise=failed("down")))) == (0, 4, 0)
    for row in known(store).values():
        assert (row.state, row.amount, row.error) == (BalanceState.STALE, "5", "down")
        assert (row.source, row.height, row.observed_at) == ("multicall", 1000, "2023-11-14T22:13:20.000Z")


def test_a_reading_that_succeeds_ends_its_gap(store: Store) -> None:
    first, chunk = one_chunk(store)
    commit(store, first, chunk, whole(chunk, otherwise=failed()))
    commit(store, begin(store, 2), chunk, whole(chunk, otherwise=said(0)))
    assert list(store.balances.gaps()) == []
    assert {row.state for row in known(store).values()} == {BalanceState.READ}


def test_within_a_scan_an_older_reading_does_not_replace_a_newer_one(store: Store) -> None:
    scan_id, chunk = one_chunk(store)
    store.scans.commit_partial(scan_id, "bsc", [result(0, "BNB", said(7, NOW + 10))], now=NOW)
    committed = commit(store, scan_id, chunk, whole(chunk, {(0, "BNB"): said(0, NOW), (0, "USDT"): said(3, NOW)}))
    assert (known(store)[0, "BNB"].amount, known(store)[0, "USDT"].amount) == ("7", "3")
    assert totals(committed) == (4, 0, 1)
    assert store.check() == []


def test_a_newer_scan_is_newer_although_the_clock_was_set_back(store: Store) -> None:
    first, chunk = one_chunk(store)
    commit(store, first, chunk, whole(chunk, otherwise=said(5, NOW + 9999)))
    commit(store, begin(store, 2), chunk, whole(chunk, otherwise=said(6, NOW)))
    assert {row.amount for row in known(store).values()} == {"6"}


# -- the final pass


def test_a_final_pass_turns_unread_into_read(store: Store) -> None:
    scan_id, chunk = one_chunk(store)
    commit(store, scan_id, chunk, whole(chunk, {(0, "USDT"): said(1)}, otherwise=failed("first", 2)))
    assert totals(record(store)) == (1, 3, 1)
    results = [result(0, "BNB", said(2)), result(1, "BNB", said(3)), result(1, "USDT", failed("second", 4, other="x"))]
    assert totals(final(store, scan_id, results)) == (3, 1, 2)
    [gap] = store.balances.gaps()
    assert (gap.asset, gap.error, gap.attempts, gap.providers) == ("USDT", "second", 6, {"other": "x"})
    assert (record(store).seconds, record(store).requests) == (2.0, 4)
    assert store.check() == []


def test_a_final_pass_counts_once(store: Store) -> None:
    scan_id, chunk = one_chunk(store)
    commit(store, scan_id, chunk, whole(chunk, {(0, "BNB"): failed()}))
    final(store, scan_id, [result(0, "BNB", said(2))])
    for outcome in (said(9, NOW + 5), failed()):
        assert totals(final(store, scan_id, [result(0, "BNB", outcome)])) == (4, 0, 1)
        assert known(store)[0, "BNB"].amount == "2"
    assert final(store, scan_id, []) == record(store)


def test_gaps_come_in_pages_in_the_order_of_index_and_symbol(store: Store) -> None:
    scan_id, chunk = one_chunk(store, 3)
    commit(store, scan_id, chunk, whole(chunk, {(1, "BNB"): said(0)}, otherwise=failed()))
    expected = [(0, "BNB"), (0, "USDT"), (1, "USDT"), (2, "BNB"), (2, "USDT")]
    assert store.scans.gaps(scan_id, "bsc", None, 1) == [(Address("bsc", 0, address(0)), "BNB")]
    for size in (1, 2, 3, 5, 6):
        after, found = None, list[tuple[int, str]]()
        while page := store.scans.gaps(scan_id, "bsc", after, size):
            assert len(page) <= size
            found += [(each.index, symbol) for each, symbol in page]
            after = found[-1]
        assert found == expected


# -- what a stopped scan keeps


def test_a_stopped_scan_keeps_what_it_read_but_counts_nothing(store: Store) -> None:
    first, chunk = one_chunk(store)
    commit(store, first, chunk, whole(chunk, otherwise=failed()))
    scan_id = begin(store, 2)
    results = [result(0, "BNB", said(5)), result(0, "USDT", failed("worse")), result(1, "BNB", said(0))]
    store.scans.commit_partial(scan_id, "bsc", results, now=NOW)
    assert totals(record(store)) == (0, 0, 0)
    assert chunks(store, scan_id) == [chunk]
    states = {key: (row.state, row.amount, row.error) for key, row in known(store).items()}
    assert states[0, "BNB"] == (BalanceState.READ, "5", None)
    assert states[0, "USDT"] == (BalanceState.UNREAD, None, "nobody answered")
    assert totals(commit(store, scan_id, chunk, whole(chunk, {(0, "BNB"): failed("now not")}))) == (3, 1, 0)
    assert known(store)[0, "BNB"].state is BalanceState.STALE
    assert store.check() == []


def test_a_stopped_final_pass_counts_what_it_read(store: Store) -> None:
    scan_id, chunk = one_chunk(store)
    commit(store, scan_id, chunk, whole(chunk, {(0, "BNB"): failed()}))
    results = [result(0, "BNB", said(5)), result(1, "BNB", said(9, NOW + 9))]  # the second was read and counted before
    store.scans.commit_partial(scan_id, "bsc", results, now=NOW)
    assert totals(record(store)) == (4, 0, 1)
    assert known(store)[1, "BNB"].amount == "0"
    store.scans.commit_partial(scan_id, "bsc", [], now=NOW)
    assert store.check() == []


# -- a provider of another chain


def test_quarantine_takes_back_what_a_source_said_in_this_scan(store: Store) -> None:
    fill(store, 4)
    first = begin(store, 4)
    for chunk in chunks(store, first):
        commit(store, first, chunk, whole(chunk, {(0, "BNB"): said(5, source="liar"), (1, "BNB"): failed()}, otherwise=said(1)))
    scan_id = begin(store, 4)
    done, undone = chunks(store, scan_id)
    doubted: dict[tuple[int, str], Balance | Unread] = {
        (0, "BNB"): said(6, NOW + 1, "liar"),
        (1, "BNB"): said(7, NOW + 1, "liar"),
        (1, "USDT"): failed("down"),
    }
    commit(store, scan_id, done, whole(done, doubted, otherwise=said(2, NOW + 1)))
    assert totals(record(store)) == (3, 1, 2)
    store.scans.commit_partial(
        scan_id, "bsc", [result(2, "BNB", said(8, NOW + 1, "liar")), result(3, "BNB", said(2, NOW + 1))], now=NOW
    )

    assert store.audits.retract(scan_id, "bsc", "liar", "another genesis", NOW, code=ReadCode.WRONG_CHAIN) == 3

    assert {key: (row.state, row.amount, row.source) for key, row in known(store).items()} == {
        (0, "BNB"): (BalanceState.STALE, "5", "liar"),  # said in a scan in which it had proven its chain
        (0, "USDT"): (BalanceState.READ, "2", "multicall"),
        (1, "BNB"): (BalanceState.UNREAD, None, None),
        (1, "USDT"): (BalanceState.STALE, "1", "multicall"),
        (2, "BNB"): (BalanceState.STALE, "1", "multicall"),
        (2, "USDT"): (BalanceState.READ, "1", "multicall"),
        (3, "BNB"): (BalanceState.READ, "2", "multicall"),
        (3, "USDT"): (BalanceState.READ, "1", "multicall"),
    }
    assert totals(record(store)) == (1, 3, 1)
    doubts = {(gap.index, gap.asset): gap for gap in store.balances.gaps() if gap.code == ReadCode.WRONG_CHAIN}
    assert set(doubts) == {(0, "BNB"), (1, "BNB"), (2, "BNB")}
    assert doubts[0, "BNB"].providers == {"liar": "another genesis"}
    # the final pass reads what was counted; the chunk that is not done reads its own
    again = [(each.index, symbol) for each, symbol in store.scans.gaps(scan_id, "bsc", None, 9)]
    assert again == [(0, "BNB"), (1, "BNB"), (1, "USDT")]
    assert store.audits.retract(scan_id, "bsc", "liar", "another genesis", NOW, code=ReadCode.WRONG_CHAIN) == 0
    assert store.audits.retract(scan_id, "bsc", "stranger", "?", NOW, code=ReadCode.WRONG_CHAIN) == 0
    commit(store, scan_id, undone, whole(undone, otherwise=said(3, NOW + 2)))
    assert totals(final(store, scan_id, [result(*key, said(4, NOW + 2)) for key in again])) == (8, 0, 4)
    assert list(store.balances.gaps()) == []
    assert store.check() == []


# -- across processes and threads


def test_a_reader_sees_one_moment(store: Store, path: Path) -> None:
    scan_id, chunk = one_chunk(store)
    commit(store, scan_id, chunk, whole(chunk, otherwise=said(1)))
    with open_store(path) as reader:
        rows = reader.balances.rows()
        assert next(rows).amount == "1"
        commit(store, begin(store, 2), chunk, whole(chunk, otherwise=said(2, NOW + 1)))
        assert [row.amount for row in rows] == ["1", "1", "1"]
        assert {row.amount for row in reader.balances.rows()} == {"2"}


def test_amounts_are_stored_as_decimal_text(store: Store, path: Path) -> None:
    scan_id, chunk = one_chunk(store)
    commit(store, scan_id, chunk, whole(chunk, otherwise=said(WEI)))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT DISTINCT amount, typeof(amount) FROM balance").fetchall() == [(str(WEI), "text")]


def test_what_a_contract_calls_itself_makes_no_other_asset(store: Store) -> None:
    fill(store, 1)
    scan_id = begin(store, 1, chunk=1)
    [chunk] = chunks(store, scan_id)
    named = [
        msgspec.structs.replace(result, reading=msgspec.structs.replace(result.reading, asset=renamed(result.reading.asset)))
        for result in whole(chunk)
    ]
    commit(store, scan_id, chunk, named)
    assert {row.state for row in store.balances.rows("bsc")} == {BalanceState.READ}


def renamed(asset: Asset) -> Asset:
    return msgspec.structs.replace(asset, onchain_symbol="USD₮0")
