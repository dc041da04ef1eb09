"""Configures logging: one line per event on stderr, for people or as JSON, without values in tracebacks."""

import os
import sys
import traceback
from contextlib import suppress

import structlog
from structlog.typing import Processor

from hdscan.app import Settings
from hdscan.cli.call import Call
from hdscan.cli.options import settings_of_call
from hdscan.model.errors import HdscanError


def configure(level: str, *, as_json: bool) -> None:
    """Log from `level` up; colours on a terminal only, and not with NO_COLOR."""
    shown: list[Processor] = [structlog.processors.add_log_level]
    if as_json:
        shown += [
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    else:
        colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        plain = structlog.dev.plain_traceback
        shown += [
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain, pad_event_to=0),
        ]
    structlog.configure(
        processors=shown,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # the current one: a live display replaces it
        cache_logger_on_first_use=False,
    )


def begin(settings: Settings) -> None:
    """Configure logging by the settings."""
    configure(settings.log_level, as_json=settings.log_json)


def defect(call: Call, error: Exception) -> None:
    """Log at DEBUG where an unexpected error was raised, without any value."""
    with suppress(HdscanError):
        begin(settings_of_call(call))
    structlog.get_logger().debug("defect", at="".join(traceback.format_tb(error.__traceback__)))
