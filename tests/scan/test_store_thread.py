"""The store thread: calls in order, and those that may pass later tried a few times."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from hdscan.model.errors import StoreError
from hdscan.scan.store_thread import TRIES, StoreThread
from tests.scan.stage import played


class Disk:
    """Fails so many calls."""

    def __init__(self, failures: int, *, may_pass: bool) -> None:
        self.calls: list[str] = []
        self._failures = failures
        self._may_pass = may_pass

    def write(self, what: str, *, twice: bool = False) -> int:
        self.calls.append(what)
        if len(self.calls) <= self._failures:
            raise StoreError("the disk is full", may_pass=self._may_pass)
        return len(what) * (2 if twice else 1)


@played
async def test_calls_are_made_in_the_order_they_were_asked_for() -> None:
    disk = Disk(0, may_pass=False)
    with ThreadPoolExecutor(1) as executor:
        thread = StoreThread(executor)
        assert await asyncio.gather(thread(disk.write, "a"), thread(disk.write, "bc", twice=True)) == [1, 4]
    assert disk.calls == ["a", "bc"]


@played
async def test_a_failure_that_passes_costs_only_time() -> None:
    disk = Disk(TRIES - 1, may_pass=True)
    with ThreadPoolExecutor(1) as executor:
        assert await StoreThread(executor)(disk.write, "a") == 1
    assert len(disk.calls) == TRIES


@pytest.mark.parametrize(("may_pass", "tries"), [(True, TRIES), (False, 1)])
@played
async def test_a_failure_that_stays_is_raised(may_pass: bool, tries: int) -> None:
    disk = Disk(TRIES, may_pass=may_pass)
    with ThreadPoolExecutor(1) as executor, pytest.raises(StoreError, match="the disk is full"):
        await StoreThread(executor)(disk.write, "a")
    assert len(disk.calls) == tries
