"""Plays a scenario from its first process to the end of its scan, and says what it saw."""

import gc
import sys
from typing import Any

import structlog

from tests.simulation.life import Life, Outcome
from tests.simulation.scenario import Scenario
from tests.simulation.stage import the_stage
from tests.simulation.watch import Watch

DEFECTS = ("provider_defect", "watch_ended", "memory_not_understood")


def play(scenario: Scenario, *, keep: bool = False) -> Outcome:
    """Play it; `keep` keeps the lines of the trace."""
    stage = the_stage()
    enabled = gc.isenabled()
    gc.disable()  # what is collected when must not decide on anything
    configured = structlog.get_config()
    try:
        life = Life(scenario, stage, keep)
        structlog.configure(processors=[Log(life.watch)])
        return life.play()
    finally:
        structlog.configure(**configured)
        stage.database.engine.dispose()
        if stage.played():
            gc.collect()
        if enabled:
            gc.enable()


class Log:
    """Drops every line, but for those that tell of a defect, which end the scenario."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def __call__(self, _logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        if event.get("event") in DEFECTS:
            self._watch.fail("defect", f"{event} {sys.exc_info()[1]!r}")
        raise structlog.DropEvent
