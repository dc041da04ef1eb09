"""`hdscan add`: add wallets from whatever a wallet gives, and say what it was taken for."""

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from hdscan.app import Wallet
from hdscan.app.choices import Choices
from hdscan.cli.meter import Meter
from hdscan.cli.options import (
    AsJson,
    ForChains,
    OfAccounts,
    OfPath,
    OfScript,
    SeedFile,
    SeedStdin,
    option,
    settings_of,
)
from hdscan.cli.secrets import read_mnemonic
from hdscan.cli.sources import sources, tell_bad
from hdscan.cli.stdout import Form, write_rows
from hdscan.cli.table import show, table
from hdscan.cli.text import alike, branch_words, chain_words, clean
from hdscan.model.errors import InputError
from hdscan.model.wallet import AddedWallet, BranchStart

COMPARE = "Compare these first addresses with what the wallet itself shows. Then read the balances: hdscan scan"

app = typer.Typer(add_completion=False)

EPILOG = """Examples:

  hdscan add savings.json
  hdscan add zpub6rF… --name savings
  hdscan add addresses.txt --chain bsc
  hdscan add 0x9858EfFD232B4033E47d90003D41EC34EcaEda94 --chain evm
  hdscan add --seed-file seed.txt --chain sol
  pass show wallet/descriptor | hdscan add -

A source is a file, - for standard input, or text: addresses, an extended public key, a descriptor, what a wallet exports.
A mnemonic is read from standard input or from a file that only its owner can read: line 1 holds the words, line 2 the
passphrase if there is one. No private key is kept. With a bad line nothing is added (exit code 2) but with --skip-invalid."""


@app.command("add", epilog=EPILOG)
def add(
    context: typer.Context,
    source: Annotated[list[str] | None, typer.Argument(metavar="SOURCE|-", help="Files, - or texts.")] = None,
    *,
    name: Annotated[str | None, option("--name", "NAME", "What to call it; by default as the source does.")] = None,
    chain: ForChains = None,
    script: OfScript = None,
    path: OfPath = None,
    accounts: OfAccounts = None,
    gap: Annotated[int | None, option("--gap", "N", "A branch ends after so many unused addresses.")] = None,
    count: Annotated[int | None, option("--count", "N", "Add so many addresses of each branch at once.")] = None,
    forget_key: Annotated[bool, option("--forget-key", "", "Keep addresses only, so that no later ones are found.")] = False,
    skip_invalid: Annotated[bool, option("--skip-invalid", "", "Leave bad lines of a list out and add the rest.")] = False,
    seed_stdin: SeedStdin = False,
    seed_file: SeedFile = None,
    as_json: AsJson = False,
) -> None:
    """Add a wallet: an export file, an extended public key, a descriptor, addresses, or a mnemonic."""
    if bool(source) + seed_stdin + (seed_file is not None) != 1:
        raise InputError("give one or more sources, or --seed-stdin, or --seed-file FILE")
    settings = settings_of(context)
    given = sources(source or ())
    words = () if source else read_mnemonic(seed_file)
    said = Choices(
        name=name,
        chains=chain or (),
        script=script,
        path=path,
        accounts=accounts,
        gap=gap,
        count=count,
        forget_key=forget_key,
        skip_invalid=skip_invalid,
    )
    with Wallet(settings) as wallet, Meter() as meter:
        progress = partial(meter.say, "storing")
        if words:
            added = asyncio.run(wallet.add_seed(*words, progress=progress, **said))
        else:
            added = asyncio.run(wallet.add(*given, progress=progress, **said))
    for each in added:
        tell_bad(each.bad, f"{clean(each.name)}, " if len(given) > 1 else "")
        if each.bad and not skip_invalid:
            lines = "1 bad line" if len(each.bad) == 1 else f"{len(each.bad):,} bad lines"
            raise InputError(f"{lines}, so nothing was added; fix them, or skip them with --skip-invalid")
    _report(added, as_json=as_json)


def _report(added: Sequence[AddedWallet], *, as_json: bool) -> None:
    if as_json:
        write_rows(added, AddedWallet, Form.JSON)
        return
    for number, each in enumerate(added):
        show(*([""] if number else []), *_parts(each))
    if any(each.branches for each in added):
        show("", COMPARE)
    elif added:
        show("", "Read the balances with: hdscan scan")


def _parts(added: AddedWallet) -> Iterator[Text | Table | str]:
    yield Text.assemble((clean(added.name), "bold"), f": {clean(added.what)}")
    known = f", {added.known:,} known already" if added.known else ""
    if added.chains:  # labels alone are on none
        yield f"  {added.added:,} {'address' if added.added == 1 else 'addresses'} added on {chain_words(added.chains)}{known}"
    yield from (f"  {clean(sentence)}" for sentence in added.said)
    if firsts := [branch for branch in added.branches if branch.first is not None]:
        yield _first_addresses(firsts)
    if dormant := len({(each.chain, each.style, each.account) for each in added.branches if each.dormant}):
        yield f"  {dormant:,} more accounts are looked at, each once the one before it is used"


def _first_addresses(branches: Sequence[BranchStart]) -> Table:
    """One row for chains that have an address in common, and only the columns that tell something apart."""
    several, styled = len({each.chain for each in branches}) > 1, alike(branches)
    rows: dict[tuple[str, ...], list[str]] = {}
    for each in branches:
        style = [each.style] if styled else []
        rows.setdefault((branch_words(each.path, each.style), *style, each.role, str(each.first)), []).append(each.chain)
    made = table(*(["  chain", "path"] if several else ["  path"]), *(["style"] if styled else []), "", "first address")
    for (path, *rest), names in rows.items():
        made.add_row(*([f"  {chain_words(names)}", path] if several else [f"  {path}"]), *rest)
    return made
