"""`hdscan label`, `rename` and `remove`: what wallets and addresses are called."""

import sys
from typing import Annotated

import typer

from hdscan.app import Wallet
from hdscan.cli.options import OneChain, option, settings_of
from hdscan.cli.stdout import write
from hdscan.cli.text import clean
from hdscan.model.errors import InputError

app = typer.Typer(add_completion=False)

LABEL_EPILOG = """Examples:

  hdscan label bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu "rent, from Ann"
  hdscan label bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu ""

An empty text takes the label away."""

RENAME_EPILOG = """Examples:

  hdscan rename "btc key" savings"""

REMOVE_EPILOG = """Examples:

  hdscan remove savings
  hdscan remove savings --yes

Addresses that no other wallet has are then in no scan, report or total; add the wallet again to have them back."""


@app.command("label", epilog=LABEL_EPILOG)
def label(
    context: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The address.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to call it.")],
    *,
    chain: OneChain = None,
) -> None:
    """Label an address."""
    with Wallet(settings_of(context), create=False) as wallet:
        count = wallet.label(address, text or None, chain)
    chains = "" if count == 1 else f" on {count:,} chains"
    write(f"label {'set' if text else 'taken away'}{chains}\n")


@app.command("rename", epilog=RENAME_EPILOG)
def rename(
    context: typer.Context,
    old: Annotated[str, typer.Argument(metavar="OLD", help="The wallet.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")],
) -> None:
    """Rename a wallet."""
    with Wallet(settings_of(context), create=False) as wallet:
        wallet.rename(old, new)
    write(f"{clean(old)} is now {clean(new)}\n")


@app.command("remove", epilog=REMOVE_EPILOG)
def remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The wallet.")],
    *,
    yes: Annotated[bool, option("--yes", "", "Do not ask.")] = False,
) -> None:
    """Remove a wallet; addresses that another one has stay."""
    with Wallet(settings_of(context), create=False) as wallet:
        (row,) = wallet.wallets(name)
        if not yes:
            if not sys.stdin.isatty():
                raise InputError(f"remove asks before it takes {name!r} away, and there is no terminal: give --yes")
            addresses = "1 address" if row.addresses == 1 else f"{row.addresses:,} addresses"
            typer.confirm(clean(f"Remove {name} with {addresses}?"), abort=True, err=True)
        wallet.remove(name)
    write(f"{clean(name)} is removed\n")
