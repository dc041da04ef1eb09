"""What the next scan will take, from what is known before the first call."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from hdscan.app.fleet import Offline, make_fleet, policy
from hdscan.model.endpoint import Endpoint
from hdscan.model.forecast import (
    ChainEntry,
    ChainForecast,
    Forecast,
    HostEntry,
    KeyForecast,
    ProviderForecast,
    QuotaForecast,
)
from hdscan.model.reading import Kind
from hdscan.model.scan import ScanRequest
from hdscan.model.times import rfc3339_seconds
from hdscan.pool.limiter import DAY, HOUR, MINUTE, MONTH
from hdscan.scan import outlook
from hdscan.scan.fleet import Fleet
from hdscan.scan.forecast import Tank, Work, foresee
from hdscan.scan.plan import Outlook, whole
from hdscan.scan.plan import outlook as what_is_left
from hdscan.scan.spare import SHARE
from hdscan.settings import Settings
from hdscan.settings.variables import VARIABLE
from hdscan.store import Store

WORDS = {HOUR: "hour", DAY: "day", MONTH: "month"}
THOUSAND = 1000  # addresses
CHECKS = 0.5  # seconds until the providers have proved their chains
SLOW = 30.0  # seconds from which it is worth to name what would help
TELLS = 0.1  # share of the readings that a quota holds back, from which it is named
HELPS = 0.7  # of the time, which a key has to reach
PROVED = "proved"  # stands for the program that a proof names


def plan(settings: Settings, store: Store, request: ScanRequest, now: float) -> Forecast:
    """What the scan that a request means will take; ScanRefused where there is none. Nothing is asked or begun."""
    due = what_is_left(store, request, settings.assets)
    return Planner(settings, store.runtime.load(), now).forecast(due)


def chains(settings: Settings, now: float) -> list[ChainEntry]:
    """Every chain, with its hosts and what a scan of 1,000 addresses takes by the published limits."""
    planner = Planner(settings, {}, now)
    found = []
    for name, assets in settings.assets.items():
        drawn = {each.name for each in planner.fleet.upstreams[name] if each.provider.drawn}
        (known,) = planner.forecast([whole(name, THOUSAND, assets)]).chains
        hosts = tuple(
            HostEntry(each.name, each.operated_by, each.disabled, each.lacks, each.name in drawn)
            for each in settings.endpoints
            if each.chain == name
        )
        symbols = tuple(asset.symbol for asset in assets)
        found.append(ChainEntry(name, symbols, hosts, known.calls, known.seconds, known.key, known.verdict))
    return found


class Planner:
    """Forecasts scans by the providers as they are known to be now."""

    def __init__(self, settings: Settings, memory: Mapping[str, bytes], now: float) -> None:
        self._settings = settings
        self._memory = memory
        self._now = now
        self.fleet = self._known(settings)

    def forecast(self, due: Sequence[Outlook]) -> Forecast:
        """The chains scanned at once."""
        works = {each.chain: self._work(each, self.fleet) for each in due}
        tanks = outlook.tanks(self.fleet.upstreams, works.values(), self._now)
        foresee(list(works.values()), tanks)
        chains = tuple(self._chain(each, works[each.chain], tanks, alone=len(due) == 1) for each in due)
        times = [each.seconds for each in chains]
        seconds = None if None in times else max((each for each in times if each is not None), default=0.0)
        fits = all(each.fits for each in chains)
        return Forecast(
            chains,
            sum(each.addresses for each in chains),
            sum(each.readings for each in chains),
            sum(each.calls for each in chains),
            seconds,
            fits,
            _whole(chains, seconds),
        )

    def _work(self, due: Outlook, fleet: Fleet) -> Work:
        rules = policy(self._settings)
        made = outlook.work(due.chain, fleet.upstreams[due.chain], due.left, self._now, policy=rules, doubts=due.doubts)
        limiters = fleet.limiters
        for lane in made.lanes:
            limiter = limiters[lane.endpoint]  # the check takes the first turn
            lane.opens = max(lane.opens, CHECKS, 0.0 if limiter.burst > 1.0 else min(1.0 / limiter.rate, SLOW))
        return made

    def _chain(self, due: Outlook, work: Work, tanks: Mapping[str, Tank], *, alone: bool) -> ChainForecast:
        readings = round(sum(due.left.values()))
        unserved = sum(due.left.values()) - sum(count for kind, count in due.left.items() if _served(kind, work))
        seconds = None if work.ends is None else round(work.ends, 1)
        limit = _limit(work, tanks, readings) if (seconds or SLOW) >= SLOW else None
        fits = work.halts is None and seconds is not None
        key = self._key(due, seconds, fits=fits) if not fits or (seconds or 0.0) >= SLOW else None
        contested = len({lane.operator for lane in work.lanes}) > 1
        able = len({lane.operator for lane in work.lanes if tanks[lane.endpoint].spares}) > 1
        spare = alone and able and fits and self._settings.scan.audit != "off"
        found = ChainForecast(
            chain=due.chain,
            addresses=due.addresses,
            readings=readings,
            second_words=round(sum(due.left.values()) * due.doubts) if contested else 0,
            calls=sum(-int(-lane.calls // 1) for lane in work.lanes),
            providers=tuple(_provider(lane.provider, lane.calls, lane.readings, tanks[lane.endpoint]) for lane in work.lanes),
            seconds=seconds,
            audit_seconds=round(SHARE * (seconds or 0.0), 1) if spare else 0.0,
            fits=fits,
            fitting=readings if fits else round(work.read),
            goes_on_at=None if work.resumes is None else rfc3339_seconds(self._now + work.resumes),
            limit=limit,
            key=key,
            verdict="",
        )
        return msgspec.structs.replace(found, verdict=_verdict(found, self._now, work, round(unserved)))

    def _key(self, due: Outlook, seconds: float | None, *, fits: bool) -> KeyForecast | None:
        """The key that helps this chain most, if one does."""
        lacking = [each for each in self._settings.endpoints if each.chain == due.chain and each.lacks]
        if not lacking or not sum(due.left.values()):
            return None
        found: list[KeyForecast] = []
        for endpoint in lacking:
            with_key = self._fleet_with(endpoint)
            work = self._work(due, with_key)
            foresee([work], outlook.tanks(with_key.upstreams, [work], self._now))
            if work.ends is not None and (work.halts is None or not fits):
                found.append(KeyForecast(endpoint.name, endpoint.lacks, round(work.ends, 1)))
        best = min(found, key=lambda each: each.seconds, default=None)
        return best if best and (seconds is None or best.seconds <= HELPS * seconds) else None

    def _fleet_with(self, added: Endpoint) -> Fleet:
        """The providers of one chain, as if this endpoint had its key."""
        url = VARIABLE.sub("key", added.url)
        endpoints = [each for each in self._settings.endpoints if each.chain == added.chain and each.name != added.name]
        switched_on = msgspec.structs.replace(added, url=url, disabled=None)
        return self._known(msgspec.structs.replace(self._settings, endpoints=(*endpoints, switched_on)))

    def _known(self, settings: Settings) -> Fleet:
        """The providers as earlier scans left them, with the tokens proved, as they are before the first is read."""
        fleet = make_fleet(settings, Offline(), lambda: self._now)
        fleet.restore(self._memory, self._now)
        for chain, upstreams in fleet.upstreams.items():
            proved = {asset.contract: PROVED for asset in settings.assets[chain] if asset.contract is not None}
            if any(each.provider.token_units for each in upstreams):
                for each in upstreams:
                    each.provider.know_tokens(proved)
        return fleet


def _served(kind: Kind, work: Work) -> bool:
    return any(kind in lane.yields for lane in work.lanes)


def _provider(name: str, calls: float, readings: float, tank: Tank) -> ProviderForecast:
    quotas = tuple(
        QuotaForecast(WORDS[each.seconds], each.limit, round(each.before), round(tank.taken))
        for each in tank.windows
        if each.seconds in WORDS
    )
    return ProviderForecast(name, -int(-calls // 1), round(readings), quotas)


def _limit(work: Work, tanks: Mapping[str, Tank], readings: int) -> str | None:
    """The quota that holds most back, if it is worth a word."""
    held = [
        (window.lost * max(lane.yields.values()), f"{lane.provider}'s {WORDS[window.seconds]}")
        for lane in work.lanes
        for window in tanks[lane.endpoint].windows
        if window.seconds > MINUTE
    ]
    lost, words = max(held, default=(0.0, ""))
    return words if lost > TELLS * readings else None


def _verdict(found: ChainForecast, now: float, work: Work, unserved: int) -> str:
    if not found.readings:
        return "nothing is left to read"
    if not found.providers:
        return "nobody can be asked; see: hdscan doctor"
    rest = f"; {unserved:,} readings can be asked of nobody" if unserved else ""
    help_ = f"a key for {found.key.endpoint} makes it {about(found.key.seconds)}" if found.key else ""
    if found.fits and found.seconds is not None:
        why = f"{found.limit} is the limit" if found.limit else ""
        reasons = "; ".join(each for each in (why, help_) if each)
        return f"about {about(found.seconds)}" + (f": {reasons}" if reasons else "") + rest
    if found.goes_on_at is None or work.halts is None:
        return "takes longer than two months" + (f"; {help_}" if help_ else "") + rest
    until = "" if work.halts < 1.0 else f" until {_clock(now + work.halts)}"
    goes_on = f"goes on at {_clock(now + (work.resumes or 0.0))}"
    text = f"does not fit now: {found.fitting:,} of {found.readings:,} readings{until}, {goes_on}"
    return text + (f"; {help_}" if help_ else "") + rest


def _whole(chains: Iterable[ChainForecast], seconds: float | None) -> str:
    late = [each.chain for each in chains if not each.fits]
    if late:
        return f"{', '.join(late)} {'does' if len(late) == 1 else 'do'} not fit now"
    return f"about {about(seconds or 0.0)}"


def _clock(at: float) -> str:
    return f"{rfc3339_seconds(at)[:16].replace('T', ' ')} UTC"


def about(seconds: float) -> str:
    """A time that nobody knows to the second: 5 s, 40 s, 12 min, 2.5 h, 3 days."""
    if seconds < 90:
        return f"{max(1, round(seconds)) if seconds < 10 else 5 * round(seconds / 5)} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    if seconds < 36 * HOUR:
        return f"{round(seconds / HOUR, 1):g} h"
    return f"{round(seconds / DAY)} days"
