"""`hdscan doctor`: check everything that a scan needs, and say how to fix what is wrong."""

from typing import Annotated

import typer
from rich.console import Group
from rich.text import Text

from hdscan.app import Settings
from hdscan.app.doctor import Checkup, Finding, Level, checkup, examine
from hdscan.cli import log
from hdscan.cli.call import FAILED, OK
from hdscan.cli.follow import run
from hdscan.cli.options import AsJson, option, settings_of
from hdscan.cli.stdout import write_json
from hdscan.cli.table import show
from hdscan.cli.text import clean

app = typer.Typer(add_completion=False)

EPILOG = """Examples:

  hdscan doctor
  hdscan doctor --offline --json

Checks the database, the permissions of your files and the clock, and asks every provider which chain it serves,
within its rate. No address is sent.

Exit code: 0 nothing failed (warnings may stand), 1 something failed, 4 the configuration cannot be read."""

MARKS = {Level.OK: ("✓ ok  ", "green"), Level.WARN: ("! warn", "yellow"), Level.FAIL: ("✗ fail", "bold red")}


@app.command("doctor", epilog=EPILOG)
def doctor(
    context: typer.Context,
    offline: Annotated[bool, option("--offline", "", "Make no network call.")] = False,
    as_json: AsJson = False,
) -> int:
    """Check database, permissions, clock and providers, and say how to fix what is wrong."""
    settings = settings_of(context)
    log.begin(settings)
    result = run(_examine(settings, offline=offline, aloud=not as_json))
    if as_json:
        write_json(result)
    else:
        show(Text(summary(result), style=MARKS[result.status][1]))
    return FAILED if result.status is Level.FAIL else OK


async def _examine(settings: Settings, *, offline: bool, aloud: bool) -> Checkup:
    findings = []
    async for finding in examine(settings, offline=offline):
        findings.append(finding)
        if aloud:
            show(line(finding))
    return checkup(findings)


def line(finding: Finding) -> Group:
    """A finding with its symbol and level, and below it how to fix it."""
    mark, style = MARKS[finding.level]
    parts = [Text.assemble((mark, style), "  ", (finding.check, "bold"), "  ", clean(finding.message))]
    if finding.mend is not None:
        parts.append(Text(f"        → {clean(finding.mend)}"))
    return Group(*parts)


def summary(result: Checkup) -> str:
    """The number of findings of each level."""
    counts = {level: sum(finding.level is level for finding in result.checks) for level in Level}
    return f"{counts[Level.OK]} ok, {counts[Level.WARN]} to look at, {counts[Level.FAIL]} failed"
