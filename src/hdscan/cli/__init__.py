"""The command line: global options, and errors as one sentence on stderr and an exit code."""

import gc
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from hdscan.cli.call import CONFIG, FAILED, INTERRUPTED, OK, PIPE_CLOSED, USAGE, Call, LogLevel
from hdscan.cli.lazy import LazyGroup
from hdscan.cli.stdout import OutputClosed, write
from hdscan.model.errors import ConfigError, HdscanError, InputError, KeyFault

EPILOG = """Examples:

  hdscan add savings.json
  hdscan scan
  hdscan balances

Data goes to stdout, progress and log to stderr. Exit codes: 0 all read, 1 failed, 2 usage, 3 something is unread or disputed,
4 configuration or key, 130 interrupted."""

app = typer.Typer(
    name="hdscan",
    cls=LazyGroup,
    help="Read the balance of every address of an HD wallet, and say exactly what could not be read.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
    log_json: Annotated[bool, typer.Option("--log-json", metavar="", help="Log, and show progress, as JSON lines.")] = False,
    version_asked: Annotated[
        bool, typer.Option("--version", metavar="", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Store the global options for the command."""
    call = context.ensure_object(Call)
    call.config, call.db, call.log_level, call.log_json = config_file, db, log_level, True if log_json else None


def main() -> None:
    """Run the command line and end the process with its exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # SIGTERM ends a command as Ctrl-C does
    gc.disable()  # imports make objects that stay: collecting meanwhile takes a third of a short command's time
    code = run(sys.argv[1:])
    gc.freeze()  # nor has the interpreter to collect at its end
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; every error becomes a sentence on stderr."""
    call = Call()
    try:
        code = app(arguments, prog_name="hdscan", standalone_mode=False, obj=call)
        write("")
    except OutputClosed:
        return PIPE_CLOSED
    except typer.TyperException as error:
        return _usage(error)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except HdscanError as error:
        blamed = USAGE if isinstance(error, InputError) else CONFIG if isinstance(error, ConfigError | KeyFault) else FAILED
        return _say(str(error), blamed)
    except Exception as error:
        from hdscan.cli.log import defect

        defect(call, error)
        name = type(error).__name__
        return _say(f"a defect in hdscan ({name}); --log-level debug says where. Nothing that was read is lost.", FAILED)
    return code if isinstance(code, int) else OK


def _usage(error: typer.TyperException) -> int:
    if not (message := error.format_message()):
        return USAGE  # no command: help was shown
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "hdscan"
    text = message.rstrip(".")
    return _say(f"{text[:1].lower()}{text[1:]}; see: {command} --help", USAGE)


def _say(sentence: str, code: int) -> int:
    from hdscan.app import masked
    from hdscan.cli.text import clean

    print(f"hdscan: {masked(clean(sentence))}", file=sys.stderr)
    return code
