"""A total never hides what is missing from it."""

import msgspec
import pytest

from hdscan.cli.table import confirmed_words, total_words, totals_table
from hdscan.cli.text import audit_words
from hdscan.model.scan import AssetTotal
from hdscan.model.tally import Tally

WHOLE = AssetTotal("btc", "BTC", 8, "150000000", "0", "0", read=10, stale=0, unread=0, funded=2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "1.5 BTC"),
        ({"amount": "0"}, "0 BTC"),
        ({"unread": 3}, "≥ 1.5 BTC, 3 unread"),
        ({"unread": 3, "amount": "0"}, "≥ 0 BTC, 3 unread"),
        ({"stale": 2, "stale_amount": "5"}, "≥ 1.5 BTC, 2 stale with 0.00000005 BTC not added"),
        ({"unread": 1, "stale": 1, "stale_amount": "0"}, "≥ 1.5 BTC, 1 unread, 1 stale with 0 BTC not added"),
        ({"read": 0, "unread": 10, "amount": None}, "10 unread"),
        ({"read": 0, "amount": None}, "nothing to read"),
    ],
)
def test_a_total_says_what_is_missing(changes: dict[str, object], words: str) -> None:
    assert total_words(msgspec.structs.replace(WHOLE, **changes)) == words


def test_what_was_never_read_shows_no_zero_in_any_column() -> None:
    nothing = AssetTotal("btc", "BTC", 8, None, None, "0", read=0, stale=0, unread=7, funded=None)
    made = totals_table([nothing])
    cells = [str(next(iter(column.cells))).strip() for column in made.columns]
    assert cells == ["btc", "BTC", "7 unread", "", "7", ""]


def test_funded_is_at_least_so_many_where_anything_is_unread() -> None:
    made = totals_table([msgspec.structs.replace(WHOLE, unread=1)])
    assert str(next(iter(made.columns[3].cells))) == "≥ 2"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"confirmed_funded": 2, "confirmed_zeros": 5}, "100 % of what is held, 62 % of the zeros"),
        ({"confirmed_funded": 0, "confirmed_zeros": 0}, "0 % of what is held, 0 % of the zeros"),
        ({"read": 1002, "confirmed_funded": 1, "confirmed_zeros": 999}, "50 % of what is held, 99 % of the zeros"),
        ({"read": 1002, "confirmed_zeros": 1}, "0 % of what is held, under 1 % of the zeros"),
        ({"funded": 0, "confirmed_zeros": 10}, "100 % of the zeros"),
        ({"read": 2, "confirmed_funded": 2}, "100 % of what is held"),
    ],
)
def test_what_two_operators_confirmed_is_never_rounded_up(changes: dict[str, object], words: str) -> None:
    assert confirmed_words([msgspec.structs.replace(WHOLE, **changes)]) == f"confirmed by two operators: {words}"


def test_where_nothing_was_read_nothing_is_said_of_confirmation() -> None:
    assert confirmed_words([msgspec.structs.replace(WHOLE, read=0, unread=10, amount=None, funded=None)]) is None


def test_confirmation_counts_readings_over_all_that_is_shown() -> None:
    other = msgspec.structs.replace(WHOLE, asset="X", funded=8, confirmed_funded=7)
    words = confirmed_words([msgspec.structs.replace(WHOLE, confirmed_funded=1), other])
    assert words == "confirmed by two operators: 80 % of what is held, 0 % of the zeros"


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({}, None),
        ({"audited": 12}, "a second operator answered 12 of 60 readings"),
        (
            {"audited": 12, "audit_requests": 5},
            "a second operator answered 12 of 60 readings; 12 % of the requests were audits",
        ),
        ({"audited": 9, "disputed": 2}, "a second operator answered 9 of 60 readings, 2 of them disputed"),
        ({"unaudited": 3}, "a second operator answered 0 of 60 readings; none could answer 3 more"),
    ],
)
def test_what_audits_heard_and_cost_is_said(counts: dict[str, int], words: str | None) -> None:
    tally = Tally(addresses=20, readings=60, read=58, unread=0, funded=5, seconds=1.0, requests=40)
    assert audit_words(msgspec.structs.replace(tally, **counts)) == words
