"""Whatever is added, removed and scanned of wallets that share addresses: every report is what a plain model says."""

import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hdscan.model.errors import InputError
from hdscan.model.reading import Balance, BalanceResult, Reading, Unread, use_of
from hdscan.model.scan import ChainPlan, Chunk
from hdscan.store import Block
from hdscan.store.scan_rows import ScanRows

from .wallet import ASSETS, NOW, address, branch, chunks, commit, failed, found, listed, open_store, said

NUMBERS = 12
NAMES = ("a", "b", "c")
# a key's addresses by position: two keys share them all, the other way round
KEYS: dict[str, Callable[[int], int]] = {"one": lambda at: at, "two": lambda at: NUMBERS - 1 - at}
UNUSED = Balance(0, None, 1000, NOW, "esplora", used=False)
OUTCOMES = (failed("down"), said(0), UNUSED, msgspec.structs.replace(UNUSED, used=True), said(2**200))


class Made:
    """A wallet of the model: a list, or as much as is known of a key."""

    def __init__(self, numbers: Iterable[int] = (), key: str | None = None) -> None:
        self.key = key
        self.numbers = list(dict.fromkeys(numbers))


class Wallets(RuleBasedStateMachine):
    """A store beside a plain model of its wallets, of what was read of their addresses, and of the present scan."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.store = open_store(self.directory / "hdscan.db")
        self.clock = NOW
        self.order: list[int] = []  # addresses by index
        self.wallets: dict[str, Made] = {}
        self.known: dict[int, tuple[int, int]] = {}  # amount and scan, by address
        self.used: dict[int, bool | None] = {}
        self.gaps: set[int] = set()
        self.scan_id = 0
        self.pinned: list[Made] = []
        self.undone: list[Chunk] = []
        self.covered: set[int] = set()
        self.done: set[int] = set()

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.directory)

    def arrive(self, numbers: Iterable[int]) -> None:
        self.order += [number for number in dict.fromkeys(numbers) if number not in self.order]

    def whole(self, names: Iterable[str] | None = None) -> set[int]:
        return {number for name in (names or self.wallets) for number in self.wallets[name].numbers}

    # -- wallets

    @rule(name=st.sampled_from(NAMES), numbers=st.lists(st.integers(0, NUMBERS - 1), min_size=1, max_size=8))
    def add_a_list(self, name: str, numbers: list[int]) -> None:
        mine = self.wallets.get(name)
        taken = mine is not None and mine.key is not None
        same = mine is None and any(set(each.numbers) == set(numbers) for each in self.wallets.values() if each.key is None)
        if taken or same:
            with pytest.raises(InputError):
                self.store.wallets.add(name, listed(numbers), self.clock)
            return
        fresh = len(set(numbers) - set(self.order))
        added = self.store.wallets.add(name, listed(numbers), self.clock)
        assert (added.name, added.added, added.known) == (name, fresh, len(numbers) - fresh)
        self.arrive(numbers)
        self.wallets[name] = mine = mine or Made()
        mine.numbers = list(dict.fromkeys([*mine.numbers, *numbers]))

    @rule(name=st.sampled_from(NAMES), key=st.sampled_from(list(KEYS)), length=st.integers(2, 5))
    def add_a_key(self, name: str, key: str, length: int) -> None:
        made = found(branch(map(KEYS[key], range(length)), source=key))
        mine = self.wallets.get(name)
        elsewhere = any(each.key == key for other, each in self.wallets.items() if other != name)
        if (mine is not None and mine.key != key) or (mine is None and elsewhere):
            with pytest.raises(InputError):
                self.store.wallets.add(name, made, self.clock)
            return
        self.store.wallets.add(name, made, self.clock)
        mine = self.wallets.setdefault(name, Made(key=key))
        numbers = [KEYS[key](at) for at in range(length)]
        self.arrive(numbers)
        mine.numbers += numbers[len(mine.numbers) :]

    @precondition(lambda self: self.wallets)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.wallets)))
        self.store.wallets.remove(name)
        del self.wallets[name]

    @precondition(lambda self: self.wallets)
    @rule(data=st.data(), new=st.sampled_from(NAMES))
    def rename(self, data: st.DataObject, new: str) -> None:
        old = data.draw(st.sampled_from(sorted(self.wallets)))
        if new in self.wallets and new != old:
            with pytest.raises(InputError):
                self.store.wallets.rename(old, new)
        else:
            self.store.wallets.rename(old, new)
            self.wallets[new] = self.wallets.pop(old)

    # -- scans

    @precondition(lambda self: self.wallets)
    @rule(data=st.data(), chunk=st.integers(1, 4))
    def begin(self, data: st.DataObject, chunk: int) -> None:
        names = data.draw(st.lists(st.sampled_from(sorted(self.wallets)), unique=True))
        ranges = tuple(self.store.wallets.ranges("bsc", names or None))
        self.scan_id = self.store.scans.begin([ChainPlan("bsc", ("BNB",), ranges, chunk, wallets=tuple(names))], self.clock)
        self.pinned = [self.wallets[name] for name in (names or self.wallets)]
        self.undone, self.covered, self.done = chunks(self.store, self.scan_id), self.whole(names), set()
        assert self.store.scans.covers(self.scan_id, "bsc", names)

    def read(self, data: st.DataObject, number: int, index: int) -> BalanceResult:
        self.clock += 1
        outcome: Balance | Unread = data.draw(st.sampled_from(OUTCOMES))
        if isinstance(outcome, Balance):
            outcome = msgspec.structs.replace(outcome, observed_at=self.clock)
        return BalanceResult(Reading(index, address(number), ASSETS["BNB"]), outcome)

    def learn(self, number: int, outcome: Balance | Unread) -> None:
        self.done.add(number)
        if isinstance(outcome, Unread):
            self.gaps.add(number)
            return
        again = number in self.known and self.known[number][1] == self.scan_id
        if not (self.used.get(number) or (outcome.is_used is None and again)):
            self.used[number] = outcome.is_used
        self.known[number] = (outcome.amount, self.scan_id)
        self.gaps.discard(number)

    @precondition(lambda self: self.undone)
    @rule(data=st.data())
    def commit_a_chunk(self, data: st.DataObject) -> None:
        chunk = data.draw(st.sampled_from(self.undone))
        numbers = self.order[chunk.first : chunk.stop]
        results = [self.read(data, number, index) for index, number in enumerate(numbers, chunk.first)]
        assert commit(self.store, self.scan_id, chunk, results) is not None
        self.undone.remove(chunk)
        for number, result in zip(numbers, results, strict=True):
            self.learn(number, result.outcome)

    @precondition(lambda self: self.scan_id)
    @rule(data=st.data(), count=st.integers(1, 4), late=st.booleans())
    def commit_a_block(self, data: st.DataObject, count: int, late: bool) -> None:
        """The next addresses of a branch; of one that has them already nothing is written."""
        for state in self.store.wallets.branches(self.scan_id, "bsc"):
            made = self.wallets[state.wallet]
            assert made.key is not None
            start = state.length - late
            numbers = [KEYS[made.key](at) for at in range(start, min(start + count, NUMBERS))]
            results = [self.read(data, number, 2**31 + at) for at, number in enumerate(numbers)]
            block = Block(state.id, start, tuple(map(address, numbers)))
            record = self.store.wallets.commit_block(
                self.scan_id, "bsc", block, results, worker="here:1", now=self.clock, seconds=0.0, requests=0
            )
            assert (record is None) == late
            if not late:
                self.arrive(numbers)
                made.numbers += numbers
                for number, result in zip(numbers, results, strict=True):
                    if number not in self.covered:
                        self.covered.add(number)
                        self.learn(number, result.outcome)

    @precondition(lambda self: self.scan_id)
    @rule(number=st.integers(0, NUMBERS - 1), count=st.integers(0, 1))
    def tell_use(self, number: int, count: int) -> None:
        if number not in self.order:
            return
        reading = Reading(self.order.index(number), address(number), use_of("bsc"))
        use = BalanceResult(reading, Balance(count, None, None, self.clock, "electrum"))
        self.store.wallets.commit_use(self.scan_id, "bsc", [use], now=self.clock, seconds=0.0, requests=0)
        if number in self.known and not self.used.get(number) and (count or self.known[number][1] == self.scan_id):
            self.used[number] = bool(count)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = open_store(self.directory / "hdscan.db")

    # -- what holds

    @invariant()
    def every_wallet_has_just_its_addresses(self) -> None:
        for name in (None, *self.wallets):
            mine = self.whole(None if name is None else [name])
            indexes = sorted(map(self.order.index, mine))
            ranges = self.store.wallets.ranges("bsc", None if name is None else [name])
            assert [index for first, stop in ranges for index in range(first, stop)] == indexes
            rows = list(self.store.balances.rows("bsc", "BNB", wallet=name))
            assert [row.index for row in rows] == indexes
            for row in rows:
                number = self.order[row.index]
                assert row.address == address(number)
                assert row.wallets == tuple(sorted(each for each, made in self.wallets.items() if number in made.numbers))
                assert row.amount == (str(self.known[number][0]) if number in self.known else None)
                assert (row.error is not None) == (number in self.gaps)
                assert row.used == self.used.get(number)

    @invariant()
    def sums_are_those_of_the_addresses(self) -> None:
        for name in (None, *self.wallets):
            mine = self.whole(None if name is None else [name])
            read = [self.known[number][0] for number in mine if number in self.known and number not in self.gaps]
            stale = [self.known[number][0] for number in mine if number in self.known and number in self.gaps]
            (total,) = self.store.balances.totals("bsc", "BNB", wallet=name)
            assert (total.read, total.stale, total.addresses) == (len(read), len(stale), len(mine))
            assert (int(total.amount or 0), int(total.stale_amount)) == (sum(read), sum(stale))
            if name is not None:
                (row,) = self.store.wallets.rows(name)
                assert (row.addresses, row.funded) == (len(mine), sum(amount > 0 for amount in read))
                assert row.used == sum(bool(self.used.get(number)) for number in mine)
                assert row.unread == 2 * len(mine) - len(read)

    @invariant()
    def the_scan_has_what_its_rows_have(self) -> None:
        record = self.store.scans.latest("bsc")
        if record is None:
            return
        unread = self.gaps & self.done
        assert (record.addresses, record.read, record.unread) == (len(self.covered), len(self.done - unread), len(unread))
        with self.store._database.read() as transaction:
            assert ScanRows(transaction, self.scan_id, "bsc").recount() == record
        assert chunks(self.store, self.scan_id) == self.undone

    @invariant()
    def branches_are_as_far_as_is_known(self) -> None:
        if not self.scan_id:
            return
        states = {state.wallet: state for state in self.store.wallets.branches(self.scan_id, "bsc")}
        keys = {name: made for name, made in self.wallets.items() if made.key is not None and made in self.pinned}
        assert states.keys() == keys.keys()
        for name, made in keys.items():
            used = [at for at, number in enumerate(made.numbers) if self.used.get(number)]
            begin = used[-1] + 1 if used else 0
            unknown = [
                at
                for at, number in enumerate(made.numbers[begin:], begin)
                if self.used.get(number) is None or number in self.gaps or self.known[number][1] != self.scan_id
            ]
            state = states[name]
            assert (state.length, state.used_to) == (len(made.numbers), used[-1] if used else None)
            assert [each.position for each in state.unknown] == unknown
            assert all(each.address == address(made.numbers[each.position]) for each in state.unknown)


Wallets.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestWallets = Wallets.TestCase
