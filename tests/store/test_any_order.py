"""Whatever a scan commits, in whatever order: totals are what a recount finds, and no failure touches a balance."""

import shutil
import tempfile
from pathlib import Path

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hdscan.model.errors import ReadCode
from hdscan.model.reading import Balance, Unread
from hdscan.model.scan import BalanceState, Chunk
from hdscan.store.scan_rows import ScanRows

from .wallet import NOW, address, begin, chunks, commit, failed, fill, final, known, open_store, result, said

SOURCES = ("ankr", "liar")
SYMBOLS = (("BNB", "USDT"), ("USDT", "BNB"), ("USDT",))
Key = tuple[int, str]
outcomes: st.SearchStrategy[Balance | Unread] = st.sampled_from(
    (failed("timed out"), failed("refused"), said(0, source="ankr"), said(1, source="ankr"), said(2**255, source="liar"))
)


class Scanning(RuleBasedStateMachine):
    """A store beside a plain model of it: what is known and from which scan, what was known before, what is unread."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.store = open_store(self.directory / "hdscan.db")
        self.clock = NOW
        self.addresses = 0
        self.scan_id = 0
        self.symbols: tuple[str, ...] = ()
        self.undone: list[Chunk] = []
        self.done: list[Chunk] = []
        self.known: dict[Key, tuple[Balance, int]] = {}
        self.earlier: dict[Key, tuple[Balance, int]] = {}
        self.gaps: dict[Key, tuple[str, bool]] = {}  # the error, and whether the present scan counts it

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.directory)

    def outcome(self, data: st.DataObject) -> Balance | Unread:
        self.clock += 1
        drawn = data.draw(outcomes)
        return drawn if isinstance(drawn, Unread) else msgspec.structs.replace(drawn, observed_at=self.clock)

    def learn(self, key: Key, balance: Balance) -> None:
        if key in self.known and self.known[key][1] != self.scan_id:
            self.earlier[key] = self.known[key]
        self.known[key] = (balance, self.scan_id)
        self.gaps.pop(key, None)

    def ended(self, key: Key) -> bool:
        return key[1] in self.symbols and any(chunk.first <= key[0] < chunk.stop for chunk in self.done)

    @initialize(count=st.integers(1, 2))
    def derive(self, count: int) -> None:
        self.addresses += count
        fill(self.store, self.addresses)

    @precondition(lambda self: self.addresses < 4)
    @rule()
    def add_an_address(self) -> None:
        self.derive(1)

    @precondition(lambda self: self.done or not self.undone)
    @rule(symbols=st.sampled_from(SYMBOLS), chunk=st.integers(1, 3))
    def begin_a_scan(self, symbols: tuple[str, ...], chunk: int) -> None:
        self.scan_id = begin(self.store, self.addresses, chunk=chunk, symbols=symbols)
        self.symbols, self.undone, self.done = symbols, chunks(self.store, self.scan_id), []
        self.gaps = {key: (error, False) for key, (error, _) in self.gaps.items()}

    @precondition(lambda self: self.undone)
    @rule(data=st.data())
    def commit_a_chunk(self, data: st.DataObject) -> None:
        chunk = data.draw(st.sampled_from(self.undone))
        keys = [(i, s) for i in range(chunk.first, chunk.stop) for s in self.symbols]
        results = [result(*key, self.outcome(data)) for key in keys]
        assert commit(self.store, self.scan_id, chunk, results) is not None
        self.undone.remove(chunk)
        self.done.append(chunk)
        for key, each in zip(keys, results, strict=True):
            if isinstance(each.outcome, Balance):
                self.learn(key, each.outcome)
            else:
                self.gaps[key] = (each.outcome.message, True)

    @precondition(lambda self: self.done)
    @rule(data=st.data())
    def commit_a_chunk_again(self, data: st.DataObject) -> None:
        chunk = data.draw(st.sampled_from(self.done))
        results = [result(i, s, self.outcome(data)) for i in range(chunk.first, chunk.stop) for s in self.symbols]
        assert commit(self.store, self.scan_id, chunk, results) is None

    @precondition(lambda self: self.scan_id)
    @rule(data=st.data(), ends=st.booleans())
    def commit_readings(self, data: st.DataObject, ends: bool) -> None:
        """Of a final pass, or those that a stopped scan keeps."""
        keys = [(i, s) for i in range(self.addresses) for s in self.symbols]
        chosen = [key for key in keys if data.draw(st.booleans())]
        results = [result(*key, self.outcome(data)) for key in chosen]
        planned = max((chunk.stop for chunk in (*self.undone, *self.done)), default=0)
        if ends:
            final(self.store, self.scan_id, results)
        else:
            self.store.scans.commit_partial(self.scan_id, "bsc", results, now=self.clock)
        for key, each in zip(chosen, results, strict=True):
            waits = self.gaps.get(key, ("", False))[1]
            kept = not ends and key[0] < planned and not self.ended(key)
            if isinstance(each.outcome, Balance) and (waits or kept):
                self.learn(key, each.outcome)
            elif ends and waits and isinstance(each.outcome, Unread):
                self.gaps[key] = (each.outcome.message, True)

    @precondition(lambda self: self.scan_id)
    @rule(source=st.sampled_from(SOURCES))
    def quarantine(self, source: str) -> None:
        doubted = [key for key, (b, scan_id) in self.known.items() if (b.source, scan_id) == (source, self.scan_id)]
        retract = self.store.audits.retract
        count = retract(self.scan_id, "bsc", source, "wrong chain", self.clock, code=ReadCode.WRONG_CHAIN)
        assert count == len(doubted)
        for key in doubted:
            del self.known[key]
            if key in self.earlier:
                self.known[key] = self.earlier[key]
            self.gaps[key] = ("wrong chain", self.ended(key))

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = open_store(self.directory / "hdscan.db")

    @invariant()
    def everything_known_is_as_it_was_read(self) -> None:
        rows = known(self.store)
        assert set(rows) == {(i, s) for i in range(self.addresses) for s in ("BNB", "USDT")}
        for key, row in rows.items():
            balance = self.known[key][0] if key in self.known else None
            assert row.address == address(key[0])
            assert (row.amount, row.source) == ((str(balance.amount), balance.source) if balance else (None, None))
            assert row.error == self.gaps.get(key, (None, False))[0]
            stale = BalanceState.STALE if key in self.gaps else BalanceState.READ
            assert row.state is (stale if balance else BalanceState.UNREAD)

    @invariant()
    def totals_are_what_a_recount_finds(self) -> None:
        record = self.store.scans.latest("bsc")
        if record is None:
            return
        ended = [key for key in ((i, s) for i in range(self.addresses) for s in self.symbols) if self.ended(key)]
        unread = [key for key, (_, counts) in self.gaps.items() if counts]
        funded = {key[0] for key in ended if key not in self.gaps and self.known[key][0].amount}
        assert (record.read, record.unread, record.funded) == (len(ended) - len(unread), len(unread), len(funded))
        with self.store._database.read() as transaction:
            assert ScanRows(transaction, self.scan_id, "bsc").recount() == record
        found = self.store.scans.gaps(self.scan_id, "bsc", None, 1000)
        assert [(each.index, symbol) for each, symbol in found] == sorted(unread)
        assert chunks(self.store, self.scan_id) == self.undone

    @invariant()
    def sums_are_exact(self) -> None:
        for total in self.store.balances.totals("bsc"):
            mine = {key: balance.amount for key, (balance, _) in self.known.items() if key[1] == total.asset}
            assert int(total.amount or 0) == sum(amount for key, amount in mine.items() if key not in self.gaps)
            assert int(total.stale_amount) == sum(amount for key, amount in mine.items() if key in self.gaps)
            funded = sum(amount > 0 for key, amount in mine.items() if key not in self.gaps)
            assert total.funded == (funded if total.read else None)
            assert (total.read + total.stale, total.unread) == (len(mine), self.addresses - len(mine))


Scanning.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestScanning = Scanning.TestCase
