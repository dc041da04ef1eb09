"""`hdscan config`: show the configuration, or write a template."""

import os
from pathlib import Path

import typer

from hdscan.app import show, shown, template
from hdscan.cli.call import Call
from hdscan.cli.options import AsJson, settings_of
from hdscan.cli.stdout import write, write_json
from hdscan.model.errors import ConfigError

SHOW_EPILOG = """Examples:

  hdscan config show
  hdscan --config other.toml config show --json"""

INIT_EPILOG = """Examples:

  hdscan config init
  hdscan --config ~/.config/hdscan/hdscan.toml config init"""

app = typer.Typer(
    help="Show the configuration, or write a file to begin with.",
    epilog=SHOW_EPILOG,
    no_args_is_help=True,
    add_completion=False,
)


@app.command("show", epilog=SHOW_EPILOG)
def show_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Print the configuration in force, without secrets; URLs as scheme and host only."""
    settings = settings_of(context)
    if as_json:
        write_json(shown(settings))
    else:
        write(show(settings))


@app.command("init", epilog=INIT_EPILOG)
def init_command(context: typer.Context) -> None:
    """Write an hdscan.toml with every key explained and commented out; an existing file is never overwritten."""
    path = context.ensure_object(Call).config or Path("hdscan.toml")
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(f"{path} is there already; it is not written over") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(template())
    write(f"wrote {path}\n")
