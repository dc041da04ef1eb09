"""How far a scan is and how long it takes: counted as readings end, said in words, and right from its first tenth on."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from hdscan.model.events import ChainProgress, Event, ScanProgress
from hdscan.sim.faults import Fault, Rule, always
from tests.scan.stage import Stage, host, of, played, stage


class Heard:
    """Progress with the seconds at which it came."""

    def __init__(self, on: Stage) -> None:
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()
        self.on = on
        self.events: list[tuple[float, ChainProgress]] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, ChainProgress):
            self.events.append((self._clock() - self._began, event))

    @property
    def read_at(self) -> float:
        return next(at for at, event in self.events if event.ended == event.readings)


@played
async def test_progress_moves_within_two_seconds_though_nothing_is_committed(tmp_path: Path) -> None:
    async with stage(tmp_path, (host("a", rate=10), host("b", rate=10)), addresses=150, chunk=150) as on:
        heard = Heard(on)
        await on.scan(heard)
    moves = [(at, event) for at, event in heard.events if event.ended < event.readings]
    assert any(event.answered and not event.ended for _, event in moves)
    answered = [event.answered for _, event in moves]
    assert answered == sorted(answered)
    grew = [at for (at, event), before in zip(moves[1:], answered, strict=False) if event.answered > before]
    assert all(later - at <= 2.0 for at, later in pairwise(grew))
    assert len(grew) > 5
    assert heard.events[-1][1].answered == 150


@pytest.mark.parametrize(("chain", "rates", "count"), [("btc", (12, 8), 200), ("sol", (3, 2), 1000)])
@played
async def test_the_time_left_is_right_from_the_first_tenth_on(
    tmp_path: Path, chain: str, rates: tuple[float, float], count: int
) -> None:
    hosts = (host("a", chain, rate=rates[0]), host("b", chain, rate=rates[1]))
    async with stage(tmp_path, hosts, addresses=count, chunk=1000) as on:
        heard = Heard(on)
        await on.scan(heard)
        left = [(heard.read_at - at, event) for at, event in heard.events if event.answered * 10 >= event.readings]
    compared = [(true, event.eta) for true, event in left if true > 5.0]
    assert compared
    for true, said in compared:
        assert said == pytest.approx(true, rel=0.2)


@played
async def test_it_says_what_it_waits_for(tmp_path: Path) -> None:
    faults = {"a": [Rule(faults=(Fault.THROTTLED_SECONDS,), first=5, stop=6)]}
    hosts = (host("a", rate=5, pause=9.0), host("b", rate=5))
    async with stage(tmp_path, hosts, faults=faults, addresses=120) as on:
        events = await on.scan()
    said = {event.waiting for event in of(events, ScanProgress)}
    assert {f"1 of 2 hosts rests for {left} s" for left in (3, 4, 5)} & said
    assert None in said


@played
async def test_it_says_why_no_host_proves_its_chain_yet(tmp_path: Path) -> None:
    faults = {"a": [always(Fault.SERVER_ERROR, until=3.0)]}
    async with stage(tmp_path, (host("a", rate=50),), faults=faults, addresses=40) as on:
        events = await on.scan()
    said = {event.waiting for event in of(events, ScanProgress) if event.waiting}
    assert any(each.startswith("asks its hosts for their chain; a: HTTP 5") for each in said), said


@played
async def test_an_outage_lasts_until_something_is_read(tmp_path: Path) -> None:
    async with stage(tmp_path, (host("a", rate=50),), addresses=40) as on:
        on.city.set_faults({"a": [always(Fault.SERVER_ERROR, since=0.3, until=1.5)]})
        seen: list[tuple[str, int]] = []

        def note(event: Event) -> None:
            if isinstance(event, ScanProgress):
                seen.append(("progress", event.answered))
            elif getattr(event, "outage", False):
                seen.append(("outage", -1))

        await on.scan(note)
    first = seen.index(("outage", -1))
    before = max((count for kind, count in seen[:first] if kind == "progress"), default=0)
    after = [count for kind, count in seen[first:] if kind == "progress"]
    assert after[0] > before
