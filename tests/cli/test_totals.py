"""A total never hides what is missing from it."""

import msgspec
import pytest

from hdscan.cli.table import total_words, totals_table
from hdscan.model.scan import AssetTotal

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
