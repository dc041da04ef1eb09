"""Checks the clock against the providers' clocks."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from hdscan.app.doctor.finding import Finding, Level
from hdscan.model.endpoint import Endpoint
from hdscan.model.times import rfc3339_seconds
from hdscan.pool.retry_after import http_date
from hdscan.provider.transport import AioTransport

CLOCK_WARN, CLOCK_FAIL = 5.0, 120.0  # seconds of offset
RELEASED = 1_767_225_600.0  # 2026-01-01 UTC: a clock that shows an earlier time is wrong
SET_CLOCK = "set the clock, best by NTP; amounts are dated by it"


def clock_offline(newest: float, now: float) -> Finding:
    """Check that the clock is plausible; `newest` is when the database was last written (unix seconds)."""
    shown = rfc3339_seconds(now)
    if now < RELEASED:
        return Finding("clock", Level.FAIL, f"the clock shows {shown}, before this program was made", SET_CLOCK)
    if newest > now + CLOCK_WARN:
        text = f"the clock shows {shown}, but the database was written at {rfc3339_seconds(newest)}"
        return Finding("clock", Level.WARN, text, SET_CLOCK)
    return Finding("clock", Level.OK, f"{shown} is plausible; without --offline it is compared with the providers' clocks")


def clock_online(offsets: Sequence[float], now: float) -> Finding:
    """Compare the clock with the providers': `offsets` in seconds, positive if ours is behind; the median decides."""
    if not offsets:
        text = f"{rfc3339_seconds(now)} could not be compared: no provider answered"
        return Finding("clock", Level.WARN, text, "try again later")
    off = median(offsets)
    hosts = "1 provider" if len(offsets) == 1 else f"{len(offsets)} providers"
    if abs(off) < CLOCK_WARN:
        return Finding("clock", Level.OK, f"{rfc3339_seconds(now)} agrees with {hosts}")
    level = Level.FAIL if abs(off) >= CLOCK_FAIL else Level.WARN
    way = "behind" if off > 0 else "ahead of"
    return Finding("clock", level, f"the clock is {abs(off):.0f} s {way} the providers' ({hosts})", SET_CLOCK)


class Listening(AioTransport):
    """A transport that records the clock offset of every reply (see `clock_online`)."""

    def __init__(self, timeout: float, clock: Callable[[], float]) -> None:
        super().__init__(timeout)
        self.offsets: list[float] = []
        self._now = clock

    # requests and replies are types of `wire`, which app does not import
    async def send(self, endpoint: Endpoint, request: Any, sent: Callable[[], None] | None = None) -> Any:
        asked = self._now()
        response = await super().send(endpoint, request, sent)
        received = self._now()
        said = http_date(response.headers.get("date", ""), received)
        if said is not None:
            age = response.headers.get("age", "")  # a cached reply carries the time at which it was made
            said += float(age) if age.isascii() and age.isdigit() and len(age) < 8 else 0.0
            # the header is cut to the second, and was written between `asked` and `received`
            self.offsets.append(max(said - received, 0.0) + min(said + 1.0 - asked, 0.0))
        return response
