"""`hdscan demo`: scan simulated chains through faulty providers and show that no amount is wrong."""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Annotated, Any

import typer
from rich.text import Text

from hdscan.app.demo import ChainReport, Demo, DemoReport, DemoRequest, FaultProfile
from hdscan.cli import log
from hdscan.cli.call import FAILED, INTERRUPTED, OK, UNREAD, Call
from hdscan.cli.display import Display, Lines, display
from hdscan.cli.follow import Interrupt, follow, run
from hdscan.cli.options import AsJson, option
from hdscan.cli.secrets import read_token
from hdscan.cli.stdout import write_json
from hdscan.cli.table import show, table
from hdscan.model.errors import InputError
from hdscan.model.scan import Status

app = typer.Typer(add_completion=False)

EPILOG = """Examples:

  hdscan demo                                  three chains of 5,000 addresses, providers that fail now and then
  hdscan demo --addresses 500 --faults wild    outages, hangs, floods and a liar on every chain
  hdscan demo --seed 7 --json                  other balances and other faults; the result for a program
  hdscan demo --serve                          the same on the dashboard; open the link that it prints

Nothing leaves this machine, and nothing of it stays: hosts, addresses and database are made up and thrown away.

Exit code: 0 all was read and is true, 1 something false was read or a provider's limit was broken, 3 something is unread,
130 stopped by Ctrl-C or SIGTERM."""

NUMBERS = ("readings", "exact", "wrong", "false zero", "unread", "requests", "rate violations", "pause violations")
LIES = ("lies told", "lies caught", "lies stored")
BAD = ("bold red", "green")  # the styles of a count and of zero
STYLES = dict.fromkeys(("wrong", "false zero", "rate violations", "pause violations", "lies stored"), BAD) | {
    "unread": ("yellow", "")
}


@app.command("demo", epilog=EPILOG)
def demo(
    context: typer.Context,
    addresses: Annotated[
        int, option("--addresses", "N", "Addresses per chain.", min=1, max=1_000_000)
    ] = DemoRequest().addresses,
    seed: Annotated[int, option("--seed", "S", "The seed of every balance and fault.")] = 1,
    faults: Annotated[FaultProfile, typer.Option("--faults", help="How much goes wrong.")] = "mild",
    *,
    serve: Annotated[bool, option("--serve", "", "Show it on the dashboard, again and again.")] = False,
    as_json: AsJson = False,
) -> int:
    """Scan simulated chains through faulty providers, and compare with the truth."""
    here = context.ensure_object(Call)
    # the faults of single calls are noise here, unless a log level was given
    log.configure(here.log_level or ("info" if here.log_json else "error"), as_json=bool(here.log_json))
    token = read_token(None)
    if serve and as_json:
        raise InputError("--serve shows the demo on a page: it does not go with --json")
    request, as_log = DemoRequest(addresses, seed, faults), bool(here.log_json)
    work = _served(request, Lines(log_json=as_log), token) if serve else _demo(request, display(log_json=as_log), as_json)
    return run(_until_sigterm(work))


async def _until_sigterm(work: Coroutine[Any, Any, int]) -> int:
    """Let SIGTERM clean up as Ctrl-C does, also before a scan runs."""
    task = asyncio.current_task()
    assert task is not None
    with suppress(NotImplementedError):  # Windows has no signal handlers on the loop
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await work
    except asyncio.CancelledError:
        return INTERRUPTED


async def _served(request: DemoRequest, shown: Display, token: str | None) -> int:
    """Show it on the dashboard until a signal; return the exit code."""
    from hdscan.cli.serve import serving

    async with Demo(request) as demo:
        _say_what(request, shown)
        await demo.add_wallets()
        with demo.wallet.held("demo"):
            return await serving(demo.wallet, shown, "127.0.0.1", 0, token=token, begin=True)


def _say_what(request: DemoRequest, shown: Display) -> None:
    shown.note(f"simulating {request.addresses:,} addresses per chain, faults {request.faults}, seed {request.seed}")


async def _demo(request: DemoRequest, shown: Display, as_json: bool) -> int:
    async with Demo(request) as demo, Interrupt(demo.wallet, shown) as interrupt:
        _say_what(request, shown)
        with shown:
            await demo.add_wallets(until=lambda: interrupt.asked)
            if not interrupt.asked:
                await follow(demo.wallet, None, shown, interrupt)
        if interrupt.asked:
            return INTERRUPTED
        report = await demo.reconcile()
    if as_json:
        write_json(report)
    else:
        show_report(report)
    return exit_code(report)


def exit_code(report: DemoReport) -> int:
    """The exit code; wrong readings outrank unread ones."""
    if not report.flawless or report.status not in (Status.COMPLETED, Status.COMPLETED_WITH_GAPS):
        return FAILED
    return UNREAD if any(chain.unread for chain in report.chains.values()) else OK


def show_report(report: DemoReport) -> None:
    """Print a row per chain and the verdict; the lies only where some were told."""
    columns = (*NUMBERS, *LIES, "seconds") if _lies(report) else (*NUMBERS, "seconds")
    made = table("chain", *columns, right=columns)
    for name, chain in report.chains.items():
        made.add_row(name, *(_cell(chain, column) for column in columns))
    show(made, "", verdict(report))


def _lies(report: DemoReport) -> int:
    return sum(chain.lies_told for chain in report.chains.values())


def _cell(chain: ChainReport, column: str) -> Text:
    value = getattr(chain, column.replace(" ", "_"))
    some, none = STYLES.get(column, ("", ""))
    return Text(f"{value:.1f}" if column == "seconds" else f"{value:,}", style=some if value else none)


def verdict(report: DemoReport) -> Text:
    """The result in one sentence."""
    chains = report.chains.values()
    if report.flawless:
        unread = sum(chain.unread for chain in chains)
        rest = f"; {unread:,} could not be read, and are not taken for zeros" if unread else ""
        exact = sum(chain.exact for chain in chains)
        lies = f" though {told:,} lies were told" if (told := _lies(report)) else ""
        text = f"{exact:,} readings are exactly the truth, none is false{lies}, and no provider's limit was broken{rest}."
        return Text(text, style="yellow" if unread else "green")
    false = sum(chain.wrong + chain.false_zero for chain in chains)
    broken = sum(chain.rate_violations + chain.pause_violations for chain in chains)
    return Text(f"{false:,} readings are false, and limits were broken {broken:,} times: a defect.", style="bold red")
