"""Failing tokens: counted per token, reported when they begin, change or end, at most once a second each. Pure."""

from collections.abc import Iterable

import msgspec

from hdscan.model.events import ScanTokenError, TokenError
from hdscan.model.reading import BalanceResult
from hdscan.model.recast import recast

EVERY = 1.0


class TokenErrors:
    """The failed readings of a chain's tokens in the current scan. Times in seconds."""

    def __init__(self, chain: str, standing: Iterable[TokenError] = ()) -> None:
        """`standing` are those from earlier runs of the scan; its first snapshot holds them, so no event repeats them."""
        self._chain = chain
        self._standing = {each.token: each for each in standing}
        self._said = {token: (float("-inf"), each) for token, each in self._standing.items()}

    def restate(self, standing: Iterable[TokenError]) -> None:
        """Replace the counts by the stored ones, after a retraction or when readings were tried again."""
        over = {token: msgspec.structs.replace(each, addresses=0) for token, each in self._standing.items()}
        self._standing = over | {each.token: each for each in standing}

    def record(self, results: Iterable[BalanceResult]) -> None:
        """Count the failures among results that were committed for the first time."""
        for result in results:
            token, error = result.reading.asset.symbol, result.error
            if error is not None and not result.reading.asset.is_native:
                count = 1 + (self._standing[token].addresses if token in self._standing else 0)
                self._standing[token] = TokenError(self._chain, token, error.message, error.code.value, count, error.providers)

    def current(self) -> tuple[TokenError, ...]:
        """One per token that fails now."""
        return tuple(each for each in self._standing.values() if each.addresses)

    def due(self, now: float, *, all_of_them: bool = False) -> list[ScanTokenError]:
        """The events that are due; `all_of_them` ignores the interval."""
        events = []
        for each in self._standing.values():
            at, said = self._said.get(each.token, (float("-inf"), None))
            new = each != said and (each.addresses or said)  # the end of a failure is reported if the failure was
            if new and (all_of_them or now - at >= EVERY):
                self._said[each.token] = (now, each)
                events.append(recast(each, ScanTokenError))
        return events
