"""`hdscan derive`: add addresses derived from a key, or print them."""

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from hdscan.app import Wallet
from hdscan.app.keys import Deriver, Script, from_extended, from_mnemonic
from hdscan.cli.meter import Meter
from hdscan.cli.options import AsJson, AsJsonl, Chain, option, settings_of
from hdscan.cli.secrets import read_extended_key, read_mnemonic
from hdscan.cli.stdout import Form, form, write, write_json, write_lines, write_rows
from hdscan.model.errors import InputError, KeyFault

app = typer.Typer(add_completion=False)

EPILOG = """Examples:

  hdscan derive --chain btc --xpub zpub6rF… --count 1000
  hdscan derive --chain btc --xpub zpub6rF… --branch 1 --start 1000 --count 1000
  hdscan derive --chain sol --seed-stdin --count 50 < seed.txt
  hdscan derive --chain bsc --xpub - --print < xpub.txt

A mnemonic is read from standard input or from a file that only its owner can read, never from an argument: line 1 holds
the words, line 2 the passphrase if there is one. It is not kept, and neither is the extended key."""


class Derived(msgspec.Struct, frozen=True):
    """A line of `derive --print`."""

    address: str
    path: str


@app.command("derive", epilog=EPILOG)
def derive(
    context: typer.Context,
    stray: Annotated[list[str] | None, typer.Argument(hidden=True, metavar="")] = None,
    *,
    chain: Chain,
    xpub: Annotated[str | None, option("--xpub", "KEY|-", "An extended public key; - reads it from standard input.")] = None,
    seed_stdin: Annotated[bool, option("--seed-stdin", "", "Read a BIP-39 mnemonic from standard input.")] = False,
    seed_file: Annotated[Path | None, option("--seed-file", "FILE", "Read a BIP-39 mnemonic from a file of mode 0600.")] = None,
    count: Annotated[int, option("--count", "N", "How many addresses.", min=1)] = 20,
    start: Annotated[int, option("--start", "I", "The first index.", min=0)] = 0,
    branch: Annotated[int, option("--branch", "0|1", "0 receiving, 1 change.", min=0, max=1)] = 0,
    script: Annotated[Script | None, typer.Option("--script", help="Bitcoin: the kind of address.")] = None,
    printed: Annotated[bool, option("--print", "", "Print address and path, and store nothing.")] = False,
    as_json: AsJson = False,
    as_jsonl: AsJsonl = False,
) -> None:
    """Add addresses derived from an extended public key or a mnemonic."""
    if stray:
        raise KeyFault(
            "derive takes no arguments without an option; if that was a key or a mnemonic, others may have seen it: "
            "a mnemonic is read with --seed-stdin or --seed-file only"
        )
    if (xpub is not None) + seed_stdin + (seed_file is not None) != 1:
        raise InputError("give one of --xpub, --seed-stdin and --seed-file")
    as_form = form(as_json=as_json, as_jsonl=as_jsonl)
    settings = settings_of(context)
    target = settings.chain(chain)
    if xpub is not None:
        deriver = from_extended(target, read_extended_key(xpub), script=script, branch=branch)
    else:
        words, passphrase = read_mnemonic(seed_file)
        deriver = from_mnemonic(target, words, passphrase, script=script, branch=branch)
    if printed:
        _print(deriver, start, count, as_form)
        return
    with Wallet(settings) as wallet, Meter() as meter:
        derived = deriver.addresses(start, count)
        added = asyncio.run(wallet.derive(chain, derived, lambda done: meter.say("deriving", done, count)))
    if as_form is Form.TEXT:
        write(f"{chain}: {added.added:,} addresses added, {added.known:,} known already\n")
    else:
        write_json(added)


def _print(deriver: Deriver, start: int, count: int, as_form: Form) -> None:
    rows = (Derived(address, path) for address, path in deriver.addresses(start, count))
    if as_form is Form.TEXT:
        write_lines(f"{row.address}\t{row.path}\n" for row in rows)
    else:
        write_rows(rows, Derived, as_form)
