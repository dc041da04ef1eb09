"""A call of the command line: its global options, its exit codes, and the signals that end it early."""

import signal
from pathlib import Path
from typing import Literal

OK, FAILED, USAGE, UNREAD, CONFIG, INTERRUPTED = 0, 1, 2, 3, 4, 130
PIPE_CLOSED = 128 + 13  # as a shell reports a program that SIGPIPE ended
SIGNALS = (signal.SIGINT, signal.SIGTERM)

LogLevel = Literal["debug", "info", "warning", "error"]


class Call:
    """What stands before the command; None where not given."""

    config: Path | None = None
    db: str | None = None
    log_level: LogLevel | None = None
    log_json: bool | None = None
