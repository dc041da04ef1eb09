"""Checks the providers: each proves its chain within its limits, and reports what is left of its quotas."""

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec

from hdscan.app.asking import PATIENCE, ask
from hdscan.app.doctor.clock import Listening, clock_offline, clock_online
from hdscan.app.doctor.finding import Finding, Level
from hdscan.app.fleet import check_canaries, make_fleet, unchallenged
from hdscan.model.errors import CallError, LockedError, ReadCode
from hdscan.model.reading import Kind
from hdscan.model.times import rfc3339_seconds
from hdscan.pool.limiter import DAY, HOUR, MINUTE, MONTH
from hdscan.pool.upstream import Upstream
from hdscan.settings import Settings
from hdscan.store import Store

PERIODS = {MINUTE: "minute", HOUR: "hour", DAY: "day", MONTH: "month"}
MISCONFIGURED = {ReadCode.WRONG_CHAIN, ReadCode.NOT_SERVED, ReadCode.BAD_KEY}  # other faults may be temporary
MENDS = {
    ReadCode.WRONG_CHAIN: "correct the `url` or the `chain` of its [[endpoint]] row",
    ReadCode.NOT_SERVED: "correct the `url` or the `chain` of its [[endpoint]] row, or remove it",
    ReadCode.BAD_KEY: "correct the key in its [[endpoint]] row, or the variable or file that the row names",
    ReadCode.THROTTLED: "lower its `rate` if this comes again; is anything else using this host from here?",
    ReadCode.QUOTA: "wait for its allowance to be renewed, or add another provider for this chain",
    ReadCode.UNREACHABLE: "check the network, the firewall, its `url` and its proxy; scans go on with the others meanwhile",
    ReadCode.TIMEOUT: "check the network; scans go on with the others meanwhile",
}
SET_KEY = "set that variable or write that file where hdscan runs, or leave this provider out"
ADD_PROVIDER = "add an [[endpoint]] row for {chain} to hdscan.toml, or fix one of those above"
SECOND_OPERATOR = "add an [[endpoint]] row of another operator for {chain} to hdscan.toml, or mark your own node as trusted"
TRY_LATER = "try again later; scans go on with the others meanwhile"


class Providers:
    """Asks the providers of the wallet's chains which chain they serve, within their limits, and reports what is left of them.

    Those of a chain without addresses are not asked, unless no chain has any.
    """

    def __init__(self, settings: Settings, store: Store | None, clock: Callable[[], float]) -> None:
        check_canaries(settings)
        chosen = tuple(endpoint for endpoint in settings.endpoints if endpoint.off is None)
        self._settings, self._unused = _in_use(msgspec.structs.replace(settings, endpoints=chosen), store)
        settings = self._settings
        self._store = store
        self._clock = clock
        self._transport = Listening(min(settings.scan.request_timeout, PATIENCE), clock)
        self._fleet = make_fleet(settings, self._transport, clock)
        self._upstreams = [upstream for upstreams in self._fleet.upstreams.values() for upstream in upstreams]
        self._failed: set[str] = set()
        if store is not None:
            self._fleet.restore(store.runtime.load(), clock())

    async def examine(self, *, offline: bool) -> AsyncIterator[Finding]:
        """Yield a finding per provider, one per chain, and the clock's."""
        busy = None if offline else self._scanning()
        if busy is not None:
            yield Finding("scan", Level.OK, f"{busy}: its providers are not asked now, so that no rate is exceeded")
        if offline or busy is not None:
            for upstream in self._upstreams:
                yield self._limits(upstream)
        else:
            async for finding in self._ask_all():
                yield finding
        for status in sorted(self._fleet.off, key=lambda each: each.last_error or ""):
            yield Finding(f"provider {status.name}", Level.WARN, status.last_error or "is off", SET_KEY)
        for chain in self._settings.chains:
            yield self._chain(chain)
        if self._unused:
            yield Finding("chains", Level.OK, f"no addresses of {', '.join(self._unused)}: no provider of theirs is asked")
        if not offline:
            now = self._clock()
            yield clock_online(self._transport.offsets, now) if busy is None else clock_offline(0.0, now)

    def _scanning(self) -> str | None:
        """Who is scanning now, with limiters of its own, or None."""
        if self._store is None:
            return None
        try:
            with self._store.writer_lock("doctor"):
                return None
        except LockedError as error:
            return str(error)

    async def _ask_all(self) -> AsyncIterator[Finding]:
        async with self._transport:
            turns = {id(upstream.limiter): asyncio.Lock() for upstream in self._upstreams}
            asked = [asyncio.create_task(self._ask(upstream, turns[id(upstream.limiter)])) for upstream in self._upstreams]
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
        """Ask a provider to prove its chain when its limiter allows; one at a time per endpoint."""

        async def proved() -> float:
            began = self._clock()
            await upstream.provider.prove()
            return self._clock() - began

        async with turn:
            try:
                seconds = await ask(upstream, 1, self._clock, proved)
            except CallError as error:
                return self._limits(upstream) if error.fault is ReadCode.UNAVAILABLE else self._trouble(upstream, error)
            return self._limits(upstream, f"proves to serve {upstream.provider.chain} in {seconds:.2f} s; ")

    def _trouble(self, upstream: Upstream, error: CallError) -> Finding:
        self._failed.add(upstream.name)
        level = Level.FAIL if error.fault in MISCONFIGURED else Level.WARN
        return Finding(f"provider {upstream.name}", level, f"{error.fault}: {error.message}", MENDS.get(error.fault, TRY_LATER))

    def _limits(self, upstream: Upstream, before: str = "") -> Finding:
        """A provider's rate, what is left of its quotas, its learned batch sizes, and its pause."""
        now, limiter = self._clock(), upstream.limiter
        units = ("item" if upstream.provider.costs_items else "call") + ("" if limiter.ceiling == 1 else "s")
        at_once = f", {limiter.burst:.0f} at once" if limiter.most_at_once > 1 else ""
        parts = [f"{limiter.ceiling:g} {units} a second{at_once}"]
        parts += [f"{each.room(now)} of {each.limit} left this {PERIODS[each.seconds]}" for each in limiter.windows]
        parts += [
            f"at most {size.limit} in a call of {upstream.provider.methods[kind]} (learned)"
            for kind, size in upstream.sizes.items()
            if size.memory() is not None
        ]
        held = limiter.blocked_until(1, now)
        name, text = f"provider {upstream.name}", before + ", ".join(parts)
        if held <= now:
            return Finding(name, Level.OK, text)
        self._failed.add(upstream.name)
        text += f"; paused until {rfc3339_seconds(held)}"
        return Finding(name, Level.WARN, text, "wait; until then scans go on with the others")

    def _chain(self, chain: str) -> Finding:
        """Check that every asset of a chain has a provider; a failure only if the chain has addresses."""
        upstreams = [upstream for upstream in self._fleet.upstreams[chain] if upstream.name not in self._failed]
        lacking = [
            asset.symbol
            for asset in self._settings.assets[chain]
            if not any(upstream.serves(Kind.NATIVE if asset.is_native else Kind.TOKEN) for upstream in upstreams)
        ]
        if not lacking:
            count = len({upstream.provider.endpoint for upstream in upstreams})
            text = f"{count} of its hosts can be asked; every asset can be read"
            if alone := unchallenged(self._fleet.upstreams[chain], self._settings.assets[chain]):
                return Finding(f"chain {chain}", Level.WARN, f"{text}, but {alone}", SECOND_OPERATOR.format(chain=chain))
            return Finding(f"chain {chain}", Level.OK, text)
        used = self._store is not None and self._store.addresses.count(chain) > 0
        text = f"nobody can be asked now for {', '.join(lacking)}" + ("" if used else "; there are no addresses of it yet")
        return Finding(f"chain {chain}", Level.FAIL if used else Level.WARN, text, ADD_PROVIDER.format(chain=chain))


def _in_use(settings: Settings, store: Store | None) -> tuple[Settings, list[str]]:
    """The settings of the chains that have addresses, and the names of the others; all of them where none has any."""
    used = {name: each for name, each in settings.chains.items() if store is not None and store.addresses.count(name)}
    if not used:
        return settings, []
    endpoints = tuple(endpoint for endpoint in settings.endpoints if endpoint.chain in used)
    unused = [name for name in settings.chains if name not in used]
    return msgspec.structs.replace(settings, chains=used, endpoints=endpoints), unused
