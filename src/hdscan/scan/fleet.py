"""All configured providers, and what was learned about them, which outlives the process."""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import TypeVar

import msgspec
import structlog

from hdscan.model.provider import TokenFacts
from hdscan.model.scan import ProviderStatus
from hdscan.pool.batch import BatchMemory, BatchSize
from hdscan.pool.draw import REST
from hdscan.pool.limiter import Limiter, LimiterMemory
from hdscan.pool.upstream import Upstream

PINNED = "pin:"
RESTS = "rest:"
TOKEN = "token:"

T = TypeVar("T")
_log = structlog.get_logger()


class Fleet(msgspec.Struct, frozen=True):
    """Upstreams per chain, limiters per endpoint, providers that are off.

    `pins` are the fingerprints of the certificates first seen, by endpoint; the transport shares and fills it. `proved` are
    the tokens that were proved, by chain and contract; the pools share and fill it.
    """

    upstreams: Mapping[str, Sequence[Upstream]]
    limiters: Mapping[str, Limiter]
    off: Sequence[ProviderStatus]
    pins: MutableMapping[str, str]
    proved: Mapping[str, MutableMapping[str, TokenFacts]]

    def statuses(self, now: float) -> tuple[ProviderStatus, ...]:
        return (*(upstream.status(now) for upstreams in self.upstreams.values() for upstream in upstreams), *self.off)

    def memory(self) -> dict[str, bytes]:
        """JSON by name: limits under the endpoint, `pin:ENDPOINT`, `rest:PROVIDER`, `batch:PROVIDER:KIND`, `token:CHAIN:AT`."""
        memory: dict[str, object] = {name: limiter.memory() for name, limiter in self.limiters.items()}
        memory |= {name: size.memory() for name, size in self._sizes()}  # None where a size has grown back
        memory |= {f"{PINNED}{endpoint}": pin for endpoint, pin in self.pins.items()}
        memory |= {f"{RESTS}{each.name}": each.rest_until or None for each in self._drawn()}
        memory |= {f"{TOKEN}{chain}:{at}": facts for chain, tokens in self.proved.items() for at, facts in tokens.items()}
        return {name: msgspec.json.encode(value) for name, value in memory.items()}

    def restore(self, memory: Mapping[str, bytes], now: float, *, rests: bool = True) -> None:
        """Resume with what an earlier process learned; without `rests` those that could not be reached are tried again."""
        for name, limiter in self.limiters.items():
            if limits := remembered(memory, name, LimiterMemory):
                limiter.restore(limits, now)
        for each in self._drawn():
            until = remembered(memory, f"{RESTS}{each.name}", float) if rests else None
            each.rest_until = min(until or 0.0, now + REST)
        for name, size in self._sizes():
            if learned := remembered(memory, name, BatchMemory):
                size.restore(learned, now)
        for name in memory:
            if name.startswith(PINNED) and (pin := remembered(memory, name, str)):
                self.pins[name.removeprefix(PINNED)] = pin
            chain, _, contract = name.removeprefix(TOKEN).partition(":")
            if name.startswith(TOKEN) and chain in self.proved and (facts := remembered(memory, name, TokenFacts)):
                self.proved[chain][contract] = facts

    def _drawn(self) -> Iterator[Upstream]:
        return (each for upstreams in self.upstreams.values() for each in upstreams if each.provider.drawn)

    def _sizes(self) -> Iterator[tuple[str, BatchSize]]:
        for upstreams in self.upstreams.values():
            for upstream in upstreams:
                for kind, size in upstream.sizes.items():
                    yield f"batch:{upstream.name}:{kind}", size


def remembered(memory: Mapping[str, bytes], name: str, kind: type[T]) -> T | None:
    """The value under a name; None if there is none, or only one of another version."""
    try:
        return msgspec.json.decode(memory.get(name, b"null"), type=kind | None)
    except msgspec.DecodeError:
        _log.warning("memory_not_understood", name=name)
        return None
