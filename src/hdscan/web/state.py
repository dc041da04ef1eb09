"""The state that the events add up to: what the API returns and every client arrives at. Pure."""

from collections import deque
from collections.abc import Iterable

from hdscan.model.events import (
    ChainError,
    ChainProgress,
    Event,
    ProviderChanged,
    Reason,
    ScanProgress,
    ScanState,
    ScanTokenError,
    Snapshot,
    TokenError,
)
from hdscan.model.recast import recast
from hdscan.model.scan import ProviderStatus, Status

ERRORS = 20  # the last ones are kept


class CurrentState:
    """The chains, token errors, errors and providers as of the last event."""

    def __init__(
        self, chains: Iterable[ChainProgress], token_errors: Iterable[TokenError], providers: Iterable[ProviderStatus]
    ) -> None:
        self.chains = {each.chain: each for each in chains}
        self._token_errors = {(each.chain, each.token): each for each in token_errors}
        self._errors: deque[ChainError] = deque(maxlen=ERRORS)
        self._providers = {each.name: each for each in providers}

    def apply(self, event: Event) -> None:
        """Replace what the event is about by its values."""
        match event:
            case ChainProgress():
                self.chains = self.chains | {event.chain: recast(event, ChainProgress)}  # other threads read it
            case TokenError(addresses=0):
                self._token_errors.pop((event.chain, event.token), None)
            case TokenError():
                self._token_errors[event.chain, event.token] = recast(event, TokenError)
            case ChainError():
                self._errors.append(recast(event, ChainError))
            case ProviderStatus():
                self._providers[event.name] = recast(event, ProviderStatus)
            case ScanState():
                raise AssertionError("the hub publishes `beginning` in its place")

    def beginning(self, state: ScanState) -> list[Event]:
        """The events that lead from here to a scan's first state."""
        failing = {(each.chain, each.token): each for each in state.token_errors}
        over = [each for key, each in self._token_errors.items() if each.chain in state.chains and key not in failing]
        return [
            *(recast(each, ScanProgress) for each in state.chains.values()),
            *(recast(each, ScanTokenError, addresses=0) for each in over),
            *(recast(each, ScanTokenError) for key, each in failing.items() if self._token_errors.get(key) != each),
            *(recast(each, ProviderChanged) for each in state.providers if self._providers.get(each.name) != each),
        ]

    def snapshot(self) -> Snapshot:
        return Snapshot(
            scan_id=max((each.scan_id for each in self.chains.values()), default=None),
            running=any(each.status is Status.RUNNING for each in self.chains.values()),
            chains=dict(self.chains),
            token_errors=tuple(self._token_errors.values()),
            errors=tuple(self._errors),
            providers=tuple(self._providers.values()),
        )

    def scan_state(self, reason: Reason) -> ScanState:
        return recast(self.snapshot(), ScanState, reason=reason)
