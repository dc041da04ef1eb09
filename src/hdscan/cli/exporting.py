"""`hdscan export`: what another wallet can read."""

from typing import Annotated

import typer

from hdscan.app import Wallet
from hdscan.cli.options import option, settings_of
from hdscan.cli.stdout import write_lines
from hdscan.model.errors import InputError

app = typer.Typer(add_completion=False)

EPILOG = """Examples:

  hdscan export savings --descriptor
  hdscan export savings --labels > labels.jsonl

Whoever reads a descriptor or an extended public key sees every address of the wallet, and can spend nothing."""


@app.command("export", epilog=EPILOG)
def export(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The wallet.")],
    *,
    descriptor: Annotated[bool, option("--descriptor", "", "Print its descriptors or keys, one a line.")] = False,
    labels: Annotated[bool, option("--labels", "", "Print its labels as JSON lines (BIP-329).")] = False,
) -> None:
    """Print a wallet's descriptors, or its labels."""
    if descriptor == labels:
        raise InputError("choose one of --descriptor and --labels")
    with Wallet(settings_of(context), create=False) as wallet:
        lines = wallet.descriptors(name) if descriptor else wallet.labels(name)
        write_lines(f"{line}\n" for line in lines)
