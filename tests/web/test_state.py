"""The state that events lead to."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdscan.model.events import (
    ChainError,
    ChainProgress,
    Event,
    ProviderChanged,
    Reason,
    ScanComplete,
    ScanState,
    ScanTokenError,
    TokenError,
)
from hdscan.model.scan import ProviderState, ProviderStatus, Status
from hdscan.web.state import ERRORS, CurrentState
from tests.web.streaming import progress, said

CHAINS = ("btc", "bsc", "sol")


def plain(chain: str, scan_id: int, read: int = 0, status: Status = Status.RUNNING) -> ChainProgress:
    return ChainProgress(**msgspec.structs.asdict(progress(chain, read, scan_id, status)))


def provider(name: str, state: ProviderState = ProviderState.READY, calls: int = 0) -> ProviderStatus:
    return ProviderStatus(name, "btc", "esplora", state, {}, 1.0, None, calls, calls, 0, 0, calls)


def token_error(chain: str, token: str, addresses: int = 1, error: str = "why") -> ScanTokenError:
    return ScanTokenError(chain, token, error, "http", addresses, {"node": error})


def standing(chain: str, token: str, addresses: int = 1) -> TokenError:
    return TokenError(**msgspec.structs.asdict(token_error(chain, token, addresses)))


def live() -> CurrentState:
    return CurrentState([plain("btc", 1)], [standing("bsc", "USDT")], [provider("node")])


def test_a_chain_is_as_its_last_event_says() -> None:
    state = live()
    state.apply(progress("bsc", 5, scan_id=4))
    state.apply(ScanComplete(**msgspec.structs.asdict(plain("btc", 1, 9, Status.COMPLETED))))
    found = state.snapshot()
    assert found.chains == {"btc": plain("btc", 1, 9, Status.COMPLETED), "bsc": plain("bsc", 4, 5)}
    assert (found.scan_id, found.running) == (4, True)


def test_before_the_first_scan_there_is_no_id_and_nothing_runs() -> None:
    found = CurrentState([], [], []).snapshot()
    assert (found.scan_id, found.running, found.chains, found.errors) == (None, False, {}, ())


def test_a_token_error_is_replaced_in_its_place_and_taken_out_by_none() -> None:
    state = live()
    state.apply(token_error("bsc", "USDC"))
    state.apply(token_error("bsc", "USDT", 7))
    assert [(each.token, each.addresses) for each in state.snapshot().token_errors] == [("USDT", 7), ("USDC", 1)]
    state.apply(token_error("bsc", "USDT", 0))
    state.apply(token_error("sol", "USDT", 0))
    assert [each.token for each in state.snapshot().token_errors] == ["USDC"]


def test_the_last_errors_are_kept() -> None:
    state = live()
    for number in range(ERRORS + 5):
        state.apply(said(number))
    assert state.snapshot().errors == tuple(
        ChainError(**msgspec.structs.asdict(said(number))) for number in range(5, ERRORS + 5)
    )


def test_nothing_in_a_state_carries_an_events_name() -> None:
    state = live()
    for event in (progress(), token_error("sol", "USDC"), said(), ProviderChanged(**msgspec.structs.asdict(provider("x")))):
        state.apply(event)
    assert b'"event"' not in msgspec.json.encode(state.snapshot())


def test_a_provider_is_replaced_by_name() -> None:
    state = live()
    state.apply(ProviderChanged(**msgspec.structs.asdict(provider("other"))))
    state.apply(ProviderChanged(**msgspec.structs.asdict(provider("node", ProviderState.OPEN))))
    assert state.snapshot().providers == (provider("node", ProviderState.OPEN), provider("other"))


def test_a_state_for_a_subscriber_says_why_it_comes() -> None:
    assert live().scan_state(Reason.LAGGED).reason is Reason.LAGGED


def test_a_whole_state_is_no_event_to_apply() -> None:
    with pytest.raises(AssertionError):
        live().apply(live().scan_state(Reason.INITIAL))


def test_a_beginning_says_nothing_that_is_known() -> None:
    state = live()
    same = ScanState(**msgspec.structs.asdict(state.snapshot()))
    assert [type(each).__name__ for each in state.beginning(same)] == ["ScanProgress"]


def by(items: list[ProviderStatus]) -> list[ProviderStatus]:
    return list({each.name: each for each in items}.values())


COUNTS = st.integers(0, 2)
STATUSES = st.sampled_from(list(Status))
TOKENS = st.builds(standing, st.sampled_from(CHAINS), st.sampled_from(["USDC", "USDT"]), st.integers(1, 2))
PROVIDERS = st.lists(st.builds(provider, st.sampled_from("abc"), st.sampled_from(list(ProviderState)), COUNTS)).map(by)


@st.composite
def states(draw: st.DrawFn) -> tuple[CurrentState, ScanState]:
    """What is known, and the first state of a scan of some chains."""
    before = [plain(chain, 1, draw(COUNTS), draw(STATUSES)) for chain in CHAINS if draw(st.booleans())]
    known = CurrentState(before, draw(st.lists(TOKENS)), draw(PROVIDERS))
    for event in draw(st.lists(st.builds(said, COUNTS))):
        known.apply(event)
    scanned = [chain for chain in CHAINS if draw(st.booleans())] or ["btc"]
    errors = {(each.chain, each.token): each for each in draw(st.lists(TOKENS)) if each.chain in scanned}
    first = ScanState(
        scan_id=2,
        running=True,
        chains={chain: plain(chain, 2, draw(COUNTS)) for chain in scanned},
        token_errors=tuple(errors.values()),
        errors=(),
        providers=tuple(draw(PROVIDERS)),
    )
    return known, first


@given(states())
def test_a_beginning_leads_from_whatever_was_known_to_the_scans_first_state(both: tuple[CurrentState, ScanState]) -> None:
    known, first = both
    before = known.snapshot()
    events: list[Event] = known.beginning(first)
    for event in events:
        known.apply(event)
    after = known.snapshot()
    assert after.chains == {**before.chains, **first.chains}, "chains that are not scanned stay as they were"
    here = [each for each in after.token_errors if each.chain in first.chains]
    elsewhere = [each for each in after.token_errors if each.chain not in first.chains]
    assert {(each.chain, each.token): each for each in here} == {(e.chain, e.token): e for e in first.token_errors}
    assert elsewhere == [each for each in before.token_errors if each.chain not in first.chains]
    assert after.errors == before.errors
    assert {each.name: each for each in after.providers} == {e.name: e for e in (*before.providers, *first.providers)}
    assert after.running
