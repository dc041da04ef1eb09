import resource
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import make_url

from hdscan.model.errors import StoreError
from hdscan.store import Store, sqlite

from .wallet import address, begin, chunks, commit, dump, execute, fill, open_store, whole

FILL = """
import sys, signal
from hdscan.model.chain import Network
from hdscan.model.errors import StoreError
from hdscan.model.wallet import Found, Listed, WalletKind
from hdscan.store import Store
many = Found(kind=WalletKind.ADDRESSES, what="", listed=[Listed("bsc", f"0x{i:040x}") for i in range(100_000)])
with Store.open(sys.argv[1], Network.MAINNET) as store:
    try:
        store.wallets.add("many", many, 0.0)
    except StoreError as error:
        print(error.may_pass, error)
    print(store.addresses.count("bsc"))
"""


def test_a_full_disk_may_pass_and_nothing_is_lost(path: Path) -> None:
    with open_store(path) as store:
        fill(store, 3)
        scan_id = begin(store, 3)
        commit(store, scan_id, chunks(store, scan_id)[0], whole(chunks(store, scan_id)[0]))
    before = dump(path)
    limit = 1_000_000  # bytes per file: the journal of 100,000 addresses is larger

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [sys.executable, "-c", FILL, f"sqlite:///{path}"]
    done = subprocess.run(command, preexec_fn=full, capture_output=True, text=True, check=True)
    first, last = done.stdout.splitlines()
    assert first.startswith(f"True the database {path} failed: the disk")
    assert last == "3"
    assert done.stderr == ""
    assert dump(path) == before


def test_a_database_without_room_may_pass(store: Store, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, 3)
    before = dump(path)
    with store._database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="the disk is full") as caught:
        fill(store, 5000)
    assert caught.value.may_pass
    assert dump(path) == before
    with store._database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    fill(store, 5000)
    assert store.addresses.count("bsc") == 5000


def test_a_database_that_stays_locked_may_pass_while_readers_go_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.0)
    with open_store(path) as store, open_store(path) as other:
        with store._database.write():
            with pytest.raises(StoreError, match="locked for too long") as caught:
                fill(other, 3)
            assert caught.value.may_pass
            assert other.addresses.count("bsc") == 0
        fill(other, 3)
        assert store.addresses.between("bsc", 2, 3)[0].text == address(2)


def test_a_disk_that_cannot_be_read_may_pass(path: Path) -> None:
    database = sqlite.SQLite(make_url(f"sqlite:///{path}"))
    assert database.explain(None).may_pass is False

    class Broken(Exception):
        sqlite_errorname = "SQLITE_IOERR_READ"

    failure = database.explain(Broken("disk I/O error"))
    assert failure.may_pass
    assert "the disk refused" in str(failure)


def test_a_table_that_is_gone_is_named(store: Store, path: Path) -> None:
    execute(path, "DROP TABLE provider")
    with pytest.raises(StoreError, match="no such table: provider"):
        store.runtime.providers()


def test_a_lock_that_cannot_be_made_says_so(store: Store, path: Path) -> None:
    store.beside(".lock").mkdir()
    with pytest.raises(StoreError, match="lock of the database"), store.writer_lock("scan"):
        pass


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE scan_chain SET status = 'x'",
        "UPDATE scan_chain SET assets = '[1'",
        "UPDATE scan_chain SET assets = '[99]'",
        "UPDATE scan_chain SET seconds = 'x'",
        "UPDATE chunk SET stop = 9223372036854775807, done_at = 1",
    ],
)
def test_a_row_that_hdscan_did_not_write_is_said_in_one_sentence(store: Store, path: Path, damage: str) -> None:
    fill(store, 3)
    scan_id = begin(store, 3)
    commit(store, scan_id, chunks(store, scan_id)[0], whole(chunks(store, scan_id)[0]))
    execute(path, damage)
    with pytest.raises(StoreError, match=r"holds what hdscan did not write \(\w+ in a row\); keep a copy"):
        store.check()
