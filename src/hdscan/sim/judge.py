"""Judges a client by the logs: requests beyond a rate, within an announced pause, or repeated."""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from hdscan.model.chain import Family
from hdscan.sim.host import Entry, HostSpec
from hdscan.sim.meter import TOLERANCE, Meter
from hdscan.sim.speaker import Ask
from hdscan.sim.world import ChainWorld


class Judgement(msgspec.Struct, frozen=True):
    """One host's log, judged.

    `rate_violations` are requests beyond published rate * time + burst (50 ms of tolerance), `pause_violations` those within an
    announced Retry-After, except what was on the wire when it was sent. `answered` counts how requests ended (see Entry),
    `repeated` how often an (address, asset) was asked for after a correct answer. `lies` are readings whose amount was stated
    wrongly.
    """

    host: str
    chain: str
    requests: int
    items: int
    answered: dict[str, int]
    rate_violations: int
    pause_violations: int
    repeated: int
    lies: int = 0

    @property
    def violations(self) -> int:
        return self.rate_violations + self.pause_violations


def judge(spec: HostSpec, log: Sequence[Entry]) -> Judgement:
    """Judge one host's log, in the order of arrival."""
    return Judgement(
        spec.name,
        spec.chain,
        len(log),
        sum(entry.items for entry in log),
        dict(Counter(entry.answered for entry in log)),
        len(rate_violations(spec, log)),
        len(pause_violations(spec, log)),
        sum(repeated_asks(log).values()),
        sum(entry.lies for entry in log),
    )


def rate_violations(spec: HostSpec, log: Iterable[Entry]) -> list[Entry]:
    """Find the requests beyond the published rate."""
    meter = Meter(spec.rate, spec.allowance)
    return [entry for entry in log if not meter.admit(entry.since, entry.at, entry.cost)]


def pause_violations(spec: HostSpec, log: Iterable[Entry]) -> list[Entry]:
    """Find the requests within a pause that was announced at least TOLERANCE + latency earlier."""
    found: list[Entry] = []
    pauses: list[tuple[float, float]] = []
    for entry in log:
        pauses = [pause for pause in pauses if pause[1] > entry.at]
        if any(begin < entry.since for begin, _ in pauses):
            found.append(entry)
        if entry.paused_until is not None and entry.sent is not None:
            pauses.append((entry.sent + TOLERANCE + spec.latency, entry.paused_until))
    return found


def repeated_asks(log: Iterable[Entry]) -> Counter[Ask]:
    """Count asks after the first one answered "ok", per (address, asset symbol)."""
    answered: set[Ask] = set()
    repeated: Counter[Ask] = Counter()
    for entry in log:
        asks = set(entry.asks)
        repeated.update(asks & answered)
        if entry.answered == "ok":
            answered |= asks
    return repeated


def named(asks: Iterable[Ask], world: ChainWorld) -> Iterable[Ask]:
    """Replace Solana's token accounts, existing or not, by (owner, token)."""
    if world.family is not Family.SOLANA:
        return asks
    return [(key, symbol) if symbol == world.chain.symbol else world.owners.get(key, (key, symbol)) for key, symbol in asks]
