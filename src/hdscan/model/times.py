"""Unix seconds as RFC 3339 in UTC, for the edges where people and scripts read them."""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=1024)  # the readings of one reply share their time
def rfc3339(seconds: float) -> str:
    """With milliseconds: `2026-01-31T23:59:59.000Z`."""
    return _utc(seconds, "milliseconds")


def rfc3339_seconds(seconds: float) -> str:
    """Cut to the second: `2026-01-31T23:59:59Z`."""
    return _utc(seconds, "seconds")


def _utc(seconds: float, timespec: str) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
