"""Token failures made visible (B7): counted per token, said when they begin or change, at most once a second. Pure."""

from collections.abc import Iterable

import msgspec

from hdscan.model.events import ScanTokenError, TokenError
from hdscan.model.reading import BalanceResult
from hdscan.model.recast import recast

EVERY = 1.0


class TokenErrors:
    """The failed readings of a chain's tokens in the current scan. Times in seconds."""

    def __init__(self, chain: str, standing: Iterable[TokenError] = ()) -> None:
        """`standing` are those that the scan has from an earlier run; its first snapshot says them."""
        self._chain = chain
        self._standing = {each.token: each for each in standing}
        self._said = {token: (float("-inf"), each) for token, each in self._standing.items()}

    def restate(self, standing: Iterable[TokenError]) -> None:
        """Take over what is stored, where more changed than results tell."""
        nobody = {token: msgspec.structs.replace(each, addresses=0) for token, each in self._standing.items()}
        self._standing = nobody | {each.token: each for each in standing}

    def record(self, results: Iterable[BalanceResult], *, again: bool) -> None:
        """Take in committed results; `again` where they were unread before, so that an amount takes a failure back."""
        for result in results:
            token = result.reading.asset.symbol
            if result.reading.asset.is_native:
                continue
            standing = self._standing.get(token)
            count = standing.addresses if standing else 0
            if error := result.error:
                count += not again
                self._standing[token] = TokenError(self._chain, token, error.message, error.code.value, count, error.providers)
            elif again and standing:
                self._standing[token] = msgspec.structs.replace(standing, addresses=max(0, count - 1))

    def current(self) -> tuple[TokenError, ...]:
        """What stands now, one per token that fails."""
        return tuple(each for each in self._standing.values() if each.addresses)

    def due(self, now: float, *, all_of_them: bool = False) -> list[ScanTokenError]:
        """What is new and may be said now; `all_of_them` at the end, whatever was said a moment ago."""
        events = []
        for each in self._standing.values():
            at, said = self._said.get(each.token, (float("-inf"), None))
            new = each != said and (each.addresses or said)  # a failure that is over is said where it was said itself
            if new and (all_of_them or now - at >= EVERY):
                self._said[each.token] = (now, each)
                events.append(recast(each, ScanTokenError))
        return events
