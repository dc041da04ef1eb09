"""Looks at everything that a scan needs, and says for each finding how to mend it: database, permissions, clock, providers."""

import asyncio
import os
import shlex
import stat
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from hdscan.app.clock import steady_clock
from hdscan.app.fleet import make_fleet
from hdscan.model.errors import CallError, LockedError, ReadCode, StoreError
from hdscan.model.reading import Kind
from hdscan.model.times import rfc3339_seconds
from hdscan.pool.limiter import DAY, HOUR, MINUTE, MONTH
from hdscan.pool.retry_after import http_date, retry_after
from hdscan.pool.upstream import Upstream
from hdscan.provider.transport import AioTransport
from hdscan.settings import Settings
from hdscan.store import Store

PATIENCE = 10.0  # seconds: for a limiter's turn, and for a reply
CLOCK_WARN, CLOCK_FAIL = 5.0, 120.0  # seconds beside the providers' clocks
RELEASED = 1_767_225_600.0  # 2026-01-01 UTC: no clock that is right shows an earlier time
PERIODS = {MINUTE: "minute", HOUR: "hour", DAY: "day", MONTH: "month"}
MISCONFIGURED = {ReadCode.WRONG_CHAIN, ReadCode.BAD_KEY}  # everything else may pass by itself
MENDS = {
    ReadCode.WRONG_CHAIN: "correct the `url` or the `chain` of its [[endpoint]] row",
    ReadCode.BAD_KEY: "correct the key in the `url` of its [[endpoint]] row, or the variable that the url names",
    ReadCode.THROTTLED: "lower its `rate` if this comes again; is anything else using this host from here?",
    ReadCode.QUOTA: "wait for its allowance to be renewed, or add another provider for this chain",
    ReadCode.UNREACHABLE: "check the network, the firewall and its `url`; scans go on with the others meanwhile",
    ReadCode.TIMEOUT: "check the network; scans go on with the others meanwhile",
}
RESTORE = "restore the file from a copy, or name another database with --db and import again"
SET_CLOCK = "set the clock, best by NTP; amounts are dated by it"
SET_KEY = "set that variable where hdscan runs, or leave this provider out"
ADD_PROVIDER = "add an [[endpoint]] row for {chain} to hdscan.toml, or mend one of those above"
TRY_LATER = "try again later; scans go on with the others meanwhile"


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at: `mend` says what to do about it, where there is anything to do."""

    check: str
    level: Level
    message: str
    mend: str | None = None


class Checkup(msgspec.Struct, frozen=True):
    """What `doctor --json` prints: `status` is the worst level of all."""

    status: Level
    checks: tuple[Finding, ...]


def checkup(findings: Sequence[Finding]) -> Checkup:
    """Sum findings up."""
    worst = max((finding.level for finding in findings), key=list(Level).index, default=Level.OK)
    return Checkup(worst, tuple(findings))


async def examine(settings: Settings, *, offline: bool = False) -> AsyncIterator[Finding]:
    """Look at everything, one finding after the other; `offline` makes no network call. Bounded in time."""
    clock = steady_clock()
    path = database_file(settings.db)
    store = None
    try:
        if path is None or path.exists():
            store = Store.open(settings.db, settings.network, create=False)
        for finding in database_state(store, path):
            yield finding
    except StoreError as error:
        yield Finding("database", Level.FAIL, str(error), RESTORE)
    try:
        for finding in permissions(path, [Path(file) for file in settings.files]):
            yield finding
        if offline:
            yield clock_offline(path.stat().st_mtime if path is not None and path.exists() else 0.0, clock())
        async for finding in Providers(settings, store, clock).examine(offline=offline):
            yield finding
    finally:
        if store is not None:
            store.close()


# -- files


def database_file(url: str) -> Path | None:
    """The file of a SQLite URL; None for a server."""
    return Path(url.removeprefix("sqlite:///")).expanduser() if url.startswith("sqlite:///") else None


def database_state(store: Store | None, path: Path | None) -> Iterator[Finding]:
    """Whether the database can be used; `store` is None where there is none yet."""
    if store is not None:
        findings = store.check()
        for finding in findings:
            yield Finding("database", Level.FAIL, finding.what, finding.mend)
        if not findings:
            yield Finding("database", Level.OK, f"{path or 'the server'} opens, and nothing in it is damaged")
        return
    assert path is not None
    home = next(parent for parent in path.absolute().parents if parent.exists())
    if os.access(home, os.W_OK | os.X_OK):
        yield Finding("database", Level.OK, f"there is none yet; the first import makes {path}")
    else:
        yield Finding("database", Level.FAIL, f"{path} cannot be made", f"make {home} writable, or set db to another place")


def permissions(database: Path | None, files: Sequence[Path]) -> Iterator[Finding]:
    """Who else may read or change the database (with what lies beside it) and the configuration."""
    if os.name != "posix":
        yield Finding("permissions", Level.OK, "this system keeps them in another way; not looked at")
        return
    beside = sorted(database.parent.glob(f"{database.name}*")) if database is not None else []
    findings = [found for path in (*beside, *files) if (found := _access(path, 0o077))]
    if database is not None and database.parent.exists():
        # a directory of hdscan's own is private; one that the user chose has to be safe from changes
        own = database.parent.name == "hdscan"
        findings += [found] if (found := _access(database.parent, 0o077 if own else 0o022)) else []
    yield from findings or [Finding("permissions", Level.OK, "only you can read or change the database and the configuration")]


def _access(path: Path, unwanted: int) -> Finding | None:
    """What is wrong with a file's or directory's mode: changed by others is a failure, read by others a warning."""
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    sticky = path.is_dir() and mode & stat.S_ISVTX  # as /tmp: others cannot replace what is ours
    if mode & unwanted & 0o022 and not sticky:
        level, can = Level.FAIL, "change"
    elif mode & unwanted and not sticky:
        level, can = Level.WARN, "read"
    else:
        return None
    return Finding(
        "permissions",
        level,
        f"others on this machine can {can} {path} (mode {mode:04o})",
        f"chmod {'700' if path.is_dir() else '600'} {shlex.quote(str(path))}",
    )


# -- clock


def clock_offline(newest: float, now: float) -> Finding:
    """Whether the clock is plausible; `newest` is when something of ours was last written (unix seconds)."""
    shown = rfc3339_seconds(now)
    if now < RELEASED:
        return Finding("clock", Level.FAIL, f"the clock shows {shown}, before this program was made", SET_CLOCK)
    if newest > now + CLOCK_WARN:
        text = f"the clock shows {shown}, but the database was written at {rfc3339_seconds(newest)}"
        return Finding("clock", Level.WARN, text, SET_CLOCK)
    return Finding("clock", Level.OK, f"{shown} is plausible; without --offline it is compared with the providers' clocks")


def clock_online(offsets: Sequence[float], now: float) -> Finding:
    """How far the clock is off by the providers' own (seconds each, ours behind theirs being positive); the median decides."""
    if not offsets:
        return Finding(
            "clock", Level.WARN, f"{rfc3339_seconds(now)} could not be compared: no provider answered", "try again later"
        )
    off = median(offsets)
    hosts = "1 provider" if len(offsets) == 1 else f"{len(offsets)} providers"
    if abs(off) < CLOCK_WARN:
        return Finding("clock", Level.OK, f"{rfc3339_seconds(now)} agrees with {hosts}")
    level = Level.FAIL if abs(off) >= CLOCK_FAIL else Level.WARN
    way = "behind" if off > 0 else "ahead of"
    return Finding("clock", level, f"the clock is {abs(off):.0f} s {way} the providers' ({hosts})", SET_CLOCK)


class Listening(AioTransport):
    """The transport, which also notes how far the clocks of those who answer are from ours (see `clock_online`)."""

    def __init__(self, timeout: float, clock: Callable[[], float]) -> None:
        super().__init__(timeout)
        self.offsets: list[float] = []
        self._now = clock

    # what passes through is `wire`'s, and none of our business
    async def send(self, base_url: str, request: Any, sent: Callable[[], None] | None = None) -> Any:
        """Exchange one request for its reply."""
        asked = self._now()
        response = await super().send(base_url, request, sent)
        received = self._now()
        said = http_date(response.headers.get("date", ""), received)
        if said is not None:
            said += _seconds(response.headers.get("age", ""))  # a cache's reply bears the time at which it was made
            # the header is cut to the second, and was written at some moment between `asked` and `received`
            self.offsets.append(max(said - received, 0.0) + min(said + 1.0 - asked, 0.0))
        return response


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0.0


# -- providers


class Providers:
    """Asks every configured provider which chain it serves, within its limits, and says what is left of those."""

    def __init__(self, settings: Settings, store: Store | None, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._transport = Listening(min(settings.scan.request_timeout, PATIENCE), clock)
        self._fleet = make_fleet(settings, self._transport, clock)
        self._failed: set[str] = set()
        if store is not None:
            self._fleet.restore(store.runtime.load(), clock())

    async def examine(self, *, offline: bool) -> AsyncIterator[Finding]:
        """A finding per provider, then one per chain, then the clock's where the providers were asked."""
        busy = None if offline else self._scanning()
        if busy is not None:
            yield Finding("scan", Level.OK, f"{busy}: its providers are not asked now, so that no rate is exceeded")
        if offline or busy is not None:
            for upstream in self._upstreams():
                yield self._limits(upstream)
        else:
            async for finding in self._ask_all():
                yield finding
        for status in self._fleet.off:
            yield Finding(f"provider {status.name}", Level.WARN, status.last_error or "is off", SET_KEY)
        for chain in self._settings.chains:
            yield self._chain(chain)
        if not offline:
            now = self._clock()
            yield clock_online(self._transport.offsets, now) if busy is None else clock_offline(0.0, now)

    def _upstreams(self) -> Iterator[Upstream]:
        return (upstream for upstreams in self._fleet.upstreams.values() for upstream in upstreams)

    def _scanning(self) -> str | None:
        """Who is scanning now with limiters that we don't see, or None."""
        if self._store is None:
            return None
        try:
            with self._store.writer_lock("doctor"):
                return None
        except LockedError as error:
            return str(error)

    async def _ask_all(self) -> AsyncIterator[Finding]:
        upstreams = list(self._upstreams())
        async with self._transport:
            turns = {id(upstream.limiter): asyncio.Lock() for upstream in upstreams}
            asked = [asyncio.create_task(self._ask(upstream, turns[id(upstream.limiter)])) for upstream in upstreams]
            try:
                for task in asked:
                    yield await task
            finally:
                for task in asked:
                    task.cancel()
                await asyncio.gather(*asked, return_exceptions=True)
                if self._store is not None:
                    self._store.runtime.save(self._fleet.memory())

    async def _ask(self, upstream: Upstream, turn: asyncio.Lock) -> Finding:
        """Ask one provider to prove its chain, when its endpoint's limiter lets us; one after the other on one endpoint."""
        async with turn:
            began = self._clock()
            ready = upstream.limiter.ready_at(1, began)
            if ready - began > PATIENCE:
                return self._limits(upstream)
            await asyncio.sleep(max(0.0, ready - began))
            upstream.limiter.take(1, self._clock())
            began = self._clock()
            try:
                await upstream.provider.prove()
            except CallError as error:
                return self._trouble(upstream, error)
            return self._limits(upstream, f"proves to serve {upstream.provider.chain} in {self._clock() - began:.2f} s; ")

    def _trouble(self, upstream: Upstream, error: CallError) -> Finding:
        if error.fault in (ReadCode.THROTTLED, ReadCode.QUOTA):
            wait = retry_after(error.retry_after, error.date, self._clock())
            upstream.limiter.throttled(self._clock(), wait, quota=error.fault is ReadCode.QUOTA)
        self._failed.add(upstream.name)
        level = Level.FAIL if error.fault in MISCONFIGURED else Level.WARN
        return Finding(f"provider {upstream.name}", level, f"{error.fault}: {error.message}", MENDS.get(error.fault, TRY_LATER))

    def _limits(self, upstream: Upstream, before: str = "") -> Finding:
        """A provider's rate, what is left of its quotas, what was learned of its batches, and its pause."""
        now, limiter = self._clock(), upstream.limiter
        units = "items" if upstream.provider.costs_items else "calls"
        parts = [f"{limiter.ceiling:g} {units} a second"]
        for window in limiter.windows:
            window.ready_at(1, now)  # forgets what has left the window
            left = max(0, window.limit - sum(count for _, count in window.buckets))
            parts.append(f"{left} of {window.limit} left this {PERIODS[window.seconds]}")
        parts += [
            f"at most {size.limit} in a call of {upstream.provider.methods[kind]} (learned)"
            for kind, size in upstream.sizes.items()
            if size.limit < size.capacity
        ]
        held = limiter.blocked_until(1, now)
        name, text = f"provider {upstream.name}", before + ", ".join(parts)
        if held <= now:
            return Finding(name, Level.OK, text)
        self._failed.add(upstream.name)
        return Finding(
            name, Level.WARN, f"{text}; paused until {rfc3339_seconds(held)}", "wait; until then scans go on with the others"
        )

    def _chain(self, chain: str) -> Finding:
        """Whether somebody can read every asset of a chain; a failure only for a chain that has addresses."""
        upstreams = [upstream for upstream in self._fleet.upstreams[chain] if upstream.name not in self._failed]
        lacking = [
            asset.symbol
            for asset in self._settings.assets[chain]
            if not any(upstream.serves(Kind.NATIVE if asset.is_native else Kind.TOKEN) for upstream in upstreams)
        ]
        if not lacking:
            count = len({upstream.provider.endpoint for upstream in upstreams})
            return Finding(f"chain {chain}", Level.OK, f"{count} of its hosts can be asked; every asset can be read")
        used = self._store is not None and self._store.addresses.count(chain) > 0
        text = f"nobody can be asked now for {', '.join(lacking)}" + ("" if used else "; there are no addresses of it yet")
        return Finding(f"chain {chain}", Level.FAIL if used else Level.WARN, text, ADD_PROVIDER.format(chain=chain))
