import os
import re
import shutil
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from hdscan.model.chain import Network
from hdscan.model.errors import LockedError, StoreError
from hdscan.store import Store, migrate
from hdscan.store.database import DIALECTS
from tests.store import schema

from .conftest import URLS
from .wallet import address, begin, chunks, commit, dump, execute, fill, open_store, whole

NOBODY = 65534


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def unprivileged(directory: Path) -> Iterator[None]:
    """Permissions bind: as root, become nobody for a while, who owns what is in the directory."""
    if os.geteuid() != 0:
        yield
        return
    for each in (directory, *directory.rglob("*")):
        os.chown(each, NOBODY, NOBODY)
    modes = {parent: mode(parent) for parent in directory.parents if mode(parent) & 0o011 != 0o011}
    for parent, bits in modes.items():
        parent.chmod(bits | 0o011)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        for parent, bits in modes.items():
            parent.chmod(bits)


def refusal(path: Path, *, network: Network = Network.MAINNET, create: bool = True) -> str:
    with pytest.raises(StoreError) as caught:
        Store.open(f"sqlite:///{path}", network, create=create)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_new_files_are_private_and_so_are_new_directories(tmp_path: Path) -> None:
    path = tmp_path / "some" / "where" / "hdscan.db"
    with open_store(path) as store, store.writer_lock("scan"):
        fill(store, 3)
        files = sorted(path.parent.iterdir())
        assert [file.name for file in files] == ["hdscan.db", "hdscan.db-shm", "hdscan.db-wal", "hdscan.db.lock"]
        assert {mode(file) for file in files} == {0o600}
        assert {mode(tmp_path / "some"), mode(tmp_path / "some" / "where")} == {0o700}
        assert store.check() == []


def test_what_was_stored_is_there_after_a_restart(path: Path) -> None:
    with open_store(path) as store:
        fill(store, 3)
    with Store.open(f"sqlite:///{path}", Network.MAINNET, create=False) as store:
        assert [a.text for a in store.addresses.between("bsc", 0, 9)] == [address(0), address(1), address(2)]


# such an index is compared below, by its statement
@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_migrations_make_the_tables_of_the_schema(path: Path, tmp_path: Path) -> None:
    open_store(path).close()
    by_metadata = create_engine(f"sqlite:///{tmp_path / 'metadata.db'}")
    schema.metadata.create_all(by_metadata)
    statements = []
    for engine in (create_engine(f"sqlite:///{path}"), by_metadata):
        with engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
            rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE tbl_name <> 'alembic_version'")
            # a column that was added stands in the line of the one before
            lines = {name: re.sub(r", (?=[a-z]\w* [A-Z]+,)", "\n", sql or "").splitlines() for name, sql in rows}
            statements.append({name: sorted(line.strip(" \t,") for line in each) for name, each in lines.items()})
        engine.dispose()
    assert statements[0] == statements[1]


def test_two_that_make_the_same_database_at_once_both_get_it(path: Path) -> None:
    barrier, failures = threading.Barrier(4), list[BaseException]()

    def make() -> None:
        barrier.wait()
        try:
            open_store(path).close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with open_store(path) as store:
        assert store.check() == []


def test_an_empty_file_becomes_a_database(path: Path) -> None:
    path.touch()
    with open_store(path) as store:
        assert store.scans.records() == []


def test_a_reader_finds_nothing_where_nothing_is_and_makes_nothing(path: Path) -> None:
    assert "there is no database" in refusal(path, create=False)
    assert list(path.parent.iterdir()) == []


def test_a_database_of_another_network_is_refused(path: Path) -> None:
    open_store(path).close()
    assert "mainnet" in refusal(path, network=Network.TESTNET)
    open_store(path).close()


def test_a_directory_is_refused(path: Path) -> None:
    path.mkdir()
    assert "directory" in refusal(path)


def test_a_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    execute(path, "CREATE TABLE recipes (name TEXT)")
    before = path.read_bytes()
    assert "not an hdscan database" in refusal(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.write_bytes(b"Dear diary, " * 1000)
    assert "not an hdscan database" in refusal(path)
    assert path.read_bytes() == b"Dear diary, " * 1000


def test_a_damaged_database_says_so(path: Path) -> None:
    with open_store(path) as store:
        fill(store, 5000)
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * (path.stat().st_size - 8192))
    with pytest.raises(StoreError, match="damaged"), open_store(path) as store:
        store.addresses.between("bsc", 0, 5000)


def test_a_newer_database_is_refused_and_left_alone(path: Path) -> None:
    open_store(path).close()
    execute(path, "UPDATE alembic_version SET version_num = '9999'")
    before = dump(path)
    assert "newer hdscan" in refusal(path)
    assert dump(path) == before


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program has one migration more than the databases that were made before."""
    versions = tmp_path / "versions"
    shutil.copytree(migrate.MIGRATIONS, versions, ignore=shutil.ignore_patterns("__pycache__"))
    (versions / "m9999_next.py").write_text(
        "from alembic import op\n"
        f"revision, down_revision = '9999', {sorted(versions.glob('m*.py'))[-1].name[1:5]!r}\n"
        "def upgrade():\n    op.execute('CREATE TABLE next (x)')\n    op.execute('INSERT INTO next VALUES (1)')\n"
    )
    monkeypatch.setattr(migrate, "MIGRATIONS", versions)


def test_a_writer_brings_an_older_database_up_to_date(path: Path, request: pytest.FixtureRequest) -> None:
    with open_store(path) as store:
        fill(store, 3)
    request.getfixturevalue("next_version")
    assert "older schema" in refusal(path, create=False)
    with open_store(path) as store:
        assert store.addresses.count("bsc") == 3
    assert any("CREATE TABLE next" in line for line in dump(path))
    Store.open(f"sqlite:///{path}", Network.MAINNET, create=False).close()


def test_a_database_is_not_migrated_under_its_writer(path: Path, request: pytest.FixtureRequest) -> None:
    with open_store(path) as store, store.writer_lock("scan"):
        request.getfixturevalue("next_version")
        with pytest.raises(LockedError, match="hdscan scan"):
            open_store(path)


def test_a_migration_that_fails_leaves_the_database_as_it_was(path: Path, request: pytest.FixtureRequest) -> None:
    open_store(path).close()
    before = dump(path)
    request.getfixturevalue("next_version")
    script = migrate.MIGRATIONS / "m9999_next.py"
    script.write_text(script.read_text() + "    op.execute('INSERT INTO nowhere VALUES (1)')\n")
    assert "nowhere" in refusal(path)
    assert dump(path) == before


def test_a_file_without_permission_is_refused(path: Path) -> None:
    open_store(path).close()
    for bits in (0o400, 0o000):
        path.chmod(bits)
        with unprivileged(path.parent):
            assert "permissions" in refusal(path)


def test_a_directory_without_permission_is_refused(path: Path) -> None:
    open_store(path).close()
    path.parent.chmod(0o500)
    try:
        with unprivileged(path.parent):
            assert "read-only" in refusal(path)
            assert "Permission denied" in refusal(path.with_name("another.db"))
    finally:
        path.parent.chmod(0o700)


def test_every_dialect_runs_the_tests() -> None:
    assert URLS.keys() == DIALECTS.keys()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "wallet.db", "mysql://host/db"])
def test_a_url_that_names_no_file_says_what_one_looks_like(url: str) -> None:
    with pytest.raises(StoreError, match="sqlite:///path"):
        Store.open(url, Network.MAINNET)


def test_a_password_in_a_url_is_not_shown() -> None:
    with pytest.raises(StoreError) as caught:
        Store.open("postgresql://me:canary@host/db", Network.MAINNET)
    assert "canary" not in str(caught.value)


def test_doctor_finds_totals_that_differ_from_the_rows(path: Path) -> None:
    with open_store(path) as store:
        fill(store, 2)
        scan_id = begin(store, 2)
        [chunk] = chunks(store, scan_id)
        commit(store, scan_id, chunk, whole(chunk))
        assert store.check() == []
        execute(path, "UPDATE scan_chain SET read = 3, unread = 1")
        [finding] = store.check()
        assert finding.what == "the totals of scan 1 of bsc differ from its rows"
        assert finding.mend == "hdscan scan --restart"


def test_doctor_finds_rows_that_point_to_nothing(path: Path) -> None:
    with open_store(path) as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("INSERT INTO balance VALUES (7, 7, '1', NULL, NULL, 0.0, 7, 7, 7, 7, 1, 7)")
        [finding] = store.check()
        assert finding.what == f"{path} has rows that point to nothing"
        assert "backup" in finding.mend
