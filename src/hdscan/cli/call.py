"""The global options of one call."""

from pathlib import Path
from typing import Literal

LogLevel = Literal["debug", "info", "warning", "error"]


class Call:
    """What stands before the command; None where not given."""

    config: Path | None = None
    db: str | None = None
    log_level: LogLevel | None = None
    log_json: bool | None = None
