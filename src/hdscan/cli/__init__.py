"""The command line: its commands, and how their errors end: one sentence on stderr and an exit code."""

import gc
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import structlog
import typer

from hdscan.app import LogLevel, masked
from hdscan.cli import addresses, config, demo, doctor, explain, reports, scan, serve
from hdscan.cli.follow import CONFIG, FAILED, INTERRUPTED, OK, USAGE
from hdscan.cli.output import OutputClosed, clean, write
from hdscan.cli.session import Session
from hdscan.model.errors import ConfigError, HdscanError, InputError, KeyFault

EPILOG = """Examples:

  hdscan import --chain btc addresses.txt
  hdscan scan
  hdscan balances

Data goes to stdout, progress and log to stderr. Exit codes: 0 all read, 1 failed, 2 usage, 3 something is unread or disputed,
4 configuration or key, 130 interrupted."""

PIPE_CLOSED = 128 + 13  # as a shell reports a program that SIGPIPE ended

app = typer.Typer(
    name="hdscan",
    help="Read the balance of every address of an HD wallet, and say exactly what could not be read.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("import", epilog=addresses.IMPORT_EPILOG)(addresses.import_)
app.command("derive", epilog=addresses.DERIVE_EPILOG)(addresses.derive)
app.command("scan", epilog=scan.EPILOG)(scan.scan)
app.command("status", epilog=reports.STATUS_EPILOG)(reports.status)
app.command("balances", epilog=reports.BALANCES_EPILOG)(reports.balances)
app.command("gaps", epilog=reports.GAPS_EPILOG)(reports.gaps)
app.command("explain", epilog=explain.EPILOG)(explain.explain)
app.command("providers", epilog=reports.PROVIDERS_EPILOG)(reports.providers)
app.command("serve", epilog=serve.EPILOG)(serve.serve)
app.command("demo", epilog=demo.EPILOG)(demo.demo)
app.command("doctor", epilog=doctor.EPILOG)(doctor.doctor)
app.add_typer(config.app, name="config")


def _version(asked: bool) -> None:
    if asked:
        write(f"hdscan {version('hdscan')}\n")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    *,
    config_file: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="The configuration, in place of ./hdscan.toml.")
    ] = None,
    db: Annotated[str | None, typer.Option("--db", metavar="URL", help="The database, e.g. sqlite:///wallet.db.")] = None,
    log_level: Annotated[LogLevel | None, typer.Option("--log-level", help="The least severe line to log.")] = None,
    log_json: Annotated[bool, typer.Option("--log-json", metavar="", help="Log (and tell progress) as JSON lines.")] = False,
    version_asked: Annotated[
        bool, typer.Option("--version", metavar="", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that stand before the command."""
    context.obj = Session(config_file, db, None if log_level is None else log_level.value, True if log_json else None)


def main() -> None:
    """Run the command line and end the process with its exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever is asked to end ends as with Ctrl-C
    gc.freeze()  # what was imported stays; looking through it again and again costs pauses of 0.1 s, which bunch calls
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code. Every error has become a sentence on stderr."""
    try:
        code = app(arguments, prog_name="hdscan", standalone_mode=False)
        write("")
    except OutputClosed:
        return PIPE_CLOSED
    except typer.TyperException as error:
        return _usage(error)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except HdscanError as error:
        return _say(str(error), _exit_code(error))
    except Exception as error:
        structlog.get_logger().debug("defect", at="".join(traceback.format_tb(error.__traceback__)))
        name = type(error).__name__
        return _say(f"a defect in hdscan ({name}); --log-level debug says where. Nothing that was read is lost.", FAILED)
    return code if isinstance(code, int) else OK


def _exit_code(error: HdscanError) -> int:
    match error:
        case InputError():
            return USAGE
        case ConfigError() | KeyFault():
            return CONFIG
        case _:
            return FAILED


def _usage(error: typer.TyperException) -> int:
    """The parser's sentence about a wrong call."""
    if not (message := error.format_message()):
        return USAGE  # no command: help was shown
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "hdscan"
    text = message.rstrip(".")
    return _say(f"{text[:1].lower()}{text[1:]}; see: {command} --help", USAGE)


def _say(sentence: str, code: int) -> int:
    print(f"hdscan: {masked(clean(sentence))}", file=sys.stderr)
    return code
