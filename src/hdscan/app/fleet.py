"""Builds the configured providers: a limiter per endpoint, an upstream per provider."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from hdscan.model.chain import Asset
from hdscan.model.endpoint import Endpoint
from hdscan.model.errors import ConfigError, InputError
from hdscan.model.reading import Kind
from hdscan.model.recast import recast
from hdscan.model.scan import ProviderState, ProviderStatus
from hdscan.pool.limiter import DAY, HOUR, MINUTE, MONTH, Limiter
from hdscan.pool.policy import Policy
from hdscan.pool.retry_after import retry_after
from hdscan.pool.upstream import Upstream
from hdscan.provider.build import build
from hdscan.provider.canaries import Canaries
from hdscan.provider.remote import Transport
from hdscan.scan.fleet import Fleet
from hdscan.settings import Settings


class Offline:
    """A transport for providers that are only listed."""

    seconds = 0.0

    def __init__(self) -> None:
        self.pins: dict[str, str] = {}

    async def send(self, endpoint: Endpoint, request: Any, sent: Callable[[], None] | None = None) -> Any:
        raise AssertionError("a provider that is only listed was asked")

    async def dial(self, endpoint: Endpoint) -> Any:
        raise AssertionError("a provider that is only listed was dialled")


def idle_fleet(settings: Settings) -> Fleet:
    """Every configured provider, without a network."""
    return make_fleet(settings, Offline(), time.time)


def policy(settings: Settings) -> Policy:
    """The part of [scan] that configures the pool."""
    return recast(settings.scan, Policy)


def make_fleet(settings: Settings, transport: Transport, clock: Callable[[], float]) -> Fleet:
    """Every configured provider; rows with the same host and key share a limiter with the stricter rates."""
    upstreams: dict[str, list[Upstream]] = {chain: [] for chain in settings.chains}
    limiters: dict[str, Limiter] = {}
    off: list[ProviderStatus] = []
    canaries = {name: Canaries(chain) for name, chain in settings.chains.items()}
    for endpoint in settings.endpoints:
        if endpoint.disabled is not None:
            off += [_disabled(endpoint, protocol, endpoint.disabled) for protocol in endpoint.protocols]
            continue
        providers = build(endpoint, settings.chains[endpoint.chain], transport, clock, canaries[endpoint.chain])
        limits = {MINUTE: endpoint.per_minute, HOUR: endpoint.per_hour, DAY: endpoint.per_day, MONTH: endpoint.per_month}
        windows = [(seconds, limit) for seconds, limit in limits.items() if limit is not None]
        limiter = limiters.get(providers[0].endpoint)
        if limiter is None:
            limiter = limiters[providers[0].endpoint] = Limiter(endpoint.rate, windows, endpoint.burst)
        else:
            limiter.tighten(endpoint.rate, windows, endpoint.burst)
        unproved = dict.fromkeys(asset.contract for asset in settings.assets[endpoint.chain] if asset.contract is not None)
        for provider in providers:
            provider.know_tokens(unproved)
            provider.sent, provider.held = _told(limiter, clock), _held(limiter, clock)
        upstreams[endpoint.chain] += [Upstream(p, p.protocol, limiter, policy(settings)) for p in providers]
    return Fleet(upstreams, limiters, off, transport.pins, {chain: {} for chain in settings.chains})


def unchallenged(upstreams: Sequence[Upstream], assets: Sequence[Asset]) -> str | None:
    """A sentence about the assets that one operator alone can read, unless its word is enough; None where there are none."""
    serving = {kind: [each for each in upstreams if each.serves(kind)] for kind in (Kind.NATIVE, Kind.TOKEN)}
    alone = [asset.symbol for asset in assets if _alone(serving[Kind.NATIVE if asset.is_native else Kind.TOKEN])]
    if not alone:
        return None
    what = "it" if len(alone) == len(assets) else f"its {' and '.join(alone)}"
    return f"one operator alone serves {what}, so nobody can contradict it"


def _alone(upstreams: Sequence[Upstream]) -> bool:
    operators = {each.provider.operator for each in upstreams}
    return len(operators) == 1 and not any(each.provider.trusted for each in upstreams)


def check_canaries(settings: Settings) -> None:
    """ConfigError where a canary is no address of its chain."""
    from hdscan.keys.address import canonical

    for chain in settings.chains.values():
        for text in chain.canaries:
            try:
                canonical(chain, text)
            except InputError as error:
                raise ConfigError(f"[[canary]] of {chain.id}: {text} {error}") from None


def _told(limiter: Limiter, clock: Callable[[], float]) -> Callable[[], None]:
    limiter.hears_sent = True
    return lambda: limiter.sent(clock())


def _held(limiter: Limiter, clock: Callable[[], float]) -> Callable[[str, str | None], None]:
    def held(wait: str, date: str | None) -> None:
        limiter.hold(clock(), retry_after(wait, date, clock()) or 0.0)

    return held


def _disabled(endpoint: Endpoint, protocol: str, why: str) -> ProviderStatus:
    return ProviderStatus(
        name=endpoint.provider_name(protocol),
        chain=endpoint.chain,
        protocol=protocol,
        state=ProviderState.DISABLED,
        breaker={},
        rate=endpoint.rate,
        paused_until=None,
        last_error=why,
        **dict.fromkeys(("calls", "ok", "failed", "throttled", "amounts"), 0),
    )
