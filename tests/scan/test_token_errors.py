"""Failing tokens: reported when a failure begins, changes or ends, at most once a second each."""

import msgspec

from hdscan.model.chain import Asset
from hdscan.model.errors import ReadCode
from hdscan.model.events import TokenError
from hdscan.model.reading import Balance, BalanceResult, Reading, Unread
from hdscan.scan.token_errors import TokenErrors

COIN = Asset("bsc", "BNB", 18)
USDT = Asset("bsc", "USDT", 18, "0x55d398326f99059fF775485246999027B3197955")


def failed(*indices: int, asset: Asset = USDT) -> list[BalanceResult]:
    why = Unread(ReadCode.TIMEOUT, "no answer", 3, {"a": "no answer"})
    return [BalanceResult(Reading(index, f"0x{index}", asset), why) for index in indices]


def read(*indices: int) -> list[BalanceResult]:
    return [BalanceResult(Reading(index, f"0x{index}", USDT), Balance(0, None, 1, 1.0, "a")) for index in indices]


def counts(errors: TokenErrors, now: float, *, all_of_them: bool = False) -> list[int]:
    return [event.addresses for event in errors.due(now, all_of_them=all_of_them)]


def test_a_failure_is_reported_once_and_a_change_only_after_a_second() -> None:
    errors = TokenErrors("bsc")
    errors.record(failed(0, 1))
    assert counts(errors, 10.0) == [2]
    errors.record(failed(2))
    assert counts(errors, 10.5) == []
    assert counts(errors, 11.0) == [3]
    assert counts(errors, 20.0) == []


def test_what_is_still_due_at_the_end_does_not_wait() -> None:
    errors = TokenErrors("bsc")
    errors.record(failed(0))
    assert counts(errors, 10.0) == [1]
    errors.record(failed(1))
    assert counts(errors, 10.1, all_of_them=True) == [2]


def test_a_retry_ends_failures() -> None:
    errors = TokenErrors("bsc")
    errors.record(failed(0, 1))
    (both,) = errors.current()
    errors.restate([msgspec.structs.replace(both, addresses=1)])
    assert [each.addresses for each in errors.current()] == [1]
    errors.restate([])
    assert errors.current() == ()
    assert counts(errors, 10.0) == [], "a failure that was never reported has no end to report"


def test_failures_of_an_earlier_run_are_not_repeated_and_their_end_is_reported() -> None:
    errors = TokenErrors("bsc", [TokenError("bsc", "USDT", "no answer", "timeout", 2, {"a": "no answer"})])
    assert counts(errors, 10.0) == []
    errors.restate([])
    assert counts(errors, 10.0) == [0]


def test_the_native_coin_is_no_token() -> None:
    errors = TokenErrors("bsc")
    errors.record(failed(0, asset=COIN))
    assert errors.current() == ()
