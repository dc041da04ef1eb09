"""Unix seconds as RFC 3339, for the edges where people and scripts read them."""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=1024)  # the readings of one reply share their time
def rfc3339(seconds: float) -> str:
    """Unix seconds as RFC 3339 in UTC with milliseconds: `2026-01-31T23:59:59.000Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
