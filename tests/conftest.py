"""How the tests run in parallel (`make test`), what each leaves behind, and the table of what was read of real nodes."""

import os
import re
from collections.abc import Iterator

import pytest
import structlog
from xdist.scheduler import LoadScopeScheduling

from tests.nodes.table import COMPARED, Line, table

WORKERS_PER_CORE = 2  # most tests wait for processes that they have begun
# fixtures that take seconds are shared by a module; of those on bitcoind, by the tests of one host
TOGETHER = re.compile(r"(tests/nodes/test_bitcoin).*(\[e[\w. ]+)|(tests/nodes/\w+|tests/web/test_stream_kill)")
_lines: list[Line] = []


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    """Logging as it was before the test: commands that run within this process configure it."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means here."""
    return WORKERS_PER_CORE * (os.cpu_count() or 1)


class Scheduling(LoadScopeScheduling):
    """Tests whose names have the same parts by TOGETHER run in one process; every other one where there is room."""

    def _split_scope(self, nodeid: str) -> str:
        together = TOGETHER.match(nodeid)
        return "".join(filter(None, together.groups())) if together else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    return Scheduling(config, log)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect what a test against real nodes has compared, in whatever process it ran."""
    if report.when == "teardown":
        _lines.extend(Line(**line) for name, lines in report.user_properties if name == COMPARED for line in lines)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print it."""
    if _lines:
        terminalreporter.section("readings beside the nodes' own answers")
        for line in table(_lines):
            terminalreporter.write_line(line)
