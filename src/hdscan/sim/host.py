"""One simulated host: a protocol behind a port, with a rate limit, batch cap, latency, faults and a request log."""

import asyncio
import os
import random
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from math import ceil, floor
from pkgutil import resolve_name

import msgspec

from hdscan.model.endpoint import Cost, Endpoint
from hdscan.model.protocol import PROTOCOLS
from hdscan.sim.certificate import server_context
from hdscan.sim.clock import Clock
from hdscan.sim.faults import Asked, Fault, FaultPlan, Rule, Trouble
from hdscan.sim.http import Connection, Exchange, Headers, Listener, Request, http_date
from hdscan.sim.lines import NOTICE, LineConnection
from hdscan.sim.meter import Meter
from hdscan.sim.speaker import Answer, Ask, Call, Speaker
from hdscan.sim.view import View
from hdscan.sim.world import ChainWorld

FLOOD_MEGABYTES = 64
PAUSED = "paused"
HTML = b"<html><head><title>%d</title></head><body><center><h1>%d</h1></center><hr><center>nginx</center></body></html>"
PROSE = (("Content-Type", "text/plain"),)
BODIES = {
    Fault.MALFORMED: b'{"jsonrpc":"2.0","result":{"error code: 1015',
    Fault.EMPTY_BODY: b"",
    Fault.EMPTY_OBJECT: b"{}",
}
STATUSES = {
    Fault.SERVER_ERROR: (500, 502, 504),
    Fault.QUOTA: (402,),
    Fault.BAD_KEY: (401,),
    Fault.CHALLENGE: (200, 403, 503),
}
PAGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Enable JavaScript to continue</body></html>"


class Throttle(StrEnum):
    """How a host refuses requests beyond its rate."""

    SECONDS = "seconds"  # 429 with Retry-After in seconds
    DATE = "date"  # 429 with Retry-After as an HTTP-date
    BARE = "bare"  # 429 without Retry-After
    TEXT = "text"  # HTTP 200 with a sentence
    OVERLOAD = "overload"  # 503 without Retry-After, as nginx's limit_req


THROTTLES = {
    Fault.THROTTLED_SECONDS: Throttle.SECONDS,
    Fault.THROTTLED_DATE: Throttle.DATE,
    Fault.THROTTLED_BARE: Throttle.BARE,
    Fault.THROTTLED_TEXT: Throttle.TEXT,
    Fault.UNAVAILABLE: Throttle.SECONDS,
    Fault.OVERLOADED: Throttle.OVERLOAD,
}


class HostSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A host to simulate.

    Clients are told `rate` (calls or items per second, by `cost`) and judged by it; `hidden_rate`, if given, is enforced
    instead. `batch` items per call and a `burst` are enforced, `published_batch` and `published_burst` are told. `latency` is
    the mean in seconds, jittered by half. A refusal begins a pause of `pause` seconds, announced as `throttle` says. One
    aggregate3 may hold `gas_cap` subcalls. `tls` is for Electrum, with a self-signed certificate. A bitcoind's
    pass over the unspent outputs takes `pass_seconds`.
    """

    name: str
    chain: str
    protocols: tuple[str, ...]
    rate: float
    hidden_rate: float | None = None
    burst: float = 1.0
    published_burst: int = 1
    cost: Cost = Cost.CALL
    batch: int | None = None
    published_batch: int | None = None
    latency: float = 0.02
    throttle: Throttle = Throttle.SECONDS
    pause: float = 1.0
    gas_cap: int = 5_000
    operator: str | None = None
    tls: bool = False
    pass_seconds: float = 0.0

    @property
    def allowance(self) -> float:
        """The burst in calls or items; at least one second's worth of items."""
        return max(self.burst, self.rate) if self.cost is Cost.ITEM else self.burst


class Entry(msgspec.Struct):
    """One request in the log.

    It arrived between `since` and `at` and was answered at `sent` (None: never), in monotonic seconds of the simulator's
    process; `wall` is unix seconds. `answered` is "ok", a fault's name, "rate", "paused" or "batch"; `paused_until` is set if
    the reply announced a pause. `lies` counts the readings whose amount it stated wrongly.
    """

    since: float
    at: float
    wall: float
    methods: tuple[str, ...]
    items: int
    cost: float
    asks: tuple[Ask, ...]
    answered: str = "ok"
    status: int | None = None
    sent: float | None = None
    paused_until: float | None = None
    lies: int = 0


class Host:
    """Serves one chain's world by one protocol; `rules` are its faults, and the seed decides all chance.

    `listener.open` listens on a port; `serve` takes a request without a socket.
    """

    def __init__(
        self,
        spec: HostSpec,
        world: ChainWorld,
        rules: tuple[Rule, ...] = (),
        *,
        seed: int = 0,
        clock: Clock,
        keep_asks: bool = True,
    ) -> None:
        self.spec = spec
        self.log: list[Entry] = []
        self._world, self._clock, self._keep_asks = world, clock, keep_asks
        self._seed = f"{seed}/{spec.name}"
        self._dice = random.Random(self._seed)  # noqa: S311 - reproducible on purpose
        protocol = PROTOCOLS[spec.protocols[0]]
        self._speaker: Speaker = resolve_name(protocol.speaker)(world, spec.gas_cap)
        self._speaker.pass_seconds = spec.pass_seconds
        self._lines = protocol.lines
        if self._lines:
            context = server_context(os.urandom(32)) if spec.tls else None
            self.listener = Listener(partial(LineConnection, self.serve, self._news), "ssl" if spec.tls else "tcp", context)
        else:
            self.listener = Listener(partial(Connection, self.serve))
        self.set_rules(rules)
        self.reset()

    def set_rules(self, rules: tuple[Rule, ...]) -> None:
        """Replace the faults; scripts begin anew."""
        self._plan = FaultPlan(rules, self._seed)

    def reset(self) -> None:
        """Empty the log, fill the bucket, end any pause; rules count time from the next request."""
        self.log = []
        self._number = 0
        self._first: float | None = None
        self._branch: int | None = None  # its first block, fixed by the first request that is answered from it
        self._paused_until = 0.0
        spec = self.spec
        rate = spec.hidden_rate or spec.rate
        self._meter = Meter(rate, max(spec.burst, rate) if spec.cost is Cost.ITEM else spec.burst)

    @property
    def endpoint(self) -> Endpoint:
        """The host as clients are told about it."""
        spec = self.spec
        return Endpoint(
            name=spec.name,
            chain=spec.chain,
            protocols=spec.protocols,
            url=self.listener.url + self._speaker.path,
            rate=spec.rate,
            burst=spec.published_burst,
            cost=spec.cost,
            batch=spec.published_batch,
            operator=spec.operator,
            tls="pin" if spec.tls else "system",
        )

    def _news(self) -> View:
        asked = Asked(self._number, self._clock.ticks() - (self._first or 0.0), (NOTICE,), (), self._world.chain.symbol)
        return self._view(self._plan.pick(asked))

    def _view(self, trouble: Trouble) -> View:
        now = self._clock.wall()
        if trouble.fault is Fault.ORPHANED and self._branch is None:
            self._branch = self._world.height(now) - 1
        return View(self._world, trouble.fault, share=trouble.share, seed=self._seed, branch=self._branch or 0, now=now)

    def serve(self, request: Request, connection: Exchange) -> None:
        """Take a request; `connection` gets the reply, or breaks, after the latency."""
        at = self._clock.ticks()
        call = self._speaker.hear(request)
        spec = self.spec
        cost = float(call.items) if spec.cost is Cost.ITEM else 1.0
        entry = Entry(
            self._clock.since(at), at, self._clock.wall(), call.methods, call.items, cost, call.asks if self._keep_asks else ()
        )
        self.log.append(entry)
        if self._first is None:
            self._first = at
        asked = Asked(self._number, at - self._first, call.methods, call.asks, self._world.chain.symbol)
        self._number += 1
        if at < self._paused_until:
            self._refuse(entry, connection, spec.throttle, PAUSED)
        elif not self._meter.admit(entry.since, at, cost):
            self._refuse(entry, connection, spec.throttle, "rate")
        elif spec.batch is not None and call.items > spec.batch:
            self._send(entry, connection, self._speaker.too_large(spec.batch), "batch")
        else:
            self._answer(entry, connection, call, self._plan.pick(asked))

    def _answer(self, entry: Entry, connection: Exchange, call: Call, trouble: Trouble) -> None:
        fault = trouble.fault
        if fault is not None:
            entry.answered = fault.value
        if fault in THROTTLES:
            self._refuse(entry, connection, THROTTLES[fault], fault.value)
        elif fault in STATUSES and not (self._lines and fault is Fault.CHALLENGE):
            status = self._dice.choice(STATUSES[fault])
            page = PAGE if fault is Fault.CHALLENGE else HTML % (status, status)
            self._send(entry, connection, Answer(page, status, text=True), fault.value)
        elif fault is Fault.TOO_LARGE:
            self._send(entry, connection, self._speaker.too_large(max(1, call.items // 2)), fault.value)
        elif fault in BODIES:
            self._send(entry, connection, Answer(BODIES[fault]), fault.value)
        elif fault is Fault.RESET:
            self._later(connection.reset)
        elif fault is not Fault.HANG:
            view = self._view(trouble)
            answer = self._speaker.refuse(call, trouble) or self._speaker.answer(call, view, trouble)
            entry.lies = len(view.lies)
            if fault in (Fault.RESET_MID_BODY, Fault.CLOSED_MID_BODY):
                reset = fault is Fault.RESET_MID_BODY
                self._later(lambda: connection.reply_in_part(answer.status, answer.body, reset=reset))
            elif fault is Fault.OVERSIZED:
                self._later(lambda: connection.flood(answer.status, answer.body, FLOOD_MEGABYTES))
            elif fault is Fault.TRUNCATED:
                self._send(entry, connection, Answer(answer.body[: len(answer.body) // 2]), fault.value)
            elif fault is Fault.ANSWER_AND_PAUSE and not self._lines:
                self._send(entry, connection, answer, fault.value, self._pause(entry))
            else:
                self._send(entry, connection, answer, entry.answered)

    def _refuse(self, entry: Entry, connection: Exchange, how: Throttle, why: str) -> None:
        """Refuse with 429 (or 503) in the host's way, beginning or continuing the pause that it announces."""
        how = Throttle.BARE if self._lines else how  # lines have no headers: a pause cannot be announced
        answer = self._speaker.throttled(disguised=how is Throttle.TEXT)
        if why == Fault.UNAVAILABLE:
            answer = Answer(b"Service Unavailable", 503, text=True)
        elif how is Throttle.OVERLOAD:
            answer = Answer(HTML % (503, 503), 503, text=True)
        now, wall = self._clock.ticks(), self._clock.wall()
        seconds = max(1, ceil(self._paused_until - now if why == PAUSED else self.spec.pause))
        headers: Headers = ()
        if how is Throttle.SECONDS:
            headers = (("Retry-After", str(seconds)),)
            entry.paused_until = now + seconds
        elif how is Throttle.DATE:
            until = floor(wall) + seconds
            headers = (("Retry-After", http_date(until)), ("Date", http_date(int(wall))))
            entry.paused_until = now + until - wall
        if why != PAUSED and entry.paused_until is not None:
            self._paused_until = max(self._paused_until, entry.paused_until)
        self._send(entry, connection, answer, why, headers)

    def _pause(self, entry: Entry) -> Headers:
        seconds = max(1, ceil(self.spec.pause))
        self._paused_until = entry.paused_until = self._clock.ticks() + seconds
        return (("Retry-After", str(seconds)),)

    def _send(self, entry: Entry, connection: Exchange, answer: Answer, answered: str, headers: Headers = ()) -> None:
        entry.answered = answered

        def now() -> None:
            entry.status, entry.sent = answer.status, self._clock.ticks()
            connection.reply(answer.status, answer.instead() or answer.body, headers + PROSE if answer.text else headers)

        self._later(now, answer.after)

    def _later(self, action: Callable[[], None], after: float = 0.0) -> None:
        delay = after + self.spec.latency * (0.5 + self._dice.random())
        asyncio.get_running_loop().call_later(delay, action)
