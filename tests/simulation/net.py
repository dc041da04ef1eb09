"""The simulator's hosts behind the product's transport port, without sockets; what they saw is judged at once."""

import asyncio
from collections import deque
from random import Random
from urllib.parse import urlsplit

import msgspec

from hdscan.model.chain import Family
from hdscan.model.endpoint import Cost, Endpoint
from hdscan.model.errors import CallError, ReadCode
from hdscan.provider.connection import Connection
from hdscan.provider.exchange import Below
from hdscan.sim.clock import Clock
from hdscan.sim.faults import AMOUNTS, Fault
from hdscan.sim.host import Entry, Host
from hdscan.sim.http import Request, http_date, parse_query
from hdscan.sim.judge import named
from hdscan.sim.world import World
from hdscan.wire import http
from tests.simulation.beliefs import Said
from tests.simulation.scenario import HostPlan
from tests.simulation.watch import Watch

EARLY = 0.021  # seconds that a call may come before its time, to make up for a late one: twice the limiter's slack
BUNCHED = 0.045  # the same where connections have to be made
OWN_PAUSE = 1.0
QUOTA_PAUSE = 3600.0
RECENT = 5.0  # seconds within which heads are compared
FRESH = 600.0  # seconds for which a peer's head tells who lies behind
IDENTITY = ("eth_chainId", "getGenesisHash", "/block-height/0")
FIRST = "/block-height/0"
BLOCKS = ("eth_getBlockByNumber", "/block-height/")
HEAD = ("eth_blockNumber", "getSlot", "/blocks/tip/height", "getMultipleAccounts")
OVERLOAD = (502, 503, 504, 509, 529)
AGGREGATE3 = b"0x82ad56cb"
BLOCK_HASH = b"ee82ac5e"  # of a block that an earlier reply named, asked for in the same call
THROTTLED = ("rate", "paused", Fault.THROTTLED_BARE, Fault.THROTTLED_TEXT, Fault.BUSY_TEXT, Fault.CHALLENGE)


class WorldClock(Clock):
    """True time: the loop's, and the unix seconds at which the world began added to it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, began: float) -> None:
        self._loop, self._began = loop, began

    def ticks(self) -> float:
        """Seconds since the world began."""
        return self._loop.time()

    def wall(self) -> float:
        """Unix seconds."""
        return self._began + self._loop.time()

    def since(self, at: float) -> float:
        """Everything is noticed when it arrives."""
        return at


class Line:
    """One exchange, as the host sees it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self.future: asyncio.Future[http.Response] = loop.create_future()
        self._clock = clock

    def reply(self, status: int, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Answer, with the Date that any server sends."""
        said = {"date": http_date(int(self._clock.wall()))} | {name.lower(): value for name, value in headers}
        if not self.future.done():
            self.future.set_result(http.Response(status, said, body))

    def reset(self) -> None:
        """Break the connection."""
        self._break(ReadCode.UNREACHABLE, "the connection broke", wordless=True)

    def reply_in_part(self, status: int, body: bytes, *, reset: bool) -> None:
        """Break off in the midst of the body."""
        self._break(ReadCode.UNREACHABLE, "the reply broke off")

    def flood(self, status: int, body: bytes, megabytes: int) -> None:
        """Send more than anybody takes."""
        self._break(ReadCode.MALFORMED, "the reply is larger than 8 MiB")

    def _break(self, fault: ReadCode, text: str, *, wordless: bool = False) -> None:
        if not self.future.done():
            self.future.set_exception(CallError(fault, text, wordless=wordless))


class Meter:
    """Whether units come no faster than a rate, in any window: GCRA with what the client may be early by."""

    def __init__(self, rate: float, burst: float, early: float) -> None:
        self._rate, self._burst, self._early = rate, burst, early
        self._full = float("-inf")

    def late(self, cost: float, now: float) -> float:
        """Count `cost` units; by how many seconds they came too early."""
        fits = self._full + (cost - self._burst) / self._rate - self._early
        self._full = max(self._full, now) + cost / self._rate
        return fits - now


class Site:
    """A host with what it may complain of: its rate, windows and pauses, and what it said that was not so."""

    def __init__(self, plan: HostPlan, world: World, clock: WorldClock, watch: Watch, seed: int, *, stalls: bool) -> None:
        spec = plan.spec
        self._early = BUNCHED if plan.connect else EARLY
        if plan.connect and stalls:  # what was on its way when the process was held up goes out beside the next
            self._early += 1.0 / spec.rate
        self.plan, self.name, self.chain = plan, spec.name, spec.chain
        self.world = world[spec.chain]
        self.watch, self.beliefs = watch, watch.beliefs[spec.chain]
        self._for_good = plan.for_good
        self.host = Host(spec, self.world, (*plan.for_good, *plan.rules), seed=seed, clock=clock)
        told = self.host.endpoint
        self.endpoint: Endpoint = msgspec.structs.replace(
            told,
            url=f"https://{spec.name}.invalid{told.url}",
            per_minute=plan.per_minute,
            per_hour=plan.per_hour,
            trusted=plan.trusted,
        )
        self._limits = [(s, n) for s, n in ((60.0, plan.per_minute), (3600.0, plan.per_hour)) if n is not None]
        self.exposed = False  # it stated another chain, and was heard
        self.false = False  # it was heard to say a false amount, for which it may be out
        self.head_at = float("-inf")  # when it was last heard to name its true head
        self.stale_at = float("-inf")  # and an old one
        self.known_stale = False  # its peers, who were heard too, show that
        self.on_branch: set[tuple[str, str]] = set()  # what it was heard to say on a branch that would end
        self.branch_named = False  # and a block of it
        self.orphaned_at = self.block_at = float("-inf")  # when it was last heard on that branch, and to name a true block
        self.forget()

    def forget(self) -> None:
        """The client lost what it knew of us: our memory must not be longer."""
        spec = self.plan.spec
        self.meter = Meter(spec.rate, spec.allowance, self._early)
        self._calls: deque[tuple[float, float]] = deque()
        self.paused_until = float("-inf")
        self._refused_at = float("-inf")
        self.asked_at = float("-inf")

    def new_client(self) -> None:
        """Another process asks, that has to find out everything itself."""
        self.exposed = False
        self.known_stale = False
        self.head_at = self.stale_at = float("-inf")
        self.on_branch.clear()
        self.branch_named = False
        self.orphaned_at = self.block_at = float("-inf")

    def heal(self) -> None:
        """Only the faults stay that do so for good."""
        self.host.set_rules(self._for_good)

    def turn(self) -> None:
        """All is played again."""
        self._for_good = (*self.plan.turned, *self.plan.for_good)
        self.host.set_rules((*self._for_good, *self.plan.rules))
        self.host.reset()

    def begins(self, now: float) -> None:
        """A call was begun."""
        self.asked_at = now
        if self._refused_at < now < self.paused_until - 1e-6:  # in that instant it may have been decided on before
            self.watch.fail("pause", f"{self.name} was called {self.paused_until - now:.3f} s before the end of its pause")

    def arrived(self, entry: Entry, now: float) -> None:
        """A call went out."""
        cost = entry.cost if self.plan.spec.cost is Cost.ITEM else 1.0
        if (late := self.meter.late(cost, now)) > 1e-6:
            self.watch.fail("rate", f"{self.name} was called {late:.3f} s too early for its rate of {self.plan.spec.rate}/s")
        if self._limits:
            self._calls.append((now, cost))
            while self._calls[0][0] <= now - self._limits[-1][0]:
                self._calls.popleft()
            for seconds, limit in self._limits:
                used = sum(units for at, units in self._calls if at > now - seconds)
                if used > limit:
                    self.watch.fail(
                        "rate", f"{self.name} got {used:g} units within {seconds:g} s, of which {limit} are allowed"
                    )

    def heard(self, entry: Entry, body: bytes | None, *, began: float, now: float) -> None:
        """The client has got the reply to a call."""
        if entry.paused_until is not None:
            self._refused(entry.paused_until, now)
        elif entry.status in OVERLOAD:
            self.overloaded(now)
        elif began > self._refused_at and entry.answered in THROTTLED:  # not on the wire when the last pause began
            self._refused(now + OWN_PAUSE, now)
        elif began > self._refused_at and entry.answered == Fault.QUOTA:
            self._refused(now + QUOTA_PAUSE, now)
        aggregate = body is not None and AGGREGATE3 in body
        if entry.answered == Fault.WRONG_CHAIN:
            if aggregate or any(method in IDENTITY for method in entry.methods):
                self.exposed = True
            else:
                self._lied(entry)
        elif entry.answered == Fault.STALE:
            self._stale(entry, now, states_head=aggregate or self.world.family is Family.SOLANA)
        elif entry.answered == Fault.ORPHANED:
            self.orphaned_at = now
            self.branch_named = self.branch_named or aggregate or _names_block(entry)
            self.on_branch |= {(text.lower(), symbol) for text, symbol in named(entry.asks, self.world)}
            self._lied(entry)
        elif entry.answered in AMOUNTS:
            self.beliefs.lie(self._said(entry))
        elif entry.answered == "ok" and _names_block(entry):
            self.block_at = now
        elif entry.answered == "ok" and (aggregate or self._names_head(entry)):
            self.head_at = now
            if aggregate and began > self.orphaned_at and BLOCK_HASH in body:
                self.block_at = now
            self.known_stale = False
            for peer in self.watch.sites[self.chain]:
                peer.known_stale = peer.known_stale or peer._can_be_judged(now)

    def overloaded(self, now: float) -> None:
        """The client was refused without a word, which begins no pause, or one that the next refusal decides on."""
        self._refused(self.paused_until, now)

    def _names_head(self, entry: Entry) -> bool:
        """Whether it was asked for its head, or for balances; an answer of what tokens are is not taken for one."""
        proves = "getMultipleAccounts" in entry.methods and not entry.asks
        return any(method in HEAD for method in entry.methods) and not proves

    def _refused(self, until: float, now: float) -> None:
        self.paused_until = max(self.paused_until, until)
        self._refused_at = now

    def _stale(self, entry: Entry, now: float, *, states_head: bool) -> None:
        if states_head or any(method in HEAD for method in entry.methods):
            self.stale_at = now
            self.known_stale = self._can_be_judged(now)
        if not self.known_stale:
            (self.beliefs.behind if states_head else self.beliefs.believable).update(self._said(entry))

    def _can_be_judged(self, now: float) -> bool:
        """Whether two peers have named their true heads, and we ours shortly before."""
        others = [s for s in self.watch.sites[self.chain] if s is not self and not (s.exposed or s.false)]
        peers = sum(site.head_at > max(now - FRESH, site.stale_at) for site in others)
        return peers >= 2 and self.stale_at > now - RECENT

    def _lied(self, entry: Entry) -> None:
        self.beliefs.believable |= self._said(entry)

    def _said(self, entry: Entry) -> set[Said]:
        self.false = True
        return {(self.name, text.lower(), symbol) for text, symbol in named(entry.asks, self.world)}


def _names_block(entry: Entry) -> bool:
    """Whether it was asked for the hash of a block, other than the first one."""
    return any(method.startswith(BLOCKS) and method != FIRST for method in entry.methods)


class InProcess:
    """The transport of one process of the client."""

    def __init__(self, sites: dict[str, Site], clock: WorldClock, watch: Watch, timeout: float, dice: Random) -> None:
        self.dead = False
        self._sites = {site.endpoint.url: site for site in sites.values()}
        self._clock = clock
        self._watch = watch
        self._timeout = self.seconds = timeout
        self._dice = dice
        self.pins: dict[str, str] = {}

    async def dial(self, endpoint: Endpoint) -> Connection:
        """Refuse: no host of these worlds speaks in lines."""
        raise AssertionError(f"{endpoint.name} is not dialled in these worlds")

    async def send(self, endpoint: Endpoint, request: http.Request, sent=None) -> http.Response:  # type: ignore[no-untyped-def] # a stub
        """Exchange a request for its reply, or for the CallError that AioTransport makes of what happened."""
        site, loop = self._sites[endpoint.url], asyncio.get_running_loop()
        began = now = loop.time()
        site.begins(now)
        line = Line(loop, self._clock)
        gone = CallError(ReadCode.TIMEOUT, f"no reply within {self._timeout:g} s")
        timer = loop.call_later(self._timeout, lambda: line.future.done() or line.future.set_exception(gone))
        try:
            if site.plan.connect and self._dice.random() < 0.4:
                await asyncio.sleep(site.plan.connect * self._dice.random())
                now = loop.time()
            if any(first <= now < last for first, last in site.plan.refuses) and not self._watch.healed:
                raise CallError(ReadCode.UNREACHABLE, "no connection: Connection refused", wordless=True)
            if sent is not None:
                sent()
            url = urlsplit(Below.of(endpoint.url).target(request))
            site.host.serve(Request(request.method, url.path, parse_query(url.query), request.body or b""), line)
            entry = site.host.log.pop()
            asks = ",".join(address for address, _ in entry.asks)
            self._watch.trace(f"{now:.6f} {site.name} {','.join(entry.methods)} {entry.items} {asks} {entry.answered}")
            site.arrived(entry, now)
            response = await line.future
            site.heard(entry, request.body, began=began, now=loop.time())
            return response
        except CallError as error:
            self._watch.trace(f"{loop.time():.6f} {site.name} since {began:.6f}: {error.fault}")
            if error.wordless:
                site.overloaded(loop.time())
            raise
        finally:
            timer.cancel()
            if line.future.done() and not line.future.cancelled():
                line.future.exception()  # it may never be asked for
