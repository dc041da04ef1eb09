"""Token failures made visible (B7): counted per token, said when they begin or change, at most once a second. Pure."""

from collections.abc import Iterable

import msgspec

from hdscan.model.events import ScanTokenError
from hdscan.model.reading import BalanceResult

EVERY = 1.0


class TokenErrors:
    """The failed readings of a chain's tokens in the current scan. Times in seconds."""

    def __init__(self, chain: str) -> None:
        self._chain = chain
        self._standing: dict[str, ScanTokenError] = {}
        self._said: dict[str, tuple[float, ScanTokenError]] = {}

    def record(self, results: Iterable[BalanceResult], *, again: bool) -> None:
        """Take in committed results; `again` where they were unread before, so that an amount takes a failure back."""
        for result in results:
            token = result.reading.asset.symbol
            if result.reading.asset.is_native:
                continue
            standing = self._standing.get(token)
            count = standing.addresses if standing else 0
            if error := result.error:
                count += not (again and standing)
                self._standing[token] = ScanTokenError(
                    self._chain, token, error.message, error.code.value, count, error.providers
                )
            elif again and standing:
                self._standing[token] = msgspec.structs.replace(standing, addresses=max(0, count - 1))

    def current(self) -> tuple[ScanTokenError, ...]:
        """What stands now, one per token that fails."""
        return tuple(event for event in self._standing.values() if event.addresses)

    def due(self, now: float, *, all_of_them: bool = False) -> list[ScanTokenError]:
        """What is new and may be said now; `all_of_them` at the end, whatever was said a moment ago."""
        events = []
        for event in self.current():
            at, said = self._said.get(event.token, (float("-inf"), None))
            if event != said and (all_of_them or now - at >= EVERY):
                self._said[event.token] = (now, event)
                events.append(event)
        return events
