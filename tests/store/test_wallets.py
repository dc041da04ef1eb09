import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from hdscan.model.chain import Network
from hdscan.model.errors import InputError, StoreError
from hdscan.model.wallet import Found, Label, Listed, Role, WalletKind
from hdscan.store import Added, Store, migrate

from .wallet import NOW, address, begin, branch, chunks, commit, found, listed, open_store, said, whole

SOURCE = "wpkh(xpub-canary/0/*)"


def test_a_list_is_one_range_whatever_its_order(store: Store, path: Path) -> None:
    numbers = [7, 3, 3, 0, 9, 1]
    assert store.wallets.add("mine", listed(numbers), NOW) == Added("mine", 5, 1, ("bsc",))
    assert store.wallets.ranges("bsc") == store.wallets.ranges("bsc", ["mine"]) == [(0, 5)]
    assert [each.text for each in store.addresses.between("bsc", 0, 9)] == [address(n) for n in (7, 3, 0, 9, 1)]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM member").fetchone() == (1,)


def test_a_list_between_known_addresses_has_just_its_own(store: Store) -> None:
    store.wallets.add("evens", listed(range(0, 20, 2)), NOW)
    assert store.wallets.add("low", listed(range(8)), NOW) == Added("low", 4, 4, ("bsc",))
    assert store.wallets.ranges("bsc", ["evens"]) == [(0, 10)]
    assert store.wallets.ranges("bsc", ["low"]) == [(0, 4), (10, 14)]
    assert store.wallets.ranges("bsc") == [(0, 14)]
    assert store.wallets.names_of("bsc", address(2)) == ("evens", "low")
    assert store.wallets.names_of("bsc", address(1)) == ("low",)
    assert store.wallets.names_of("bsc", address(99)) == store.wallets.names_of("doge", "D") == ()


def test_the_same_list_twice_adds_nothing_and_a_longer_one_the_rest(store: Store) -> None:
    store.wallets.add("mine", listed(range(3)), NOW)
    assert store.wallets.add("mine", listed(range(3)), NOW) == Added("mine", 0, 3, ("bsc",))
    assert store.wallets.add("mine", listed(range(5)), NOW) == Added("mine", 2, 3, ("bsc",))
    assert store.wallets.ranges("bsc", ["mine"]) == [(0, 5)]
    assert [row.name for row in store.wallets.rows()] == ["mine"]


def test_a_list_goes_to_every_chain_that_it_names(store: Store) -> None:
    both = Found(kind=WalletKind.ADDRESSES, what="", listed=[Listed("btc", "1"), Listed("bsc", "0xa"), Listed("btc", "2")])
    assert store.wallets.add("both", both, NOW) == Added("both", 3, 0, ("btc", "bsc"))
    assert (store.wallets.ranges("btc"), store.wallets.ranges("bsc")) == ([(0, 2)], [(0, 1)])
    [row] = store.wallets.rows()
    assert (row.name, row.kind, row.chains, row.addresses, row.unread) == ("both", "addresses", ("btc", "bsc"), 3, 4)
    with pytest.raises(StoreError, match="'doge'"):
        store.wallets.add("dogs", Found(kind=WalletKind.ADDRESSES, what="", listed=[Listed("doge", "D")]), NOW)
    assert len(store.wallets.rows()) == 1


def test_a_list_that_fails_half_way_adds_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hdscan.store.adding.BATCH", 2)
    seen: list[int] = []

    def items() -> Iterator[Listed]:
        yield from (Listed("bsc", address(i)) for i in range(5))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.wallets.add("mine", Found(kind=WalletKind.ADDRESSES, what="", listed=items()), NOW, seen.append)
    assert seen == [2, 4]
    assert (store.wallets.rows(), store.addresses.count("bsc")) == ([], 0)


def test_a_wallet_has_its_branches_in_order_with_paths(store: Store) -> None:
    store.wallets.add("list", listed([101, 3]), NOW)
    made = store.wallets.add("savings", found(branch(range(100, 103)), branch(range(200, 202), role=Role.CHANGE)), NOW)
    assert made == Added("savings", 4, 1, ("bsc",))
    by_text = {each.text: (each.index, each.path) for each in store.addresses.between("bsc", 0, 99)}
    assert by_text[address(101)] == (0, "m/0/1")
    assert by_text[address(201)] == (5, "m/1/1")
    assert store.wallets.ranges("bsc", ["savings"]) == [(0, 1), (2, 6)]
    [row] = store.wallets.rows("savings")
    receive, change = row.branches
    assert (receive.role, receive.first, receive.addresses, receive.used_to) == ("receive", address(100), 3, None)
    assert (change.role, change.first, change.addresses, change.unknown, change.ended) == ("change", address(200), 2, 2, False)
    assert SOURCE not in repr(row)


def test_the_same_sources_add_nothing_under_their_name_and_are_refused_under_another(store: Store) -> None:
    savings = found(branch(range(3)), branch(range(10, 13), role=Role.CHANGE))
    store.wallets.add("savings", savings, NOW)
    assert store.wallets.add("savings", savings, NOW) == Added("savings", 0, 6, ("bsc",))
    for again in (savings, found(branch(range(3))), found(branch(range(3), source=None))):
        with pytest.raises(InputError, match="the wallet 'savings'"):
            store.wallets.add("other", again, NOW)
    with pytest.raises(InputError, match="'savings' of other sources"):
        store.wallets.add("savings", found(branch(range(50, 53), source="other")), NOW)
    with pytest.raises(InputError, match="'savings' of other sources"):
        store.wallets.add("savings", listed(range(3)), NOW)
    other = found(branch(range(50, 53), source="other"))
    assert store.wallets.add("savings", other, NOW, numbered=True).name == "savings 2"
    assert store.wallets.add("savings", other, NOW, numbered=True) == Added("savings 2", 0, 3, ("bsc",))
    assert store.wallets.ranges("bsc", ["savings"]) == [(0, 6)]


def test_two_styles_that_begin_with_the_same_address_are_two(store: Store) -> None:
    store.wallets.add("one", found(branch([5, 6, 7], source=None)), NOW)
    assert store.wallets.add("two", found(branch([5, 8, 9], source=None)), NOW).added == 2
    assert store.wallets.add("three", found(branch([5, 6, 7], source=None), branch([5, 8, 9], source=None)), NOW).added == 0
    [row] = store.wallets.rows("three")
    assert (row.addresses, [each.addresses for each in row.branches]) == (5, [3, 3])


def test_more_of_a_wallet_is_added_to_it(store: Store) -> None:
    sleeping = branch((), account=1, source="second", dormant=True)
    store.wallets.add("seed", found(branch(range(3)), sleeping), NOW)
    assert [each.first for each in store.wallets.rows("seed")[0].branches] == [address(0), None]
    more = found(branch(range(5), gap=40), branch(range(30, 33), account=1, source="second"))
    assert store.wallets.add("seed", more, NOW) == Added("seed", 5, 3, ("bsc",))
    first, second = store.wallets.rows("seed")[0].branches
    assert (first.addresses, first.gap, second.first, second.addresses) == (5, 40, address(30), 3)
    store.wallets.add("seed", found(branch(range(5))), NOW)
    assert store.wallets.rows("seed")[0].branches[0].gap == 40, "said once, it need not be said again"
    store.wallets.add("seed", found(branch(range(3), source=None), sleeping), NOW)
    assert [each.kept for each in store.wallets.rows("seed")[0].branches] == [False, True]
    [(receive,), (awake,)] = store.wallets.sources("seed")
    assert (receive.source, awake.source, awake.dormant, awake.addresses) == (None, "second0", False, ())


def test_a_name_is_taken_once_and_can_be_changed(store: Store) -> None:
    store.wallets.add(" one ", listed(range(2)), NOW)
    store.wallets.add("two", listed(range(1, 3)), NOW)
    store.wallets.rename("one", "1")
    assert [row.name for row in store.wallets.rows()] == ["1", "two"]
    store.wallets.rename("1", "1")
    for bad, why in (
        ("two", "'two' already"),
        ("", "1 to 100"),
        ("x" * 101, "1 to 100"),
        ("a\nb", "printable"),
        ("..", "neither"),
    ):
        with pytest.raises(InputError, match=why):
            store.wallets.rename("1", bad)
    with pytest.raises(InputError, match=r"no wallet 'one'; it can be one of 1, two$"):
        store.wallets.rename("one", "x")
    for read in (store.wallets.rows, store.wallets.labels, store.wallets.sources, store.wallets.remove):
        with pytest.raises(InputError, match="no wallet 'one'"):
            read("one")
    with pytest.raises(InputError, match="no wallet 'one'"):
        store.wallets.ranges("bsc", ["one"])


def test_a_removed_wallet_leaves_what_others_share_and_comes_back_as_it_was(store: Store) -> None:
    store.wallets.add("a", found(branch(range(4))), NOW)
    store.wallets.add("b", listed(range(2, 6)), NOW)
    scan_id = begin(store, 6, chunk=6)
    [chunk] = chunks(store, scan_id)
    commit(store, scan_id, chunk, whole(chunk, otherwise=said(5)))
    store.wallets.remove("a")
    assert (store.wallets.ranges("bsc"), store.wallets.chains()) == ([(2, 6)], {"bsc"})
    assert store.addresses.count("bsc") == 4
    assert {row.index for row in store.balances.rows("bsc")} == {2, 3, 4, 5}
    store.wallets.remove("b")
    assert (list(store.balances.rows("bsc")), store.wallets.ranges("bsc"), store.wallets.chains()) == ([], [], set())
    assert store.wallets.label(address(0), "of nobody") == 0
    only_labels = Found(kind=WalletKind.ADDRESSES, what="", labels=(Label(address(1), "of nobody"),))
    assert store.wallets.add("labels", only_labels, NOW).labels == 0
    assert store.wallets.add("a", found(branch(range(4))), NOW) == Added("a", 0, 4, ("bsc",))
    assert {(row.index, row.amount) for row in store.balances.rows("bsc")} == {(i, "5") for i in range(4)}


def test_labels_come_with_a_source_and_by_hand(store: Store) -> None:
    rows = [Listed("bsc", address(0), "rent"), Listed("bsc", address(1)), Listed("btc", address(0))]
    store.wallets.add("list", Found(kind=WalletKind.ADDRESSES, what="", listed=rows), NOW)
    assert store.wallets.labels("list") == [Label(address(0), "rent")]
    assert store.wallets.label(address(0), " Miete ") == 2
    assert store.wallets.label(address(1), "gifts", "bsc") == 1
    assert store.wallets.label(address(9), "nobody") == 0
    assert store.wallets.labels("list") == [Label(address(0), "Miete"), Label(address(1), "gifts")]
    only_labels = Found(kind=WalletKind.ADDRESSES, what="", labels=(Label(address(1), "y" * 300), Label(address(7), "x")))
    assert store.wallets.add("labels", only_labels, NOW) == Added("labels", 0, 0, (), 1)
    assert [row.name for row in store.wallets.rows()] == ["list"]
    assert store.wallets.labels("list")[-1] == Label(address(1), "y" * 255)
    assert store.wallets.label(address(0), None, "btc") == 1
    assert store.wallets.label(address(0), None) == 1
    assert store.wallets.labels("list") == [Label(address(1), "y" * 255)]
    with pytest.raises(InputError, match="1 to 255"):
        store.wallets.label(address(0), "a\nb")


def test_a_source_is_in_no_error(store: Store, path: Path) -> None:
    made = found(branch(range(3), source=SOURCE))
    assert SOURCE not in repr(made)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TRIGGER full BEFORE INSERT ON branch BEGIN SELECT RAISE(FAIL, 'no'); END")
    with pytest.raises(StoreError) as caught:
        store.wallets.add("savings", made, NOW)
    assert caught.value.__cause__ is not None
    assert "canary" not in f"{caught.value} {caught.value.__cause__}"


def test_addresses_of_an_older_database_become_the_wallet_imported(path: Path) -> None:
    open_store(path).close()
    engine = create_engine(f"sqlite:///{path.with_name('old.db')}")
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(migrate.MIGRATIONS.parent / "alembic"))
        config.set_main_option("version_locations", str(migrate.MIGRATIONS))
        config.set_main_option("path_separator", "newline")
        command.upgrade(config, "0005")
        for statement in (
            "INSERT INTO meta VALUES ('network', 'mainnet')",
            "INSERT INTO chain VALUES (1, 'btc'), (2, 'bsc')",
            "INSERT INTO asset VALUES (1, 2, 'BNB', '', 18)",
            "INSERT INTO source VALUES (1, 'node')",
            "INSERT INTO scan VALUES (1, 0.0)",
            "INSERT INTO scan_chain VALUES (1, 2, 'completed', '[1]', 3, 3, 3, 0, 2, 0.0, 0, NULL, 0.0)",
            "INSERT INTO chunk VALUES (1, 2, 0, 0, 3, 0.0, 'me')",
            *(f"INSERT INTO address VALUES ({(2 << 32) + i}, 2, '{address(i)}', NULL)" for i in range(3)),
            "INSERT INTO address SELECT (1 << 32) + 0, 1, 'bc1q', NULL",
            *(f"INSERT INTO balance VALUES ({(2 << 32) + i}, 1, '{i}', NULL, 7, 0.0, 1, 1, NULL, NULL)" for i in range(3)),
        ):
            connection.exec_driver_sql(statement)
    engine.dispose()
    with open_store(path.with_name("old.db")) as store:
        [row] = store.wallets.rows()
        assert (row.name, row.kind, row.chains, row.addresses) == ("imported", "addresses", ("btc", "bsc"), 4)
        assert (row.used, row.funded) == (2, 2)
        assert (store.wallets.ranges("btc"), store.wallets.ranges("bsc")) == ([(0, 1)], [(0, 3)])
        assert store.check() == []
    with Store.open(f"sqlite:///{path}", Network.MAINNET) as empty:
        assert empty.wallets.rows() == []
