"""The invariants: who is told what happens at the ports, and says at once what must not."""

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from hdscan.model.errors import ReadCode
from hdscan.model.events import ChainProgress, Event, ScanError, ScanTokenError
from hdscan.model.reading import Reading
from hdscan.pool.upstream import Upstream
from hdscan.sim.world import World
from tests.simulation.beliefs import Beliefs, Stored

BITS = 32
DISPUTED = "disputed"
Key = tuple[str, int, str]  # chain, index, symbol


class Violation(Exception):
    """An invariant that did not hold: its name and what happened."""

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(f"{rule}: {text}")
        self.rule = rule


class Watch:
    """Everything that is known of one life of a world; `now` is the loop's time."""

    def __init__(self, world: World, keep: bool, asked: Callable[[str, int], None]) -> None:
        """`asked` is told of every call for balances: the chain, and the number of those before."""
        self.world = world
        self.sites: dict[str, list[Any]] = {}
        self.healed = False
        self.muted = False  # a process is dead: what is cleared away says nothing
        self.violation: Violation | None = None
        self.beliefs: dict[str, Beliefs] = {}  # by chain
        self.excused: set[Key] = set()  # false amounts that are stored, and may be
        self.committed: dict[Key, str] = {}  # the operator that said what is stored, by reading
        self._asked: dict[Key, set[str]] = {}  # the operators that this process has asked
        self.history: dict[str, set[tuple[int, int, int]]] = {}
        self.readings = self.calls = self.read_calls = 0
        self.success_at: dict[str, float] = {}
        self.silent_at: dict[str, float] = {}
        self.probing: Callable[[str], bool] = lambda chain: False  # whether the pool asks again to see who is alive
        self.lines: list[str] = []
        self._keep = keep
        self._hash = blake2b(digest_size=12)
        self._tell_asked = asked
        self._calls: Counter[str] = Counter()  # by chain
        self._truth = self._all_true()
        self._before = self._truth  # the world moved after the scans up to `_last`
        self._last = self._newest = 0
        self._stood: dict[tuple[int, int], Stored] = {}  # as last looked at
        self._moving: set[tuple[int, int]] = set()
        self._known: dict[tuple[int, int], Stored] = {}  # before the scan that is of the present amount
        self._database: sqlite3.Connection | None = None
        self._version = 0

    # -- the trace

    def trace(self, line: str) -> None:
        """Something happened."""
        if not self.muted:
            self._hash.update(line.encode())
            self._hash.update(b"\n")
            if self._keep:
                self.lines.append(line)

    @property
    def digest(self) -> str:
        """What identifies the trace so far."""
        return self._hash.hexdigest()

    def fail(self, rule: str, text: str) -> None:
        """An invariant does not hold; the loop stops behind the present callback."""
        if self.violation is None and not self.muted:
            self.violation = Violation(rule, text)
            self.trace(f"VIOLATION {self.violation}")

    # -- calls

    def begins(self, upstream: Upstream, readings: Sequence[Reading], now: float) -> None:
        """A provider is asked."""
        self.read_calls += 1
        self.readings += len(readings)
        chain = upstream.provider.chain
        self._tell_asked(chain, self._calls[chain])
        self._calls[chain] += 1
        if len(readings) == 1 and self.probing(chain):
            return
        for reading in readings:
            key = chain, reading.index, reading.asset.symbol
            operator = self.beliefs[chain].operators[upstream.name.split("/")[0]]
            others = self._asked.setdefault(key, set())
            if operator == self.committed.get(key) and not others - {operator}:
                what = f"{key[2]} of {chain} address {key[1]}"
                self.fail("again", f"{upstream.name} was asked for {what}, which this scan has committed by its word")
            others.add(operator)

    def new_run(self) -> None:
        """A new process begins."""
        self._asked.clear()
        self.success_at.clear()
        self.silent_at.clear()

    def moved(self) -> None:
        """Balances changed between two scans."""
        self._before, self._truth, self._last = self._truth, self._all_true(), self._newest

    def true(self, key: Key, scan: int | None = None) -> int:
        """What is held, at the time of a scan or now."""
        chain, index, symbol = key
        text = self._addresses[self._numbers[chain] << BITS | index]
        return (self._before if scan is not None and scan <= self._last else self._truth).get((chain, text, symbol), 0)

    def _all_true(self) -> dict[tuple[str, str, str], int]:
        """What is held, by chain, address and symbol; addresses that are not named hold nothing."""
        return {
            (name, row.address.lower(), symbol): amount
            for name, chain in self.world.chains.items()
            for row in chain.truth()
            for symbol, amount in row.amounts.items()
        }

    # -- commits

    def open(self, path: Path) -> None:
        """Look into the database by a connection of our own."""
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._version = 0
        self._chains = dict(self._database.execute("SELECT number, id FROM chain"))
        self._numbers = {chain: number for number, chain in self._chains.items()}
        self._assets = dict(self._database.execute("SELECT id, symbol FROM asset"))
        self.committed_now()

    def close(self) -> None:
        """Look no more."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def after_disk(self, told: str) -> None:
        """A call of the writer's ended."""
        self.trace(told)
        self.committed_now()

    def committed_now(self) -> None:
        """Check all that is stored, if anything was committed."""
        database = self._database
        if database is None:
            return
        version = database.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version:
            return
        self._version = version
        database.execute("BEGIN")
        try:
            self._check(database)
        finally:
            database.execute("ROLLBACK")

    def _check(self, database: sqlite3.Connection) -> None:
        self._addresses: Mapping[int, str] = dict(database.execute("SELECT id, lower(text) FROM address"))
        names = {key: name.split("/")[0] for key, name in database.execute("SELECT id, name FROM source")}
        words = {key: [names[s] for s in json.loads(said)] for key, said in database.execute("SELECT id, sources FROM witness")}
        balances = {(a, t): Stored(amount, names[s], words[w], of) for a, t, amount, s, w, of in database.execute(_BALANCES)}
        rows = list(database.execute("SELECT address_id, asset_id, scan_id, code FROM gap"))
        gaps = {(a, t): scan for a, t, scan, _ in rows}
        disputes = {(a, t): scan for a, t, scan in database.execute("SELECT address_id, asset_id, scan_id FROM dispute")}
        # operators that all see another amount than the known one, each at another time: the latest stands
        self._moving = set(database.execute("SELECT address_id, asset_id FROM audit WHERE outcome = 'moved'"))
        self._newest = max((stored.scan for stored in balances.values()), default=0)
        self.excused = set()
        for key, stored in balances.items():
            self._check_amount(key, stored)
        committed: dict[Key, str] = {}
        for row in database.execute(_TOTALS):
            self._check_totals(database, row, balances, gaps, disputes, committed)
        self.committed = committed
        taken_back = {(a, t) for a, t, _, code in rows if code in TAKEN_BACK} | disputes.keys()
        if lost := self._stood.keys() - balances.keys() - taken_back:
            self.fail("lost", f"{len(lost)} known balances are gone")
        self._known |= {key: stood for key in disputes if (stood := self._stood.get(key)) and stood.amount != DISPUTED}
        self._stood = {key: Stored(DISPUTED, "", [], scan) for key, scan in disputes.items()} | balances
        self._known = {key: known for key, known in self._known.items() if key in self._stood}
        self.trace(f"stored {len(balances)} {len(gaps)}")

    def _check_amount(self, key: tuple[int, int], stored: Stored) -> None:
        chain, index, symbol = self._chains[key[0] >> BITS], key[0] & (1 << BITS) - 1, self._assets[key[1]]
        beliefs, before = self.beliefs[chain], self._stood.get(key, stored)
        true = self.true((chain, index, symbol), stored.scan)
        if before.scan < stored.scan and before.amount != DISPUTED:
            self._known[key] = before
        known = self._known.get(key, before)
        changed = before.amount != stored.amount and before.scan <= stored.scan  # else what was known before has come back
        # where who bore it out is found to lie, a zero that was disputed stands as a first one does
        stays = known.amount in (stored.amount, DISPUTED if stored.amount == "0" else stored.amount)
        news = changed or (not stays and known.scan < stored.scan)
        true_of_several = key in self._moving and int(stored.amount) == true
        if news and beliefs.one_word(stored.said) and not true_of_several:
            self.fail("one word", f"{symbol} of {chain} address {index}: {known}, {before} is replaced by {stored}")
        if int(stored.amount) == true:
            return
        new = changed or key not in self._stood
        rule = beliefs.broken(self._addresses[key[0]], symbol, stored, changed=changed, new=new)
        if rule is not None and (changed or int(stored.amount) != self.true((chain, index, symbol), 0)):
            self.fail(rule, f"{symbol} of {chain} address {index} is {true}, but {stored} is believed")
        self.excused.add((chain, index, symbol))

    def held_on_one_word(self) -> dict[str, tuple[int, int]]:
        """Per chain, how many amounts above zero are the word of one operator, and how many there are."""
        found: dict[str, tuple[int, int]] = {}
        for (address, _), stored in self._stood.items():
            if stored.amount not in ("0", DISPUTED):
                chain = self._chains[address >> BITS]
                alone, held = found.get(chain, (0, 0))
                found[chain] = alone + self.beliefs[chain].one_word(stored.said), held + 1
        return found

    def _check_totals(self, database: Any, row: Any, balances: Any, gaps: Any, disputes: Any, committed: Any) -> None:
        scan, number, readings, assets, read, unread, funded = row
        chain = self._chains[number]
        done = list(database.execute(_DONE, (scan, number)))
        ended = sum(stop - first for first, stop in done) * len(assets.split(","))
        disputed = sum(a >> BITS == number and of == scan for (a, _), of in disputes.items())
        told = f"{chain}: {read} read, {unread} unread and {disputed} disputed"
        if read + unread + disputed != ended:
            self.fail("totals", f"{told} are not the {ended} readings of its chunks")
        if read + unread + disputed > readings:
            self.fail("totals", f"{told} are more than the {readings} planned")
        inside = {index for first, stop in done for index in range(first, stop)}
        mask, mine, rich = (1 << BITS) - 1, 0, set()
        for (address, asset), stored in balances.items():
            if address >> BITS == number and stored.scan == scan and address & mask in inside and (address, asset) not in gaps:
                mine += 1
                committed[chain, address & mask, self._assets[asset]] = self.beliefs[chain].operators[stored.source]
                if stored.amount != "0":
                    rich.add(address)
        missing = sum(a >> BITS == number and of == scan for (a, _), of in gaps.items())
        if (mine, missing, len(rich)) != (read, unread, funded):
            self.fail(
                "totals",
                f"{chain}: {read} read, {unread} unread, {funded} funded are told, {mine}, {missing}, {len(rich)} are stored",
            )
        self.history.setdefault(chain, set()).add((read, unread, funded))

    # -- events

    def said(self, event: Event, now: float, base: float) -> None:
        """An event came to its reader: it never leads what is stored, and waits begin at `base` seconds after a success."""
        if isinstance(event, ChainProgress):
            totals = (event.read, event.unread, event.funded)
            if totals not in self.history.get(event.chain, set()):
                self.fail("totals", f"{event.chain}: an event says {totals}, which was never stored")
        elif isinstance(event, ScanError) and (wait := re.search(r"offered again in ([\d.]+) s", event.error)):
            before = self.silent_at.get(event.chain, -1.0)
            answered = self.success_at.get(event.chain, 0.0)  # in this very instant it may have been decided before
            if before < answered < now - 1e-9 and float(wait[1]) > 2 * base + 0.1:
                self.fail("backoff", f"{event.chain} waits {wait[1]} s at once, though somebody answered a moment ago")
            self.silent_at[event.chain] = now
        elif isinstance(event, ScanTokenError) and event.addresses < 0:
            self.fail("totals", f"{event.chain}: {event.addresses} addresses of {event.token} fail")


TAKEN_BACK = {ReadCode.WRONG_CHAIN, ReadCode.REORG, ReadCode.CONTRADICTED}
_BALANCES = "SELECT address_id, asset_id, amount, source_id, witness_id, scan_id FROM balance"
_TOTALS = """SELECT scan_id, chain, readings, assets, read, unread, funded FROM scan_chain c
    WHERE scan_id = (SELECT max(scan_id) FROM scan_chain d WHERE d.chain = c.chain)"""
_DONE = "SELECT first, stop FROM chunk WHERE scan_id = ? AND chain = ? AND done_at IS NOT NULL"
