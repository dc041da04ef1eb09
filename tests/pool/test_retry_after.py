"""The grammar of Retry-After: what it accepts, what it refuses, and what time is measured against."""

from calendar import timegm
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdscan.pool.retry_after import http_date, retry_after

NOW = float(timegm((2023, 11, 14, 22, 13, 20)))
THEN = "Tue, 14 Nov 2023 22:15:00 GMT"  # 100 seconds later


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("7", 7), ("007", 7), ("120", 120), (" 12\t", 12), ("86400", 86400), ("86401", 86400), ("9999999999", 86400)],
)
def test_delta_seconds_are_ascii_digits_capped_at_a_day(text, seconds):
    assert retry_after(text, None, NOW) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "+5",
        "-5",
        "1_000",
        "１２",  # noqa: RUF001 - full-width digits
        "٣",
        "5.0",
        "1e3",
        "NaN",
        "inf",
        "0x10",
        "5 s",
        "5,6",
        "5\n",
        "12345678901",
        "soon",
    ],
)
def test_what_is_not_delta_seconds_is_absent(text):
    assert retry_after(text, None, NOW) is None


def test_no_header_is_absent():
    assert retry_after(None, THEN, NOW) is None


@pytest.mark.parametrize("text", [THEN, "Tuesday, 14-Nov-23 22:15:00 GMT", "Tue Nov 14 22:15:00 2023"])
def test_the_three_forms_of_a_date(text):
    assert retry_after(text, None, NOW) == 100


def test_asctime_pads_a_day_of_one_digit_with_a_space():
    moment = float(timegm((2023, 11, 5, 1, 2, 3)))
    assert http_date("Sun Nov  5 01:02:03 2023", NOW) == moment
    assert http_date("Sun Nov 05 01:02:03 2023", NOW) == moment
    assert http_date("Sun Nov 5 01:02:03 2023", NOW) is None


def test_a_leap_second_reads_as_the_second_before_it():
    assert http_date("Sat, 31 Dec 2016 23:59:60 GMT", NOW) == float(timegm((2016, 12, 31, 23, 59, 59)))


def test_the_name_of_the_weekday_is_not_compared_with_the_date():
    assert retry_after(THEN.replace("Tue", "Mon"), None, NOW) == 100


def test_a_date_is_measured_against_the_replys_own():
    assert retry_after(THEN, "Tue, 14 Nov 2023 22:14:30 GMT", NOW - 5000) == 30


@pytest.mark.parametrize("date", ["garbage", "", "120"])
def test_where_the_replys_own_date_is_none_the_clock_counts(date):
    assert retry_after(THEN, date, NOW) == 100


def test_a_past_date_is_zero():
    assert retry_after("Sun, 06 Nov 1994 08:49:37 GMT", None, NOW) == 0


def test_a_far_date_is_capped_at_a_day():
    assert retry_after("Fri, 31 Dec 9999 23:59:59 GMT", None, NOW) == 86400


@pytest.mark.parametrize(
    "text",
    [
        "Tue, 14 Nov 2023 22:15:00",
        "Tue, 14 Nov 2023 22:15:00 UTC",
        "Tue, 14 Nov 2023 22:15:00 +0000",
        "tue, 14 nov 2023 22:15:00 gmt",
        "Tue, 4 Nov 2023 22:15:00 GMT",
        "Tue, 31 Feb 2023 22:15:00 GMT",
        "Tue, 14 Nov 0000 22:15:00 GMT",
        "Tue, 14 Nov 2023 24:00:00 GMT",
        "Tue, 14 Nov 2023 22:60:00 GMT",
        "Tue, 14 Nov 2023 22:15:61 GMT",
        "Tue, 14-Nov-23 22:15:00 GMT",
        "Tuesday, 14 Nov 2023 22:15:00 GMT",
        "Xyz, 14 Nov 2023 22:15:00 GMT",
        "Tue, 14 Abc 2023 22:15:00 GMT",
        "Tue, １４ Nov 2023 22:15:00 GMT",  # noqa: RUF001 - full-width digits
        "2023-11-14T22:15:00Z",
    ],
)
def test_what_is_no_date_is_absent(text):
    assert retry_after(text, None, NOW) is None


@pytest.mark.parametrize(
    ("now", "day", "year"),
    [
        ((2023, 11, 14), "14-Nov-23", 2023),
        ((2023, 11, 14), "14-Nov-73", 2073),
        ((2023, 11, 14), "15-Nov-73", 1973),
        ((2023, 11, 14), "06-Nov-94", 1994),
        ((2099, 12, 31), "01-Jan-00", 2100),
    ],
)
def test_a_year_of_two_digits_is_never_more_than_fifty_years_ahead(now, day, year):
    moment = http_date(f"Sunday, {day} 00:00:00 GMT", float(timegm((*now, 0, 0, 0))))
    assert moment is not None
    assert datetime.fromtimestamp(moment, UTC).year == year


@settings(max_examples=300, derandomize=True)
@given(st.text(max_size=40) | st.from_regex(r"[-+]?[0-9_ .e]{0,14}"), st.none() | st.text(max_size=40))
def test_whatever_a_host_sends_is_absent_or_between_zero_and_a_day(text, date):
    seconds = retry_after(text, date, NOW)
    assert seconds is None or 0 <= seconds <= 86400


@settings(max_examples=200, derandomize=True)
@given(st.datetimes(datetime(1970, 1, 1), datetime(2068, 12, 31)))
def test_every_form_of_a_moment_names_it(moment):
    moment = moment.replace(microsecond=0)
    seconds = float(timegm(moment.timetuple()))
    assert http_date(moment.strftime("%a, %d %b %Y %H:%M:%S GMT"), NOW) == seconds
    assert http_date(moment.strftime("%a %b %e %H:%M:%S %Y"), NOW) == seconds
    if moment.year >= 1974:
        assert http_date(moment.strftime("%A, %d-%b-%y %H:%M:%S GMT"), NOW) == seconds
