"""Audits, disputes and answers that are taken back, as rows and totals."""

from pathlib import Path

import pytest

from hdscan.model.audit import Audited, AuditOutcome, AuditPlan, Standing
from hdscan.model.errors import ReadCode
from hdscan.model.reading import Balance
from hdscan.model.scan import BalanceState, ChainPlan, ChainScan
from hdscan.store import Store

from .wallet import (
    BITCOIN,
    BNB,
    BSC,
    BTC,
    NOW,
    USDT,
    WEI,
    begin,
    chunks,
    commit,
    dump,
    failed,
    fill,
    known,
    result,
    said,
    whole,
)

PLAN = AuditPlan(5.0, 42)


def scanned(store: Store, outcomes: dict[tuple[int, str], Balance] | None = None, now: float = NOW) -> int:
    """A scan of four addresses with an audit to come, all read."""
    scan_id = store.scans.begin([ChainPlan("bsc", ("BNB", "USDT"), ((0, 4),), 4, PLAN)], now)
    for chunk in chunks(store, scan_id):
        commit(store, scan_id, chunk, whole(chunk, dict(outcomes or {}), otherwise=said(0, now)))
    return scan_id


@pytest.fixture
def wallet(store: Store) -> Store:
    fill(store, 4)
    return store


def found(index: int, outcome: AuditOutcome, *answers: Balance, symbol: str = "BNB") -> Audited:
    stands = {AuditOutcome.DISPUTED: None, AuditOutcome.CONFIRMED: answers[0], AuditOutcome.UNAUDITED: answers[0]}
    return Audited(result(index, symbol, answers[0]).reading, outcome, answers, stands.get(outcome, answers[-1]))


def settle(store: Store, scan_id: int, *each: Audited) -> ChainScan:
    """Write how disputes ended that were read again."""
    return store.scans.commit_final(scan_id, "bsc", (), each, now=NOW, seconds=0.5, requests=1)


def write(store: Store, scan_id: int, *each: Audited) -> ChainScan:
    return store.audits.commit(scan_id, "bsc", each, now=NOW, seconds=0.5, requests=1)


def due(store: Store, scan_id: int, *, zeros: bool = True) -> list[tuple[int, str]]:
    """What is to be audited, asked for in pages of three."""
    rows = []
    after = None
    while page := store.audits.due(scan_id, "bsc", after, 3, zeros=zeros):
        rows += page
        after = page[-1].key
    return [(row.address.index, row.symbol) for row in rows]


def test_a_plan_is_kept_with_its_seed_and_its_percentage_may_change(wallet: Store) -> None:
    scan_id = scanned(wallet)
    assert wallet.audits.plan_of(scan_id, "bsc") == PLAN
    wallet.audits.plan(scan_id, "bsc", AuditPlan(50.0, 7))
    assert wallet.audits.plan_of(scan_id, "bsc") == AuditPlan(50.0, 42)
    record = wallet.scans.latest("bsc")
    assert record is not None
    assert (record.audit, record.audited, record.disputed, record.unaudited) == (50.0, 0, 0, 0)
    plain = begin(wallet, 4, chunk=4)
    assert wallet.audits.plan_of(plain, "bsc") == AuditPlan(None, 0)


def test_what_was_read_is_due_in_order_until_it_is_audited(wallet: Store) -> None:
    scan_id = scanned(wallet, {(1, "BNB"): said(WEI), (2, "USDT"): Balance(0, -3, 7, NOW, "multicall")})
    assert due(wallet, scan_id) == [(index, symbol) for index in range(4) for symbol in ("BNB", "USDT")]
    assert due(wallet, scan_id, zeros=False) == [(1, "BNB"), (2, "USDT")]
    (row, _) = wallet.audits.due(scan_id, "bsc", None, 9, zeros=False)
    assert row.balance == said(WEI)
    write(wallet, scan_id, found(1, AuditOutcome.CONFIRMED, said(WEI), said(WEI, NOW + 1, "other")))
    write(wallet, scan_id, found(3, AuditOutcome.UNAUDITED, said(0)))
    assert (1, "BNB") not in due(wallet, scan_id)
    assert (3, "BNB") in due(wallet, scan_id), "nobody could answer: to be tried again"


def test_outcomes_are_counted_once_however_often_they_are_written(wallet: Store, path: Path) -> None:
    scan_id = scanned(wallet, {(1, "BNB"): said(5), (2, "BNB"): said(6)})
    news = (
        found(0, AuditOutcome.CONFIRMED, said(0), said(0, NOW, "other")),
        found(1, AuditOutcome.DISPUTED, said(5), said(7, NOW, "other")),
        found(2, AuditOutcome.MOVED, said(6), said(9, NOW + 1, "other"), said(9, NOW + 2, "third")),
        found(3, AuditOutcome.UNAUDITED, said(0)),
    )
    first = write(wallet, scan_id, *news)
    assert (first.read, first.unread, first.disputed, first.audited, first.unaudited) == (7, 0, 1, 3, 1)
    assert first.funded == 1
    again = write(wallet, scan_id, *news)
    assert (again.read, again.disputed, again.audited, again.unaudited) == (7, 1, 3, 1)
    assert known(wallet)[2, "BNB"].amount == "9"
    assert known(wallet)[2, "BNB"].source == "third"
    assert wallet.check() == []


def test_a_disputed_reading_has_no_amount_and_every_answer(wallet: Store) -> None:
    scan_id = scanned(wallet, {(1, "BNB"): said(5)})
    answers = said(5), Balance(WEI, None, 1001, NOW + 1, "other")
    write(wallet, scan_id, found(1, AuditOutcome.DISPUTED, *answers))
    row = known(wallet)[1, "BNB"]
    assert (row.state, row.amount, row.source, row.height, row.observed_at) == (BalanceState.DISPUTED, None, None, None, None)
    assert row.error == f"operators disagree: multicall says 5 at 1000, other says {WEI} at 1001"
    assert row.answers is not None
    assert [(a.source, a.amount, a.height) for a in row.answers] == [("multicall", "5", 1000), ("other", str(WEI), 1001)]
    bnb, usdt = wallet.balances.totals("bsc")
    assert (bnb.amount, bnb.read, bnb.unread, bnb.disputed, bnb.funded) == ("0", 3, 0, 1, 0)
    assert (usdt.read, usdt.disputed) == (4, 0)
    assert [(each.index, symbol) for each, symbol in wallet.scans.disputed(scan_id, "bsc", None, 9)] == [(1, "BNB")]
    assert wallet.scans.standing(scan_id, "bsc", [result(1, "BNB", said(5)).reading]) == {(1, "BNB"): Standing(None, None)}
    assert not any(row.index == 1 for row in wallet.balances.rows("bsc", "BNB", True))


def test_a_dispute_that_one_answer_ends_counts_as_read(wallet: Store) -> None:
    scan_id = scanned(wallet, {(1, "BNB"): said(5)})
    assert write(wallet, scan_id, found(1, AuditOutcome.DISPUTED, said(5), said(0, NOW, "other"))).disputed == 1
    record = wallet.scans.commit_final(scan_id, "bsc", [result(1, "BNB", said(5))], now=NOW, seconds=0.5, requests=1)
    assert (record.read, record.disputed) == (8, 0)
    assert wallet.check() == []


def test_a_dispute_ends_when_operators_agree_or_another_scan_reads_it(wallet: Store) -> None:
    scan_id = scanned(wallet, {(1, "BNB"): said(5), (2, "BNB"): said(6)})
    write(wallet, scan_id, *(found(i, AuditOutcome.DISPUTED, said(4 + i), said(0, NOW, "other")) for i in (1, 2)))
    record = settle(wallet, scan_id, found(1, AuditOutcome.CONFIRMED, said(5), said(5, NOW, "other")))
    assert (record.read, record.disputed, record.funded, record.audited) == (7, 1, 1, 2)
    assert known(wallet)[1, "BNB"].amount == "5"
    record = wallet.scans.commit_final(scan_id, "bsc", [result(2, "BNB", failed("down"))], now=NOW, seconds=0.5, requests=1)
    assert (record.disputed, record.unread) == (1, 0), "nobody's answer settles nothing"
    scanned(wallet, {(2, "BNB"): said(6, NOW + 9)}, NOW + 9)
    assert known(wallet)[2, "BNB"].amount == "6"
    assert wallet.balances.totals("bsc")[0].disputed == 0
    assert wallet.check() == []


def test_a_dispute_that_the_next_scan_cannot_read_stays_one(wallet: Store) -> None:
    scan_id = scanned(wallet, {(1, "BNB"): said(5)})
    write(wallet, scan_id, found(1, AuditOutcome.DISPUTED, said(5), said(0, NOW, "other")))
    later = begin(wallet, 4, chunk=4, now=NOW + 9)
    [chunk] = chunks(wallet, later)
    commit(wallet, later, chunk, whole(chunk, {(1, "BNB"): failed("down")}, otherwise=said(0, NOW + 9)))
    assert known(wallet)[1, "BNB"].state is BalanceState.DISPUTED
    (total, _) = wallet.balances.totals("bsc")
    assert (total.read, total.unread, total.disputed) == (3, 0, 1)
    record = wallet.scans.latest("bsc")
    assert record is not None
    assert (record.read, record.unread, record.disputed) == (7, 1, 0), "this scan left it unread"
    assert wallet.check() == []


def test_a_retraction_leaves_the_audits_of_a_source_whose_name_only_looks_alike(wallet: Store) -> None:
    scan_id = scanned(wallet)
    for index, other in enumerate(("my_node", "my-node", "My_node", "my_node2")):
        write(wallet, scan_id, found(index, AuditOutcome.CONFIRMED, said(0), said(0, NOW, other)))
    assert wallet.audits.retract(scan_id, "bsc", "my_node", "it lies", NOW, code=ReadCode.WRONG_CHAIN) == 0
    record = wallet.scans.latest("bsc")
    assert record is not None
    assert record.audited == 3
    assert [key for key in due(wallet, scan_id) if key[1] == "BNB"] == [(0, "BNB")]


def test_what_a_quarantined_source_said_or_confirmed_is_taken_back(wallet: Store) -> None:
    scanned(wallet, {(1, "BNB"): said(3), (3, "BNB"): said(8)})
    liar = {(1, "BNB"): said(5, NOW + 9, "liar"), (2, "BNB"): said(6, NOW + 9), (3, "BNB"): said(9, NOW + 9)}
    scan_id = scanned(wallet, liar, NOW + 9)
    write(
        wallet,
        scan_id,
        found(1, AuditOutcome.CONFIRMED, said(5, NOW + 9, "liar"), said(5, NOW, "other")),
        found(2, AuditOutcome.CONFIRMED, said(6, NOW + 9), said(6, NOW, "liar")),
        found(3, AuditOutcome.DISPUTED, said(9, NOW + 9), said(0, NOW, "liar")),
    )
    count = wallet.audits.retract(scan_id, "bsc", "liar", "it lies", NOW, code=ReadCode.CONTRADICTED)
    assert count == 3
    record = wallet.scans.latest("bsc")
    assert record is not None
    assert (record.read, record.unread, record.disputed, record.audited) == (5, 3, 0, 0)
    assert {(gap.index, gap.code) for gap in wallet.balances.gaps("bsc")} == {(i, "contradicted") for i in (1, 2, 3)}
    rows = known(wallet)
    assert (rows[1, "BNB"].amount, rows[1, "BNB"].state) == ("3", BalanceState.STALE), "what was known before comes back"
    assert (rows[3, "BNB"].amount, rows[3, "BNB"].state) == ("8", BalanceState.STALE)
    assert (rows[2, "BNB"].amount, rows[2, "BNB"].state) == ("0", BalanceState.STALE), "what it bore out falls with it"
    assert wallet.check() == []


def test_what_a_source_bore_out_in_a_chunk_that_did_not_end_falls_with_it_too(wallet: Store) -> None:
    scanned(wallet, {(1, "BNB"): said(3)})
    scan_id = begin(wallet, 4, chunk=4, now=NOW + 9)
    case = found(1, AuditOutcome.CONFIRMED, said(0, NOW + 9), said(0, NOW + 9, "liar"))
    wallet.scans.commit_partial(scan_id, "bsc", (), [case], now=NOW + 9)
    [chunk] = chunks(wallet, scan_id)
    commit(wallet, scan_id, chunk, whole(chunk, otherwise=said(0, NOW + 10)))  # what is known by now needs no second word
    assert known(wallet)[1, "BNB"].said_by == ("liar", "multicall")
    assert wallet.audits.retract(scan_id, "bsc", "liar", "it lies", NOW, code=ReadCode.CONTRADICTED) == 1
    assert (known(wallet)[1, "BNB"].amount, known(wallet)[1, "BNB"].state) == ("3", BalanceState.STALE)
    assert wallet.check() == []


def test_an_audit_that_ends_after_its_reading_was_taken_back_changes_nothing(wallet: Store) -> None:
    scan_id = scanned(wallet, {(1, "BNB"): said(5)})
    write(wallet, scan_id, found(1, AuditOutcome.CONFIRMED, said(5), said(5, NOW, "liar")))
    assert wallet.audits.retract(scan_id, "bsc", "liar", "it lies", NOW, code=ReadCode.CONTRADICTED) == 1
    for outcome in (AuditOutcome.DISPUTED, AuditOutcome.MOVED, AuditOutcome.CONFIRMED):
        record = write(wallet, scan_id, found(1, outcome, said(5), said(6, NOW, "other")))
        assert (record.read, record.unread, record.disputed, record.funded) == (7, 1, 0, 0)
        assert wallet.check() == []


def test_the_latest_of_answers_that_all_differed_falls_with_one_of_them(wallet: Store) -> None:
    scanned(wallet, {(1, "BNB"): said(3)})
    scan_id = scanned(wallet, {}, NOW + 9)
    answers = said(5, NOW + 9, "liar"), said(6, NOW + 9), said(7, NOW + 9, "other")
    write(wallet, scan_id, found(1, AuditOutcome.MOVED, *answers))
    assert known(wallet)[1, "BNB"].said_by == ("other",)
    assert wallet.audits.retract(scan_id, "bsc", "liar", "it lies", NOW, code=ReadCode.CONTRADICTED) == 1
    assert (known(wallet)[1, "BNB"].amount, known(wallet)[1, "BNB"].state) == ("3", BalanceState.STALE)
    assert wallet.check() == []


def test_an_unchanged_amount_or_a_zero_only_loses_the_word_of_a_retracted_source(wallet: Store) -> None:
    scanned(wallet, {(1, "BNB"): said(3)})
    scan_id = scanned(wallet, {(1, "BNB"): said(3, NOW + 9)}, NOW + 9)
    write(
        wallet,
        scan_id,
        found(1, AuditOutcome.CONFIRMED, said(3, NOW + 9), said(3, NOW + 9, "liar")),
        found(2, AuditOutcome.CONFIRMED, said(0, NOW + 9), said(0, NOW + 9, "liar")),
    )
    rows = known(wallet)
    assert [(rows[i, "BNB"].operators, rows[i, "BNB"].said_by) for i in (1, 2)] == [(2, ("liar", "multicall"))] * 2
    assert wallet.audits.retract(scan_id, "bsc", "liar", "it lies", NOW, code=ReadCode.CONTRADICTED) == 0
    rows = known(wallet)
    assert [(rows[i, "BNB"].amount, rows[i, "BNB"].said_by) for i in (1, 2)] == [("3", ("multicall",)), ("0", ("multicall",))]
    assert {(1, "BNB"), (2, "BNB")} <= set(due(wallet, scan_id)), "to be audited anew"
    assert wallet.check() == []


def test_who_said_an_amount_is_who_said_it_in_the_scan_that_read_it(wallet: Store) -> None:
    wallet.register([BTC, BSC], [BITCOIN, BNB, USDT], {"multicall": "one", "twin": "one"})
    scan_id = scanned(wallet, {(1, "BNB"): said(3)})
    write(wallet, scan_id, found(1, AuditOutcome.CONFIRMED, said(3), said(3, NOW, "twin")))
    assert (known(wallet)[1, "BNB"].said_by, known(wallet)[1, "BNB"].operators) == (("multicall", "twin"), 1)
    write(wallet, scan_id, found(1, AuditOutcome.CONFIRMED, said(3), said(3, NOW, "other")))
    assert (known(wallet)[1, "BNB"].operators, known(wallet)[1, "BNB"].source) == (2, "multicall")
    bnb, usdt = wallet.balances.totals("bsc")
    assert (bnb.confirmed_funded, bnb.confirmed_zeros, usdt.confirmed_zeros) == (1, 0, 0)
    scanned(wallet, {(1, "BNB"): said(3, NOW + 3)}, NOW + 3)
    assert (known(wallet)[1, "BNB"].operators, known(wallet)[1, "BNB"].said_by) == (1, ("multicall",))


def test_a_dispute_about_a_known_amount_keeps_it_for_the_next_retraction(wallet: Store) -> None:
    scanned(wallet, {(1, "BNB"): said(3)})
    scan_id = begin(wallet, 4, chunk=4, now=NOW + 9)
    [chunk] = chunks(wallet, scan_id)
    dispute = found(1, AuditOutcome.DISPUTED, said(0, NOW + 9), said(3, NOW + 9, "liar"))
    rest = [each for each in whole(chunk, otherwise=said(0, NOW + 9)) if each.reading != dispute.reading]
    record = wallet.scans.commit_chunk(
        scan_id, "bsc", chunk, rest, [dispute], worker="here:1", now=NOW, seconds=1.0, requests=1
    )
    assert record is not None
    assert (record.read, record.unread, record.disputed, record.audited) == (7, 0, 1, 1)
    assert known(wallet)[1, "BNB"].state is BalanceState.DISPUTED
    assert wallet.check() == []
    wallet.audits.retract(scan_id, "bsc", "liar", "it lies", NOW, code=ReadCode.CONTRADICTED)
    assert (known(wallet)[1, "BNB"].amount, known(wallet)[1, "BNB"].state) == ("3", BalanceState.STALE)
    assert wallet.check() == []


def test_what_was_read_at_a_height_or_above_is_taken_back(wallet: Store) -> None:
    heights = {(i, "BNB"): Balance(i, None, 100 + i, NOW, "multicall") for i in range(4)}
    scan_id = scanned(wallet, {**heights, (0, "USDT"): Balance(4, None, None, NOW, "multicall")})
    assert wallet.audits.retract(scan_id, "bsc", "multicall", "a reorg", NOW, code=ReadCode.REORG, height=102) == 2 + 3 + 1
    assert wallet.audits.retract(scan_id, "bsc", "another", "a reorg", NOW, code=ReadCode.REORG, height=0) == 0
    assert {(gap.index, gap.code) for gap in wallet.balances.gaps("bsc") if gap.asset == "BNB"} == {(2, "reorg"), (3, "reorg")}
    assert known(wallet)[1, "BNB"].amount == "1"
    assert known(wallet)[0, "USDT"].amount is None, "nothing says that it was below"
    assert wallet.check() == []


def test_a_commit_that_fails_leaves_nothing(wallet: Store, path: Path) -> None:
    scan_id = scanned(wallet)
    before = dump(path)
    foreign = result(1, "BNB", said(5)).reading
    bad = Audited(foreign, AuditOutcome.DISPUTED, (said(5),), None)
    with pytest.raises(Exception, match="no scan"):
        wallet.audits.commit(scan_id + 1, "bsc", [bad], now=NOW, seconds=0.0, requests=0)
    assert dump(path) == before
