"""What a chain waits for, in words: its hosts that rest, and until when. Pure."""

from collections.abc import Iterable, Sequence

from hdscan.model.reading import Kind
from hdscan.model.times import rfc3339_seconds
from hdscan.pool.upstream import Upstream
from hdscan.pool.upstreams import Blockage, blocked_for

SOON = 90.0  # seconds that are counted; what takes longer is said as a time
NEVER = float("inf")


def waits_for(upstreams: Iterable[Upstream], now: float) -> str | None:
    """For example "2 of 3 hosts rest for 9 s"; None where every host may be asked."""
    hosts: dict[str, list[Upstream]] = {}
    for each in upstreams:
        if not each.trust.out:
            hosts.setdefault(each.endpoint, []).append(each)
    if not hosts:
        return None
    every = [each for group in hosts.values() for each in group]
    if not any(each.trusted for each in every):
        failed = next((f"; {each.name}: {each.last_error}" for each in every if each.check_failed and each.last_error), "")
        return f"asks its hosts for their chain{failed}"
    resting = {group[0].name: rest for group in hosts.values() if (rest := _rest(group, now)) is not None}
    if not resting:
        return None
    name, soonest = min(resting.items(), key=lambda item: item[1].until)
    if soonest.until == NEVER:
        return None
    if len(resting) == len(hosts) and soonest.reason.startswith("quota"):
        return f"waits for the quota of {name} until {_clock(soonest.until)}"
    hosts_words = f"{len(resting)} of {len(hosts)} hosts" if len(hosts) > 1 else "the only host"
    rests = "rests" if len(resting) == 1 else "rest"
    left = soonest.until - now
    return f"{hosts_words} {rests} " + (f"for {left:.0f} s" if left < SOON else f"until {_clock(soonest.until)}")


def _rest(group: Sequence[Upstream], now: float) -> Blockage | None:
    """What keeps every provider of a host from being asked; the one that ends first."""
    found: list[Blockage] = []
    for each in group:
        for kind in (Kind.NATIVE, Kind.TOKEN):
            if each.serves(kind):
                rest = blocked_for(each, kind, now)
                if rest is None or rest.until <= now:
                    return None
                found.append(rest)
    return min(found, key=lambda rest: rest.until, default=None)


def _clock(at: float) -> str:
    return f"{rfc3339_seconds(at)[11:16]} UTC"
