"""What a scan finds of branches, and the addresses that it adds to them."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from hdscan.model.errors import ReadCode, StoreError
from hdscan.model.reading import Balance, BalanceResult, Reading, Unread, use_of
from hdscan.model.scan import ChainPlan, ChainScan
from hdscan.model.wallet import Role
from hdscan.store import Block, BranchState, Store

from .wallet import (
    ASSETS,
    NOW,
    address,
    branch,
    chunks,
    commit,
    dump,
    execute,
    failed,
    final,
    found,
    listed,
    result,
    said,
    whole,
)

UNUSED = Balance(0, None, 1000, NOW, "esplora", used=False)
MUTE = said(0)  # a source that does not tell use
SPENT = Balance(0, None, 1000, NOW, "esplora", used=True)


def scan(store: Store, *wallets: str, symbols: Sequence[str] = ("BNB",), chunk: int = 100) -> int:
    """Begin a scan of some wallets, or of all."""
    ranges = tuple(store.wallets.ranges("bsc", wallets or None))
    return store.scans.begin([ChainPlan("bsc", tuple(symbols), ranges, chunk, wallets=wallets)], NOW)


def read(store: Store, scan_id: int, outcomes: dict[int, Balance | Unread], otherwise: Balance | Unread = UNUSED) -> None:
    """Commit every chunk of a scan of BNB; outcomes by the number of the address."""
    by_text = {address(number): each for number, each in outcomes.items()}
    for chunk in chunks(store, scan_id):
        results = [
            BalanceResult(Reading(each.index, each.text, ASSETS["BNB"]), by_text.get(each.text, otherwise))
            for each in store.addresses.between("bsc", chunk.first, chunk.stop)
        ]
        assert commit(store, scan_id, chunk, results) is not None


def states(store: Store, scan_id: int) -> list[tuple[int | None, list[int], bool]]:
    """Of every branch how far it is used, the positions of which that is not known, and whether its end is known."""
    found = store.wallets.branches(scan_id, "bsc")
    return [(each.used_to, [at.position for at in each.unknown], each.ended) for each in found]


def state(store: Store, scan_id: int, number: int = 0) -> BranchState:
    return store.wallets.branches(scan_id, "bsc")[number]


def uses(path: Path) -> list[bool | None]:
    """Whether every address is used, as the database has it."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT max(used) FROM balance GROUP BY address_id ORDER BY address_id").fetchall()
    return [None if used is None else bool(used) for (used,) in rows]


def provisional(numbers: Iterable[int], outcome: Balance | Unread = UNUSED, symbol: str = "BNB") -> list[BalanceResult]:
    """Readings of addresses that the store does not number yet."""
    return [BalanceResult(Reading(2**31 + i, address(n), ASSETS[symbol]), outcome) for i, n in enumerate(numbers)]


def add(
    store: Store, scan_id: int, block: Block, results: Sequence[BalanceResult], uses: Sequence[BalanceResult] = ()
) -> ChainScan | None:
    method = store.wallets.commit_block
    return method(scan_id, "bsc", block, results, worker="here:1", now=NOW, seconds=1.0, requests=2, uses=uses)


def told(number: int, index: int, count: int, source: str = "esplora") -> BalanceResult:
    return BalanceResult(Reading(index, address(number), use_of("bsc")), Balance(count, None, None, NOW, source))


def tell(store: Store, scan_id: int, *uses: BalanceResult) -> ChainScan:
    return store.wallets.commit_use(scan_id, "bsc", uses, now=NOW, seconds=0.5, requests=1)


def block(store: Store, scan_id: int, numbers: Iterable[int], at: int = 0) -> Block:
    """The next addresses of a branch."""
    each = state(store, scan_id, at)
    return Block(each.id, each.length, tuple(map(address, numbers)))


# -- use


def test_an_end_is_known_once_the_gap_after_the_last_used_address_is(store: Store) -> None:
    store.wallets.add("savings", found(branch(range(5)), branch(range(10, 13), role=Role.CHANGE)), NOW)
    scan_id = scan(store)
    assert states(store, scan_id) == [(None, [0, 1, 2, 3, 4], False), (None, [0, 1, 2], False)]
    read(store, scan_id, {1: SPENT, 12: said(5), 3: MUTE})
    assert states(store, scan_id) == [(1, [3], False), (2, [], False)]
    [at] = state(store, scan_id).unknown
    assert (at.position, at.index, at.address) == (3, 3, address(3))
    tell(store, scan_id, told(3, 3, 0))
    assert states(store, scan_id) == [(1, [], True), (2, [], False)]
    tell(store, scan_id, told(3, 3, 9), told(4, 4, 0))
    assert states(store, scan_id)[0] == (3, [], False)


def test_a_token_or_an_unconfirmed_amount_makes_an_address_used(store: Store, path: Path) -> None:
    store.wallets.add("savings", found(branch(range(4))), NOW)
    scan_id = scan(store, symbols=("BNB", "USDT"))
    [chunk] = chunks(store, scan_id)
    pending = msgspec.structs.replace(said(0), unconfirmed=-3)
    commit(store, scan_id, chunk, whole(chunk, {(1, "USDT"): said(7), (2, "BNB"): pending}, otherwise=UNUSED))
    assert states(store, scan_id) == [(2, [], False)]
    assert uses(path) == [False, True, True, False]
    assert store.wallets.rows()[0].used == 2


def test_what_could_not_be_read_is_not_unused(store: Store) -> None:
    store.wallets.add("savings", found(branch(range(4))), NOW)
    read(store, scan(store), {})
    scan_id = scan(store)
    assert states(store, scan_id) == [(None, [0, 1, 2, 3], False)]  # what the scan before read says nothing
    read(store, scan_id, {1: failed()})
    assert states(store, scan_id) == [(None, [1], False)]
    tell(store, scan_id, told(1, 1, 0))  # its amount is not known
    assert states(store, scan_id) == [(None, [1], False)]
    [row] = store.wallets.rows()[0].branches
    assert (row.used_to, row.unknown, row.ended) == (None, 1, False)
    final(store, scan_id, [result(1, "BNB", MUTE)])
    tell(store, scan_id, told(1, 1, 0))
    assert states(store, scan_id) == [(None, [], True)]


def test_once_used_is_always_used_and_an_older_zero_is_replaced(store: Store, path: Path) -> None:
    store.wallets.add("savings", found(branch(range(4))), NOW)
    scan_id = scan(store)
    read(store, scan_id, {0: SPENT})
    assert uses(path) == [True, False, False, False]
    read(store, scan(store), {}, MUTE)
    assert uses(path) == [True, None, None, None]


def test_a_zero_that_this_very_scan_was_told_stays(store: Store) -> None:
    store.wallets.add("savings", found(branch(range(3))), NOW)
    scan_id = scan(store)
    read(store, scan_id, {}, MUTE)
    tell(store, scan_id, *(told(i, i, 0) for i in range(3)))
    later = msgspec.structs.replace(MUTE, observed_at=NOW + 9)
    store.scans.commit_partial(scan_id, "bsc", [result(1, "BNB", later)], now=NOW)
    assert states(store, scan_id) == [(None, [], True)]


@pytest.mark.parametrize("height", [None, 1000])
def test_what_a_quarantined_source_said_of_use_is_forgotten(store: Store, path: Path, height: int | None) -> None:
    store.wallets.add("savings", found(branch(range(5))), NOW)
    read(store, scan(store), {3: msgspec.structs.replace(SPENT, source="honest")})
    scan_id = scan(store)
    read(store, scan_id, {0: msgspec.structs.replace(SPENT, source="liar"), 1: SPENT}, msgspec.structs.replace(MUTE, height=1))
    tell(store, scan_id, told(2, 2, 0, "liar"), told(4, 4, 0))
    assert states(store, scan_id) == [(3, [], False)]
    store.audits.retract(scan_id, "bsc", "liar", "wrong", NOW, code=ReadCode.WRONG_CHAIN, height=height)
    used = uses(path)
    assert used == [False, True, None, True, False]  # of 0 what the scan before was told, beside its gap
    assert states(store, scan_id) == [(3, [], False)]
    assert store.check() == []
    store.audits.retract(scan_id, "bsc", "honest", "wrong", NOW, code=ReadCode.WRONG_CHAIN, height=height)
    assert state(store, scan_id).used_to == (3 if height else 1)


# -- blocks


def test_a_block_extends_its_branch_and_the_scan(store: Store, path: Path) -> None:
    store.wallets.add("savings", found(branch(range(3)), branch(range(10, 13), role=Role.CHANGE)), NOW)
    scan_id = scan(store)
    read(store, scan_id, {2: said(5)})
    record = add(store, scan_id, block(store, scan_id, range(3, 7)), provisional(range(3, 7), said(7)))
    assert record is not None
    assert (record.addresses, record.readings, record.read, record.unread, record.funded) == (10, 10, 10, 0, 5)
    assert (record.seconds, record.requests) == (2.5, 5)
    assert (state(store, scan_id).length, state(store, scan_id).used_to) == (7, 6)
    record = add(store, scan_id, block(store, scan_id, range(7, 10)), provisional(range(7, 10)))
    assert states(store, scan_id) == [(6, [], True), (None, [], True)]
    assert store.wallets.ranges("bsc") == [(0, 13)]
    paths = {each.text: each.path for each in store.addresses.between("bsc", 0, 99)}
    assert paths[address(9)] == "m/0/9"
    assert store.check() == []
    before = dump(path)
    assert add(store, scan_id, Block(state(store, scan_id).id, 7, (address(7),)), provisional([7])) is None
    assert dump(path) == before
    read(store, scan(store), {})
    assert store.scans.latest("bsc") == msgspec.structs.replace(record, scan_id=scan_id + 1, funded=0, seconds=1.5, requests=3)


def test_an_unread_address_of_a_block_is_a_gap_of_the_scan(store: Store) -> None:
    store.wallets.add("savings", found(branch(range(3))), NOW)
    scan_id = scan(store)
    read(store, scan_id, {})
    record = add(store, scan_id, block(store, scan_id, [3]), provisional([3], failed()))
    assert record is not None
    assert (record.read, record.unread) == (3, 1)
    assert [(each.index, symbol) for each, symbol in store.scans.gaps(scan_id, "bsc", None, 9)] == [(3, "BNB")]
    record = final(store, scan_id, [result(3, "BNB", SPENT)])
    assert (record.read, record.unread) == (4, 0)
    assert states(store, scan_id) == [(3, [], False)]


def test_use_that_was_asked_for_comes_with_the_block(store: Store) -> None:
    store.wallets.add("savings", found(branch(range(3))), NOW)
    scan_id = scan(store)
    read(store, scan_id, {})
    uses = [told(3, 7, 0), told(4, 8, 2)]
    add(store, scan_id, block(store, scan_id, [3, 4]), provisional([3, 4], MUTE), uses=uses)
    assert states(store, scan_id) == [(4, [], False)]


def test_addresses_that_the_scan_covers_become_members_alone(store: Store, path: Path) -> None:
    store.wallets.add("list", listed([4, 99, 6]), NOW)
    store.wallets.add("savings", found(branch(range(3))), NOW)
    scan_id = scan(store)
    read(store, scan_id, {4: said(3), 6: failed("down")})
    record = add(store, scan_id, block(store, scan_id, range(3, 8)), provisional(range(3, 8)))
    assert record is not None
    assert (record.addresses, record.read, record.unread, record.funded) == (9, 8, 1, 1)
    rows = {row.address: (row.amount, row.error) for row in store.balances.rows("bsc", "BNB")}
    assert (rows[address(4)], rows[address(6)]) == (("3", None), (None, "down"))
    assert states(store, scan_id) == [(4, [6], False)]
    assert store.wallets.ranges("bsc", ["savings"]) == [(0, 1), (2, 9)]
    assert store.check() == []


def test_addresses_that_another_scan_read_are_read_anew(store: Store) -> None:
    store.wallets.add("list", listed([3, 4]), NOW)
    store.wallets.add("savings", found(branch(range(3))), NOW)
    read(store, scan(store), {4: said(3), 3: failed("down")})
    scan_id = scan(store, "savings")
    read(store, scan_id, {})
    record = add(store, scan_id, block(store, scan_id, range(3, 6)), provisional(range(3, 6), said(8)))
    assert record is not None
    assert (record.addresses, record.read, record.unread, record.funded) == (6, 6, 0, 3)
    assert {row.amount for row in store.balances.rows("bsc", "BNB")} == {"0", "8"}
    assert list(store.balances.gaps()) == []
    assert store.check() == []


@pytest.mark.parametrize(
    "results",
    [
        provisional([3]),
        provisional([3, 4, 5]),
        provisional([3, 3]),
        provisional([3, 5]),
        provisional([3, 4], symbol="USDT"),
    ],
)
def test_a_block_of_other_readings_is_refused_whole(store: Store, path: Path, results: list[BalanceResult]) -> None:
    store.wallets.add("savings", found(branch(range(3))), NOW)
    scan_id = scan(store)
    read(store, scan_id, {})
    before = dump(path)
    with pytest.raises(StoreError):
        add(store, scan_id, block(store, scan_id, [3, 4]), results)
    assert dump(path) == before


def test_a_block_that_fails_half_way_leaves_nothing(store: Store, path: Path) -> None:
    store.wallets.add("savings", found(branch(range(3))), NOW)
    scan_id = scan(store)
    read(store, scan_id, {})
    next_block = block(store, scan_id, [3, 4])
    execute(path, "CREATE TRIGGER full BEFORE UPDATE OF read ON scan_chain BEGIN SELECT RAISE(FAIL, 'no'); END")
    before = dump(path)
    with pytest.raises(StoreError):
        add(store, scan_id, next_block, provisional([3, 4]))
    assert dump(path) == before
    execute(path, "DROP TRIGGER full")
    assert add(store, scan_id, next_block, provisional([3, 4])) is not None
    assert store.check() == []


def test_a_dormant_branch_wakes_with_its_first_block(store: Store) -> None:
    store.wallets.add("seed", found(branch(range(3)), branch((), account=1, source="second", dormant=True)), NOW)
    scan_id = scan(store)
    read(store, scan_id, {})
    second = state(store, scan_id, 1)
    assert (second.dormant, second.length, second.source, second.account, second.unknown) == (True, 0, "second0", 1, ())
    assert "second" not in repr(second)
    add(store, scan_id, block(store, scan_id, range(20, 23), 1), provisional(range(20, 23)))
    assert (state(store, scan_id, 1).dormant, states(store, scan_id)[1]) == (False, (None, [], True))
    store.wallets.remove("seed")
    assert add(store, scan_id, Block(second.id, 3, (address(23),)), provisional([23])) is None


# -- which wallets


def test_a_scan_has_the_wallets_that_there_were(store: Store) -> None:
    store.wallets.add("a", found(branch(range(3))), NOW)
    store.wallets.add("b", listed(range(10, 13)), NOW)
    scan_id = scan(store)
    store.wallets.add("c", found(branch(range(20, 23), source="other")), NOW)
    assert [each.wallet for each in store.wallets.branches(scan_id, "bsc")] == ["a"]
    assert store.scans.covers(scan_id, "bsc", ["a", "b"])
    assert not store.scans.covers(scan_id, "bsc", [])
    assert not store.scans.covers(scan_id, "bsc", ["a"])
    only = scan(store, "c")
    assert [each.wallet for each in store.wallets.branches(only, "bsc")] == ["c"]
    assert [(chunk.first, chunk.stop) for chunk in chunks(store, only)] == [(6, 9)]
    assert store.scans.covers(only, "bsc", ["c"])
    store.wallets.remove("c")
    assert store.wallets.branches(only, "bsc") == []
    store.wallets.add("c", found(branch(range(20, 23), source="other")), NOW)
    assert store.wallets.branches(only, "bsc") == []


def test_a_plan_made_before_a_wallet_came_does_not_cover_it(store: Store) -> None:
    store.wallets.add("a", found(branch(range(3))), NOW)
    plan = ChainPlan("bsc", ("BNB",), tuple(store.wallets.ranges("bsc")), 2)
    store.wallets.add("b", found(branch(range(2, 6), source="other")), NOW)
    scan_id = store.scans.begin([plan], NOW)
    assert [each.wallet for each in store.wallets.branches(scan_id, "bsc")] == ["a"]


def test_a_scan_of_one_wallet_leaves_the_gaps_of_others(store: Store) -> None:
    store.wallets.add("a", listed(range(3)), NOW)
    store.wallets.add("b", listed(range(2, 5)), NOW)
    read(store, scan(store), {0: failed("down"), 3: failed("down"), 4: said(9)})
    read(store, scan(store, "a"), {2: failed("late")})
    rows = {row.index: (row.state, row.error) for row in store.balances.rows("bsc", "BNB")}
    assert rows == {
        0: ("read", None),
        1: ("read", None),
        2: ("stale", "late"),
        3: ("unread", "down"),
        4: ("read", None),
    }
    read(store, scan(store), {})
    assert {row.state for row in store.balances.rows("bsc", "BNB")} == {"read"}


def test_open_ends_are_those_of_the_last_scan_that_asked(store: Store) -> None:
    store.wallets.add("a", found(branch(range(3)), branch(range(5, 8), role=Role.CHANGE)), NOW)
    store.wallets.add("b", found(branch(range(20, 23), source="other")), NOW)
    scan_id = scan(store)
    read(store, scan_id, {1: failed(), 21: failed()})
    first, _, other = store.wallets.branches(scan_id, "bsc")
    assert store.scans.set_open_ends(scan_id, "bsc", {first.id: "", other.id: "add a source"}).open_ends == 2
    assert [each.open_end for each in store.wallets.branches(scan_id, "bsc")][::2] == [
        "receiving branch of 'a' (bip84): read to 0, the end of use is not known: 1 unread",
        "receiving branch of 'b' (bip84): read to 0, the end of use is not known: 1 unread; add a source",
    ]
    again = scan(store, "a")
    read(store, again, {})
    assert store.scans.set_open_ends(again, "bsc", {}).open_ends == 0
    assert store.scans.latest("bsc") == store.scans.set_open_ends(again, "bsc", {})
