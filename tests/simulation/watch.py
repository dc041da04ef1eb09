"""The invariants: who is told what happens at the ports, and says at once what must not."""

import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from hdscan.model.errors import ReadCode
from hdscan.model.events import ChainProgress, Event, ScanError, ScanTokenError
from hdscan.model.reading import Reading
from hdscan.pool.upstream import Upstream
from hdscan.sim.world import World

BITS = 32
Key = tuple[str, int, str]  # chain, index, symbol


class Violation(Exception):
    """An invariant that did not hold: its name and what happened."""

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(f"{rule}: {text}")
        self.rule = rule


class Watch:
    """Everything that is known of one life of a world; `now` is the loop's time."""

    def __init__(self, world: World, keep: bool) -> None:
        self.world = world
        self.sites: dict[str, list[Any]] = {}
        self.healed = False
        self.muted = False  # a process is dead: what is cleared away says nothing
        self.violation: Violation | None = None
        self.believable: set[tuple[str, str, str]] = set()  # what a liar said when nobody could tell
        self.committed: set[Key] = set()
        self.history: dict[str, set[tuple[int, int, int]]] = {}
        self.readings = self.calls = self.read_calls = 0
        self.success_at: dict[str, float] = {}
        self.silent_at: dict[str, float] = {}
        self.probing: Callable[[str], bool] = lambda chain: False  # whether the pool asks again to see who is alive
        self.lines: list[str] = []
        self._keep = keep
        self._hash = blake2b(digest_size=12)
        self._truth = world.truth()
        self._before: dict[Key, int] = self._truth  # the world moved after the scans up to `_last`
        self._last = self._newest = 0
        self._known: set[tuple[int, int]] = set()
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
        again = [r for r in readings if (chain, r.index, r.asset.symbol) in self.committed]
        if again and not (len(readings) == 1 and self.probing(chain)):
            what = f"{again[0].asset.symbol} of {chain} address {again[0].index}"
            self.fail("again", f"{upstream.name} was asked for {what}, which this scan has committed")

    def new_run(self) -> None:
        """A new process begins."""
        self.success_at.clear()
        self.silent_at.clear()

    def moved(self) -> None:
        """Balances changed between two scans."""
        self._before, self._truth, self._last = self._truth, self.world.truth(), self._newest

    def true(self, key: Key, scan: int | None = None) -> int:
        """What is held, at the time of a scan or now."""
        return (self._before if scan is not None and scan <= self._last else self._truth)[key]

    # -- commits

    def open(self, path: Path) -> None:
        """Look into the database by a connection of our own."""
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._version = 0
        self._chains = dict(self._database.execute("SELECT number, id FROM chain"))
        self._assets = dict(self._database.execute("SELECT id, symbol FROM asset"))
        self._addresses: Mapping[int, str] = dict(self._database.execute("SELECT id, lower(text) FROM address"))
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
        sources = dict(database.execute("SELECT id, name FROM source"))
        balances = {(a, t): (amount, sources[s], scan) for a, t, amount, s, scan in database.execute(_BALANCES)}
        rows = list(database.execute("SELECT address_id, asset_id, scan_id, code FROM gap"))
        gaps = {(a, t): scan for a, t, scan, _ in rows}
        taken_back = {(a, t) for a, t, _, code in rows if code in TAKEN_BACK}
        self._newest = max((scan for _, _, scan in balances.values()), default=0)
        for (address, asset), (amount, source, scan) in balances.items():
            chain, index = self._chains[address >> BITS], address & (1 << BITS) - 1
            symbol = self._assets[asset]
            true = self.true((chain, index, symbol), scan)
            if int(amount) != true and (source.split("/")[0], self._addresses[address], symbol) not in self.believable:
                rule = "false zero" if amount == "0" else "wrong amount"
                self.fail(rule, f"{symbol} of {chain} address {index} is {true}, but {source} is believed to say {amount}")
        committed: set[Key] = set()
        for row in database.execute(_TOTALS):
            self._check_totals(database, row, balances, gaps, committed)
        self.committed = committed
        known = set(balances)
        if lost := self._known - known - taken_back:
            self.fail("lost", f"{len(lost)} known balances are gone")
        self._known = known
        self.trace(f"stored {len(balances)} {len(gaps)}")

    def _check_totals(self, database: Any, row: Any, balances: Any, gaps: Any, committed: set[Key]) -> None:
        scan, number, readings, assets, read, unread, funded = row
        chain = self._chains[number]
        done = list(database.execute(_DONE, (scan, number)))
        ended = sum(stop - first for first, stop in done) * len(assets.split(","))
        if read + unread != ended:
            self.fail("totals", f"{chain}: {read} read and {unread} unread are not the {ended} readings of its chunks")
        if read + unread > readings:
            self.fail("totals", f"{chain}: {read} read and {unread} unread are more than the {readings} planned")
        inside = {index for first, stop in done for index in range(first, stop)}
        mask, mine, rich = (1 << BITS) - 1, 0, set()
        for (address, asset), (amount, _, of) in balances.items():
            if address >> BITS == number and of == scan and address & mask in inside and (address, asset) not in gaps:
                mine += 1
                committed.add((chain, address & mask, self._assets[asset]))
                if amount != "0":
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
_BALANCES = "SELECT address_id, asset_id, amount, source_id, scan_id FROM balance"
_TOTALS = """SELECT scan_id, chain, readings, assets, read, unread, funded FROM scan_chain c
    WHERE scan_id = (SELECT max(scan_id) FROM scan_chain d WHERE d.chain = c.chain)"""
_DONE = "SELECT first, stop FROM chunk WHERE scan_id = ? AND chain = ? AND done_at IS NOT NULL"
