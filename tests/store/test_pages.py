import base64
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from hdscan.model.audit import Audited, AuditOutcome
from hdscan.model.chain import Network
from hdscan.model.errors import InputError
from hdscan.model.page import Page, Sort
from hdscan.model.reading import Balance, Unread
from hdscan.model.scan import BalanceRow, BalanceState, ChainPlan, Status
from hdscan.store import Store, pages

from .wallet import NOW, WEI, begin, chunks, commit, execute, failed, fill, final, open_store, put, result, said, whole

COUNT = 40
NOT_ITS_OWN = "the cursor is not one of this query; begin again without it"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Two scans of bsc with every kind of outcome, addresses that came later, and a chain that never was scanned."""
    fate = random.Random(7)
    with open_store(tmp_path_factory.mktemp("world") / "hdscan.db") as store:
        put(store, "btc", *((f"bc1Q{i}_{i}%", f"m/84'/0'/0'/0/{i}") for i in range(9)))
        fill(store, COUNT)
        for at in (NOW, NOW + 1):
            scan_id = begin(store, COUNT, chunk=8)
            for chunk in chunks(store, scan_id):
                keys = [(index, symbol) for index in range(chunk.first, chunk.stop) for symbol in ("BNB", "USDT")]
                commit(store, scan_id, chunk, whole(chunk, {key: outcome(fate, at) for key in keys}))
        doubted = store.audits.due(scan_id, "bsc", None, 6, zeros=True)
        found = [
            Audited(result(due.key[0], due.symbol, due.balance).reading, AuditOutcome.DISPUTED, (due.balance, said(7)), None)
            for due in doubted
        ]
        store.audits.commit(scan_id, "bsc", found, now=NOW, seconds=0.0, requests=0)
        fill(store, COUNT + 5)
        yield store


def outcome(fate: random.Random, at: float) -> Balance | Unread:
    amounts = (0, 0, 5, fate.randrange(1, 20), fate.randrange(1, 10**6), WEI + fate.randrange(2), 2 * WEI - 1)
    return failed("down") if fate.random() < 0.4 else said(fate.choice(amounts), at)


def walk(ask: Callable[[str | None, int], Page[BalanceRow]], fate: random.Random) -> list[BalanceRow]:
    """Every row of every page; no page but the last is short of its limit, and none is longer."""
    rows: list[BalanceRow] = []
    cursor = None
    while True:
        limit = fate.choice([1, 2, 3, 7, 40])
        page = ask(cursor, limit)
        rows += page.items
        assert len(page.items) == limit if page.next else len(page.items) <= limit
        if page.next is None:
            return rows
        cursor = page.next


def ordered(rows: list[BalanceRow], sort: Sort) -> list[BalanceRow]:
    """What the rows' order is to be, from their order of chain, index and asset."""
    if sort is Sort.INDEX:
        return rows
    if sort is Sort.INDEX_DOWN:
        return rows[::-1]
    sign = -1 if sort is Sort.AMOUNT_DOWN else 1
    groups = ["BTC", "BNB", "USDT"]

    def key(row: BalanceRow) -> tuple[int, bool, int, int]:
        known = row.amount is not None
        return groups.index(row.asset), not known, sign * int(row.amount or 0), (sign if known else 1) * row.index

    return sorted(rows, key=key)


@pytest.mark.parametrize("few", [0, 1000])
@pytest.mark.parametrize("funded", [False, True])
@pytest.mark.parametrize("sort", Sort)
@pytest.mark.parametrize(
    ("chain", "asset", "q"),
    [(None, None, None), ("bsc", None, "0X0"), (None, "usdt", None), ("btc", "BTC", ""), (None, None, "2"), ("bsc", None, "1")],
)
def test_pages_of_any_size_make_the_whole_listing(
    world: Store,
    chain: str | None,
    asset: str | None,
    q: str | None,
    sort: Sort,
    funded: bool,
    few: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pages, "FEW", few)
    listed = [
        row
        for row in world.balances.rows(chain, asset, funded)
        if q is None or q.lower() in row.address.lower() or q.lower() in (row.path or "")
    ]
    for seed in range(3):
        rows = walk(
            lambda cursor, limit: world.balances.page(chain, asset, funded=funded, q=q, sort=sort, cursor=cursor, limit=limit),
            random.Random(seed),
        )
        assert rows == ordered(listed, sort)


def test_the_world_has_every_kind_of_row(world: Store) -> None:
    rows = list(world.balances.rows("bsc"))
    assert {row.state for row in rows} == set(BalanceState)
    assert {"0", "5", str(2 * WEI - 1), None} <= {row.amount for row in rows}
    assert {row.amount == "0" for row in rows if row.state is BalanceState.STALE} == {True, False}


def test_what_is_unread_is_never_among_the_zeros(world: Store) -> None:
    for sort in (Sort.AMOUNT, Sort.AMOUNT_DOWN):
        amounts = [row.amount for row in world.balances.page("bsc", "BNB", sort=sort, limit=1000).items]
        known = amounts.index(None)
        assert set(amounts[known:]) == {None}
        assert amounts[0 if sort is Sort.AMOUNT else known - 1] == "0"


@pytest.mark.parametrize("sort", [Sort.INDEX, Sort.INDEX_DOWN])
def test_a_scan_that_writes_between_two_pages_makes_none_skip_or_repeat(store: Store, sort: Sort) -> None:
    fill(store, COUNT)
    scan_id = begin(store, COUNT, chunk=4)
    fate, undone = random.Random(1), chunks(store, scan_id)
    fate.shuffle(undone)

    def ask(cursor: str | None, limit: int) -> Page[BalanceRow]:
        if undone:
            chunk = undone.pop()
            keys = [(index, symbol) for index in range(chunk.first, chunk.stop) for symbol in ("BNB", "USDT")]
            commit(store, scan_id, chunk, whole(chunk, {key: outcome(fate, NOW) for key in keys}))
        return store.balances.page("bsc", None, sort=sort, cursor=cursor, limit=limit)

    rows = walk(ask, fate)
    assert [(row.index, row.asset) for row in rows] == [
        (row.index, row.asset) for row in ordered(list(store.balances.rows("bsc")), sort)
    ]


def test_gaps_come_in_pages_too(world: Store) -> None:
    fate = random.Random(3)
    rows, cursor = list(world.balances.gaps()), None
    assert len(rows) > 20
    while rows:
        page = world.balances.gap_page(None, cursor=cursor, limit=fate.randint(1, 9))
        assert list(page.items) == rows[: len(page.items)]
        rows, cursor = rows[len(page.items) :], page.next
    assert cursor is None
    assert world.balances.gap_page("btc") == Page((), None)


def test_a_gap_that_is_read_between_two_pages_hides_none_of_the_others(store: Store) -> None:
    fill(store, 4)
    scan_id = begin(store, 4, chunk=4)
    [chunk] = chunks(store, scan_id)
    commit(store, scan_id, chunk, whole(chunk, otherwise=failed()))
    first = store.balances.gap_page("bsc", limit=3)
    final(store, scan_id, [result(index, "BNB", said(1)) for index in (0, 1, 2)])
    rest = store.balances.gap_page("bsc", cursor=first.next)
    assert [(gap.index, gap.asset) for gap in rest.items] == [(1, "USDT"), (2, "USDT"), (3, "BNB"), (3, "USDT")]


@pytest.mark.parametrize(
    ("q", "indices"),
    [("%", [0, 1]), ("_", [0]), ("5_%", [0]), ("!", [3]), ("AB", [1, 2]), ("/0/7", [1]), ("É", [3]), ("é", []), ("zz", [])],
)
def test_a_search_takes_every_character_for_itself_and_letters_in_any_case(store: Store, q: str, indices: list[int]) -> None:
    put(store, "btc", ("5_%", None), ("aB%", "m/0/7"), ("xAb", None), ("É!", "m/0/8"))
    for sort in Sort:
        rows = store.balances.page("btc", None, q=q, sort=sort).items
        assert sorted(row.index for row in rows) == indices


@pytest.mark.parametrize("q", ["a" * 201, "a\0", "\ud800"])
def test_what_no_address_can_hold_is_not_searched_for(store: Store, q: str) -> None:
    with pytest.raises(InputError, match="searched for"):
        store.balances.page("btc", None, q=q)


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_page_has_some_rows_and_not_too_many(store: Store, limit: int) -> None:
    for ask in (
        lambda: store.balances.page(None, None, limit=limit),
        lambda: store.balances.gap_page(None, limit=limit),
        lambda: store.scans.records(None, limit),
    ):
        with pytest.raises(InputError, match=f"a page has 1 to 1000 rows, not {limit}"):
            ask()


def test_a_cursor_is_good_for_its_own_query_alone(world: Store) -> None:
    def cursor() -> str:
        page = world.balances.page("bsc", None, q="0", sort=Sort.AMOUNT, limit=3)
        assert page.next is not None
        return page.next

    assert len(world.balances.page("bsc", None, q="0", sort=Sort.AMOUNT, cursor=cursor(), limit=5).items) == 5
    for ask in (
        lambda: world.balances.page("btc", None, q="0", sort=Sort.AMOUNT, cursor=cursor()),
        lambda: world.balances.page(None, None, q="0", sort=Sort.AMOUNT, cursor=cursor()),
        lambda: world.balances.page("bsc", "BNB", q="0", sort=Sort.AMOUNT, cursor=cursor()),
        lambda: world.balances.page("bsc", None, q="0", sort=Sort.AMOUNT, cursor=cursor(), funded=True),
        lambda: world.balances.page("bsc", None, sort=Sort.AMOUNT, cursor=cursor()),
        lambda: world.balances.page("bsc", None, q="0", cursor=cursor()),
        lambda: world.balances.gap_page("bsc", cursor=cursor()),
    ):
        with pytest.raises(InputError, match=NOT_ITS_OWN):
            ask()


def test_a_cursor_that_is_not_one_is_refused(world: Store) -> None:
    given = world.balances.page("bsc", None, limit=1).next
    assert given is not None
    assert not {"+", "/", "="} & set(given)
    query, _, at, asset, amount = msgspec.json.decode(base64.urlsafe_b64decode(given + "=="))
    forged: list[object] = [
        [query, 1, at, asset, amount],
        [query, -1, at, asset, amount],
        [query, 0, 2**70, asset, amount],
        [query, 0, -1, asset, amount],
        [query, 0, at, 2**70, amount],
        [query, 0, at, asset, "' OR 1"],
        [query, 0, at, asset, "9" * 100],
        [query, 0, at, asset, amount, 1],
        [query, 0, str(at), asset, amount],
        {"query": query},
        None,
    ]
    cursors = [base64.urlsafe_b64encode(msgspec.json.encode(each)).decode().rstrip("=") for each in forged]
    for cursor in ("", "=", "a", "é", given[1:], given[:-3], given + "AAAA", "[" * 5000, *cursors):
        with pytest.raises(InputError, match=NOT_ITS_OWN):
            world.balances.page("bsc", None, cursor=cursor)


def test_a_page_tells_the_newest_contract_of_a_symbol_alone(store: Store, path: Path) -> None:
    fill(store, 2)
    scan_id = begin(store, 2)
    [chunk] = chunks(store, scan_id)
    commit(store, scan_id, chunk, whole(chunk, otherwise=said(3)))
    execute(
        path, "INSERT INTO asset (chain, symbol, contract, decimals) SELECT chain, symbol, '0xnew', 6 FROM asset WHERE id = 3"
    )
    assert [row.amount for row in store.balances.page("bsc", "USDT", sort=Sort.AMOUNT).items] == ["3", "3"]
    with Store.open(f"sqlite:///{path}", Network.MAINNET, create=False) as reader:
        rows = reader.balances.page("bsc", "USDT", sort=Sort.AMOUNT).items
        assert [(row.amount, row.decimals, row.state) for row in rows] == [(None, 6, BalanceState.UNREAD)] * 2
        [total] = reader.balances.totals("bsc", "USDT")
        assert (total.amount, total.read, total.unread) == (None, 0, 2)


def test_scans_come_newest_first(store: Store) -> None:
    fill(store, 2)
    put(store, "btc", ("bc1q", None))
    assert store.scans.records() == []
    assert store.scans.record(1) is None
    begin(store, 2)
    plans = [ChainPlan("bsc", ("USDT",), ((0, 2),), 2), ChainPlan("btc", ("BTC",), ((0, 1),), 1)]
    for seconds in (0.5, 60.0):
        store.scans.begin(plans, NOW + seconds)
    store.scans.set_status(3, "bsc", Status.FAILED, "nobody answers", NOW + 61)
    records = store.scans.records()
    assert [(record.scan_id, record.began_at) for record in records] == [
        (3, "2023-11-14T22:14:20.000Z"),
        (2, "2023-11-14T22:13:20.500Z"),
        (1, "2023-11-14T22:13:20.000Z"),
    ]
    assert [record.chains for record in records] == [store.scans.scan(3), store.scans.scan(2), store.scans.scan(1)]
    assert [[chain.chain for chain in record.chains] for record in records] == [["btc", "bsc"], ["btc", "bsc"], ["bsc"]]
    assert store.scans.records(3, 1) == [records[1]]
    assert store.scans.records(1) == store.scans.records(-(2**70)) == []
    assert store.scans.records(2**70, 2) == records[:2]
    assert [store.scans.record(scan_id) for scan_id in (0, 1, 2, 3, 4, 2**70)] == [None, *records[::-1], None, None]
