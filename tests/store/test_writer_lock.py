import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from hdscan.model.errors import LockedError
from hdscan.store import Store

HOLD = """
import sys
from hdscan.model.chain import Network
from hdscan.store import Store
with Store.open(sys.argv[1], Network.MAINNET) as store, store.writer_lock("serve"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_writer(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, f"sqlite:///{path}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def test_the_second_process_says_who_holds_the_lock(store: Store, path: Path) -> None:
    with another_writer(path) as process:
        with pytest.raises(LockedError) as caught, store.writer_lock("scan"):
            pytest.fail("it is held")
        assert f"process {process.pid} (hdscan serve, since 20" in str(caught.value)
        assert str(path) in str(caught.value)
        assert list(store.balances.rows()) == []  # reading goes on
        process.communicate("")
    with store.writer_lock("scan"):
        pass


def test_another_thread_may_let_go(store: Store) -> None:
    lock = store.writer_lock("scan")
    with ThreadPoolExecutor(1) as other:
        other.submit(lock.__enter__).result()
    lock.__exit__(None, None, None)
    with store.writer_lock("scan"):
        pass


def test_a_killed_writer_lets_go(store: Store, path: Path) -> None:
    with another_writer(path) as process:
        process.kill()
        process.communicate()
    with store.writer_lock("scan"):
        assert json.loads(store.beside(".lock").read_text())["command"] == "scan"


def test_the_lock_is_held_against_this_process_too_and_given_back_on_an_error(store: Store) -> None:
    with store.writer_lock("scan"), pytest.raises(LockedError), store.writer_lock("scan"):
        pass
    with pytest.raises(ZeroDivisionError), store.writer_lock("scan"):
        raise ZeroDivisionError
    with store.writer_lock("scan"):
        pass


def test_a_holder_that_has_not_said_its_name_yet_is_another_process(store: Store, path: Path) -> None:
    with store.writer_lock("scan"):
        store.beside(".lock").write_text("")
        with pytest.raises(LockedError, match="another process"), store.writer_lock("scan"):
            pass


def test_the_lock_holds_on_a_full_disk_which_has_no_room_for_a_name(store: Store, path: Path) -> None:
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"
    command = [sys.executable, "-c", full + HOLD, f"sqlite:///{path}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(LockedError, match="another process is writing"), store.writer_lock("scan"):
            pytest.fail("it is held")
        process.communicate("")
    assert process.returncode == 0
