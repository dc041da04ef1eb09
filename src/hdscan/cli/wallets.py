"""`hdscan wallets`: the wallets and what they hold, or one with its branches."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.table import Table

from hdscan.app import Wallet
from hdscan.cli.options import AsCsv, AsJson, AsJsonl, settings_of
from hdscan.cli.stdout import Form, form, write_json, write_rows
from hdscan.cli.table import show, table, total_words, totals_table
from hdscan.cli.text import alike, branch_words, chain_words, clean, moment
from hdscan.model.errors import InputError
from hdscan.model.wallet import BranchRow, WalletRow

EPILOG = """Examples:

  hdscan wallets
  hdscan wallets show savings
  hdscan wallets --jsonl | jq .name"""

SHOW_EPILOG = """Examples:

  hdscan wallets show savings
  hdscan wallets show savings --json | jq '.branches[].used_to'"""

COUNTS = ("addresses", "used", "funded", "unread")
COLUMNS = ("name", "kind", "chains", *COUNTS, "last_scan")

app = typer.Typer(help="List the wallets and what they hold, or show one.", epilog=EPILOG, add_completion=False)


@app.callback(invoke_without_command=True)
def list_command(context: typer.Context, as_json: AsJson = False, as_jsonl: AsJsonl = False, as_csv: AsCsv = False) -> None:
    """List the wallets and what they hold, or show one."""
    if context.invoked_subcommand is not None:
        if as_json or as_jsonl or as_csv:
            raise InputError(f"options go behind the word {context.invoked_subcommand}")
        return
    as_form = form(as_json=as_json, as_jsonl=as_jsonl, as_csv=as_csv)
    with Wallet(settings_of(context), create=False) as wallet:
        rows = wallet.wallets()
        if as_form is not Form.TEXT:
            write_rows(rows, WalletRow, as_form, COLUMNS)
        elif not rows:
            show("There are no wallets; add one with: hdscan add FILE")
        else:
            show(_summary(rows), *_holdings(wallet, rows))


@app.command("show", epilog=SHOW_EPILOG)
def show_command(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The wallet.")],
    as_json: AsJson = False,
) -> None:
    """Show a wallet: what it holds, its branches and how far each is used."""
    with Wallet(settings_of(context), create=False) as wallet:
        (row,) = wallet.wallets(name)
        if as_json:
            write_json(row)
            return
        totals = [total for total in wallet.totals(wallet=name) if total.addresses]
        show(_summary([row]), "", *([totals_table(totals)] if totals else []), *_branches(row))


def _summary(rows: Sequence[WalletRow]) -> Table:
    made = table("wallet", "kind", "chains", *COUNTS, "last scan", right=COUNTS)
    for row in rows:
        counts = [f"{getattr(row, count):,}" for count in COUNTS]
        last = "never" if row.last_scan is None else moment(row.last_scan)[:16]
        made.add_row(clean(row.name), row.kind, chain_words(row.chains), *counts, last)
    return made


def _holdings(wallet: Wallet, rows: Sequence[WalletRow]) -> Iterator[Table | str]:
    """What each wallet holds; the sum over all wallets is said by `balances`."""
    made = table("wallet", "holds")
    for row in rows:
        if not row.funded:
            continue
        for total in wallet.totals(wallet=row.name):
            if total.funded or total.stale:
                made.add_row(clean(row.name), f"{total_words(total)} ({total.chain})")
    if made.row_count:
        yield ""
        yield made
        yield ""
        yield "The sum, in which an address of two wallets counts once: hdscan balances"


def _branches(row: WalletRow) -> Iterator[Table | str]:
    active = [branch for branch in row.branches if branch.first is not None]
    if active:
        chain = ["chain"] if len(row.chains) > 1 else []
        styled = alike(active)
        made = table(*chain, "path", *(["style"] if styled else []), "", "used to", "first address")
        for branch in active:
            where = [*([branch.chain] if chain else []), branch_words(branch.path, branch.style)]
            made.add_row(*where, *([branch.style] if styled else []), branch.role, _use(branch), str(branch.first))
        yield ""
        yield made
    if dormant := len({(each.chain, each.style, each.account) for each in row.branches if each.first is None}):
        yield f"{dormant:,} more accounts are looked at, each once the one before it is used"
    if active and not any(branch.kept for branch in active):
        yield "Its keys are not kept, so no later addresses are found."


def _use(branch: BranchRow) -> str:
    """The last position that is used, as far as that is known, and how many there are."""
    used = "none" if branch.used_to is None else f"{branch.used_to:,}"
    unknown = f", {branch.unknown:,} not known" if branch.unknown else ""
    return f"{used} of {branch.addresses:,}{unknown}"
