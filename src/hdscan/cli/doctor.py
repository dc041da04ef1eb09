"""`hdscan doctor`: check everything that a scan needs, and say how to fix what is wrong."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
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

PROVIDER = "provider "
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
    findings: list[Finding] = []
    told = 0
    async for finding in examine(settings, offline=offline):
        if aloud and findings[told:] and not _alike(findings[told], finding):
            show(line(findings[told:]))
            told = len(findings)
        findings.append(finding)
    if aloud and findings[told:]:
        show(line(findings[told:]))
    return checkup(findings)


def _alike(one: Finding, other: Finding) -> bool:
    """Whether two findings say the same of two providers."""
    both = one.check.startswith(PROVIDER) and other.check.startswith(PROVIDER)
    return both and msgspec.structs.replace(one, check=other.check) == other


def line(alike: Sequence[Finding]) -> Group:
    """Findings that say the same, with their symbol and level, and below it how to fix it."""
    finding = alike[0]
    mark, style = MARKS[finding.level]
    check = ", ".join([finding.check, *(each.check.removeprefix(PROVIDER) for each in alike[1:])])
    parts = [Text.assemble((mark, style), "  ", (check, "bold"), "  ", clean(finding.message))]
    if finding.mend is not None:
        parts.append(Text(f"        → {clean(finding.mend)}"))
    return Group(*parts)


def summary(result: Checkup) -> str:
    """The number of findings of each level."""
    counts = {level: sum(finding.level is level for finding in result.checks) for level in Level}
    return f"{counts[Level.OK]} ok, {counts[Level.WARN]} to look at, {counts[Level.FAIL]} failed"
