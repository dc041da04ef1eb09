"""How long the running scans still take: the forecast over what is left, by the limits and rates as they are now. Pure."""

from collections.abc import Mapping, Sequence

import msgspec

from hdscan.model.reading import Kind
from hdscan.pool.policy import Policy
from hdscan.pool.queue import BALANCES
from hdscan.pool.upstream import Upstream
from hdscan.scan import outlook
from hdscan.scan.forecast import foresee

OFTEN, SELDOM = 1.0, 10.0  # seconds between forecasts
SHARE = 0.02  # of what is left, between forecasts
ASSUMED = 50.0  # readings for which the share of second words that was assumed counts


class Left(msgspec.Struct, frozen=True):
    """What a chain has left: readings without any answer per kind, second words that are asked for, and how many there were.

    `doubted` of `answered` readings needed a second word in this run.
    """

    readings: Mapping[Kind, float]
    pending: int
    answered: int
    doubted: int
    assumed: float  # share of second words


class Etas:
    """The seconds until every chain has read everything; times in unix seconds."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._found: dict[str, tuple[float, float]] = {}  # by chain: when it ends, and when that was forecast
        self._next_at = 0.0

    def of(self, chain: str, now: float) -> float | None:
        """None where it is not known, or overdue."""
        ends, _ = self._found.get(chain, (0.0, 0.0))
        return round(ends - now, 1) if ends > now else None

    def refresh(self, left: Mapping[str, Left], upstreams: Mapping[str, Sequence[Upstream]], now: float) -> None:
        """Forecast anew, unless that was done just now."""
        if now < self._next_at:
            return
        works = [
            outlook.work(chain, upstreams[chain], _to_ask(each), now, policy=self._policy, doubts=_doubts(each))
            for chain, each in left.items()
        ]
        foresee(works, outlook.tanks(upstreams, works, now))
        self._found = {work.chain: (now + work.ends, now) for work in works if work.ends is not None}
        soonest = min((work.ends for work in works if work.ends), default=0.0)
        self._next_at = now + min(SELDOM, max(OFTEN, SHARE * soonest))


def _doubts(left: Left) -> float:
    return (left.doubted + ASSUMED * left.assumed) / (left.answered + ASSUMED)


def _to_ask(left: Left) -> dict[Kind, float]:
    """The readings left, and as many more as the second words on their way are worth."""
    whole = sum(left.readings.values())
    more = left.pending / (1.0 + _doubts(left))
    return {kind: left.readings[kind] * (1.0 + more / whole) if whole else more / len(BALANCES) for kind in left.readings}
