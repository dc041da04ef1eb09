"""`hdscan addresses`: the addresses of wallets, or those of a source that is not stored."""

import sys
from collections.abc import Iterable, Iterator
from typing import Annotated

import msgspec
import typer

from hdscan.app import Wallet
from hdscan.app.adding import Recogniser
from hdscan.app.choices import Choices
from hdscan.cli.options import (
    AsJson,
    AsJsonl,
    ForChains,
    OfAccounts,
    OfPath,
    OfScript,
    OneWallet,
    SeedFile,
    SeedStdin,
    option,
    settings_of,
)
from hdscan.cli.secrets import read_mnemonic
from hdscan.cli.sources import sources, tell_bad
from hdscan.cli.stdout import Form, form, write_lines, write_rows
from hdscan.cli.text import clean
from hdscan.model.errors import InputError
from hdscan.model.wallet import AddressRow, Found, Role

app = typer.Typer(add_completion=False)

EPILOG = """Examples:

  hdscan addresses
  hdscan addresses --wallet savings --jsonl
  hdscan addresses --derive zpub6rF… --count 5
  hdscan addresses --derive savings.json
  hdscan addresses --seed-file seed.txt --chain sol

A line has the address, its path and its chain. With --derive nothing is stored, and nothing is read from the database."""


class Derived(msgspec.Struct, frozen=True):
    """A line of `addresses --derive --jsonl`."""

    chain: str
    address: str
    path: str | None
    role: Role
    style: str
    account: int


@app.command("addresses", epilog=EPILOG)
def addresses(
    context: typer.Context,
    *,
    wallet: OneWallet = None,
    chain: ForChains = None,
    derive: Annotated[
        list[str] | None, option("--derive", "SOURCE|-", "Print the addresses of a file or key, and store nothing.")
    ] = None,
    seed_stdin: SeedStdin = False,
    seed_file: SeedFile = None,
    count: Annotated[int | None, option("--count", "N", "Derive so many of each branch; 20 by default.")] = None,
    script: OfScript = None,
    path: OfPath = None,
    accounts: OfAccounts = None,
    as_json: AsJson = False,
    as_jsonl: AsJsonl = False,
) -> None:
    """List the addresses of wallets, or those of a source without storing them."""
    as_form = form(as_json=as_json, as_jsonl=as_jsonl)
    asked = bool(derive) + seed_stdin + (seed_file is not None)
    if asked > 1 or (asked and wallet):
        raise InputError("give one of --wallet, --derive, --seed-stdin and --seed-file")
    settings = settings_of(context)
    if asked:
        said = Choices(chains=chain or (), script=script, path=path, accounts=accounts, count=count, skip_invalid=True)
        recogniser = Recogniser(settings, said)
        seeds = [] if derive else [recogniser.of_words(*read_mnemonic(seed_file))]
        found = seeds + [each for source in sources(derive or ()) for each in recogniser.recognised(source)]
        for each in found:
            tell_bad(each.bad)
            if each.bad:
                raise InputError("a source has bad lines, so nothing is printed; correct them first")
            for sentence in each.said:
                print(clean(sentence), file=sys.stderr)
        _print(_derived(found), Derived, as_form)
        return
    if script or path or accounts or count:
        raise InputError("--script, --path, --accounts and --count go with --derive, --seed-stdin or --seed-file")
    with Wallet(settings, create=False) as opened:
        rows = (row for name in chain or (None,) for row in opened.addresses(name, wallet))
        _print(rows, AddressRow, as_form)


def _derived(found: Iterable[Found]) -> Iterator[Derived]:
    """Every branch of a wallet, the receiving ones first."""
    for each in found:
        for branch in sorted(each.branches, key=lambda branch: branch.role is Role.CHANGE):
            for at, address in enumerate(branch.addresses):
                path = None if branch.path is None else branch.path.format(at)
                yield Derived(branch.chain, address, path, branch.role, branch.style, branch.account)
        for listed in each.listed:
            yield Derived(listed.chain, listed.address, None, Role.RECEIVE, "", 0)


def _print(rows: Iterable[Derived | AddressRow], kind: type[msgspec.Struct], as_form: Form) -> None:
    if as_form is Form.TEXT:
        write_lines(f"{row.address}\t{row.path or ''}\t{row.chain}\n" for row in rows)
    else:
        write_rows(rows, kind, as_form)
