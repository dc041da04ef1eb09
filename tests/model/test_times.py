"""Times as people and scripts read them."""

from hdscan.model.times import rfc3339, rfc3339_seconds

MOMENT = 1_700_000_000.9995


def test_times_are_shown_in_utc() -> None:
    assert rfc3339(MOMENT) == "2023-11-14T22:13:20.999Z"
    assert rfc3339_seconds(MOMENT) == "2023-11-14T22:13:20Z"
