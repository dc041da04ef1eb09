"""The Retry-After header: delta-seconds or an HTTP-date. Source: RFC 9110, sections 5.6.7 and 10.2.3."""

import re
from datetime import UTC, datetime

LONGEST = 86_400.0

_DELTA = re.compile(r"[0-9]{1,10}", re.ASCII)
_MONTHS = {m: i for i, m in enumerate(["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1)}
_MONTH = "(?P<month>" + "|".join(_MONTHS) + ")"
_TIME = r"(?P<hour>\d{2}):(?P<minute>\d{2}):(?P<second>\d{2})"
_FORMS = (
    # IMF-fixdate, RFC 850, asctime
    re.compile(rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?P<day>\d{{2}}) {_MONTH} (?P<year>\d{{4}}) {_TIME} GMT", re.ASCII),
    re.compile(
        rf"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?P<day>\d{{2}})-{_MONTH}-(?P<year>\d{{2}}) {_TIME} GMT", re.ASCII
    ),
    re.compile(rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) {_MONTH} (?P<day>\d{{2}}| \d) {_TIME} (?P<year>\d{{4}})", re.ASCII),
)


def retry_after(value: str | None, date: str | None, now: float) -> float | None:
    """Seconds to wait from now, between 0 and 24 h; None where the header is absent or not in its grammar.

    A date is measured against the reply's own `date` header where that is one, else against `now` (unix seconds); a past
    date is 0.
    """
    if value is None:
        return None
    value = value.strip(" \t")
    if _DELTA.fullmatch(value):
        return min(float(value), LONGEST)
    until = http_date(value, now)
    if until is None:
        return None
    sent = http_date(date.strip(" \t"), now) if date is not None else None
    return min(max(until - (now if sent is None else sent), 0.0), LONGEST)


def http_date(text: str, now: float) -> float | None:
    """An HTTP-date in any of its three forms as unix seconds, or None.

    A date with a two-digit year is the latest such date that is not more than 50 years ahead of now. The name of the weekday
    must be one, but is not compared with the date: a host that errs in it still means its date.
    """
    match = next((m for form in _FORMS if (m := form.fullmatch(text))), None)
    if match is None:
        return None
    # a leap second reads as the second before it
    second = 59 if match["second"] == "60" else int(match["second"])
    rest = (_MONTHS[match["month"]], int(match["day"]), int(match["hour"]), int(match["minute"]), second)
    year = int(match["year"])
    if len(match["year"]) == 2:
        today = datetime.fromtimestamp(now, UTC)
        year += today.year // 100 * 100 + 100
        while (year, *rest) > (today.year + 50, *today.timetuple()[1:6]):
            year -= 100
    try:
        return datetime(year, *rest, tzinfo=UTC).timestamp()
    except ValueError:
        return None
