"""The read-only commands status, balances and gaps; they also work during a scan."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Annotated

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hdscan.app import Wallet
from hdscan.cli.options import AsCsv, AsJson, AsJsonl, OneAsset, OneChain, OneWallet, option, settings_of
from hdscan.cli.stdout import Form, form, write_json, write_rows
from hdscan.cli.table import confirmed_words, show, table, totals_table
from hdscan.cli.text import audit_words, claim_words, clean, coins, duration, moment
from hdscan.model.errors import InputError, ReadCode
from hdscan.model.recast import recast
from hdscan.model.scan import BalanceRow, BalanceState, Gap, ScanResult, Status, UnlistedRow, worst
from hdscan.model.tally import Tally

app = typer.Typer(add_completion=False)

PAGE = 50  # rows of a table for people; the other forms give all
COUNTS = ("addresses", "readings", "read", "unread", "disputed", "funded", "requests")
STATUS_COLUMNS = (
    *("chain", "scan_id", "status", "addresses", "readings", "read", "unread", "funded", "seconds", "requests"),
    *("error", "audited", "disputed", "unaudited", "audit_requests"),
)

STATUS_EPILOG = """Examples:

  hdscan status
  hdscan status --json | jq .status"""

BALANCES_EPILOG = """Examples:

  hdscan balances
  hdscan balances --chain bsc --asset usdt --funded
  hdscan balances --csv > balances.csv
  hdscan balances --unlisted --jsonl

Totals add what was read; stale amounts stand apart, and unread or disputed readings never count as zero.
Amounts in JSON and CSV are integers of base units: satoshi, wei, lamport."""

GAPS_EPILOG = """Examples:

  hdscan gaps
  hdscan gaps --jsonl | jq -r .address

Try them again with: hdscan scan --retry"""


class StatusRow(Tally, frozen=True):
    """A chain's scan: a line of `status --jsonl` and `--csv`."""

    chain: str
    scan_id: int
    status: Status
    error: str | None


def _reader(context: typer.Context) -> Wallet:
    """The wallet for reading only; StoreError if there is no database."""
    return Wallet(settings_of(context), create=False)


@app.command("status", epilog=STATUS_EPILOG)
def status(
    context: typer.Context,
    *,
    wallet: OneWallet = None,
    as_json: AsJson = False,
    as_jsonl: AsJsonl = False,
    as_csv: AsCsv = False,
) -> None:
    """Show how far the last scan of every chain is."""
    as_form = form(as_json=as_json, as_jsonl=as_jsonl, as_csv=as_csv)
    with _reader(context) as opened:
        chains = None if wallet is None else opened.wallets(wallet)[0].chains
        rows = [recast(record, StatusRow) for record in opened.chains() if chains is None or record.chain in chains]
        if as_form is Form.JSON:
            write_json(_of_chains(opened.last_scan(), chains))
        elif as_form is not Form.TEXT:
            write_rows(rows, StatusRow, as_form, STATUS_COLUMNS)
        elif not rows:
            show("No wallet was scanned yet; begin with: hdscan scan")
        else:
            _show_status(rows)


def _of_chains(result: ScanResult | None, chains: Sequence[str] | None) -> ScanResult | None:
    """The result of these chains alone; None where they were never scanned."""
    if result is None or chains is None:
        return result
    kept = {name: each for name, each in result.chains.items() if name in chains}
    return ScanResult(result.scan_id, worst(each.status for each in kept.values()), kept) if kept else None


def _show_status(rows: list[StatusRow]) -> None:
    made = table("chain", "scan", "status", *COUNTS, "time", right=COUNTS)
    for row in rows:
        running = row.status is Status.RUNNING
        word = "running, or killed: then the next scan resumes it" if running else row.status.replace("_", " ")
        counts = [f"{getattr(row, count):,}" for count in COUNTS]
        made.add_row(row.chain, str(row.scan_id), word, *counts, duration(row.seconds))
    show(made, *(f"{row.chain}: {clean(row.error)}" for row in rows if row.error))
    if any(row.status is Status.RUNNING for row in rows):
        show("Where no scan is running any more, it was killed; go on with: hdscan scan")
    if any(row.unread for row in rows):
        show("See what is unread with: hdscan gaps; try it again with: hdscan scan --retry")
    show(*(f"{row.chain}: {words}" for row in rows if (words := audit_words(row))))


@app.command("balances", epilog=BALANCES_EPILOG)
def balances(
    context: typer.Context,
    *,
    chain: OneChain = None,
    asset: OneAsset = None,
    wallet: OneWallet = None,
    funded: Annotated[bool, option("--funded", "", "Only amounts above zero.")] = False,
    unlisted: Annotated[bool, option("--unlisted", "", "Only tokens that are not listed, by mint (Solana).")] = False,
    as_json: AsJson = False,
    as_jsonl: AsJsonl = False,
    as_csv: AsCsv = False,
) -> None:
    """Show what is held: totals per asset, then the addresses that hold something."""
    if unlisted and asset is not None:
        raise InputError("--unlisted does not go with --asset: what is not listed has no symbol")
    as_form = form(as_json=as_json, as_jsonl=as_jsonl, as_csv=as_csv)
    with _reader(context) as opened:
        symbol = opened.symbol(chain, asset)
        if unlisted and as_form is not Form.TEXT:
            write_rows(opened.unlisted(chain, wallet=wallet), UnlistedRow, as_form)
        elif unlisted:
            if not _show_unlisted(opened, chain, wallet):
                show("No tokens are known that are not listed.")
        elif as_form is Form.TEXT:
            _show_balances(opened, chain, symbol, wallet)
        else:
            write_rows(opened.balances(chain, symbol, funded=funded, wallet=wallet), BalanceRow, as_form)


def _show_balances(wallet: Wallet, chain: str | None, symbol: str | None, name: str | None) -> None:
    totals = [total for total in wallet.totals(chain, symbol, wallet=name) if total.addresses]
    if not totals:
        show("There are no addresses; add a wallet with: hdscan add FILE")
        return
    if words := confirmed_words(totals):
        show(words, "")
    rows = wallet.balances(chain, symbol, funded=True, wallet=name)
    page = list(islice(rows, PAGE))
    if page:
        show(_balance_table(page), "")
    if next(rows, None) is not None:
        show(f"These are the first {PAGE}; all of them: hdscan balances --funded --csv (or --jsonl)", "")
    if symbol is None and _show_unlisted(wallet, chain, name):
        show("")
    if any(total.stale for total in totals):
        gaps = wallet.gaps(chain, wallet=name)
        claims = (gap for gap in gaps if gap.code == ReadCode.UNCONFIRMED and symbol in (None, gap.asset))
        _show_claims(islice(claims, PAGE), {(total.chain, total.asset): total.decimals for total in totals})
    if any(total.disputed for total in totals):
        disputed = (row for row in wallet.balances(chain, symbol, wallet=name) if row.state is BalanceState.DISPUTED)
        show("Operators disagree about these, so they have no amount; ask again with: hdscan scan --retry")
        show(*(f"{row.chain} {row.index}  {row.address}  {_answers(row)}" for row in islice(disputed, PAGE)), "")
    show(totals_table(totals))
    if unread := sum(total.unread for total in totals):
        show("", f"{unread:,} readings are unread: in no total, and no zeros. Those that were asked for: hdscan gaps")


def _balance_table(rows: Sequence[BalanceRow]) -> Table:
    """What is held, with wallets and labels where there are several."""
    several = len({row.wallets for row in rows}) > 1
    names = [": ".join(filter(None, [", ".join(row.wallets) if several else "", row.label])) for row in rows]
    column = ["wallet" if several else "label"] if any(names) else []
    made = table(
        *("chain", "index", "address", *column, "amount", "", "block", "read at", "operators", "by"),
        right=("index", "amount", "block", "operators"),
        spare=("index", "block", "read at", "by", "operators"),
    )
    for row, name in zip(rows, names, strict=True):
        chain, index, address, *cells = _cells(row)
        made.add_row(chain, index, address, *([clean(name)] if column else []), *cells)
    return made


def _show_unlisted(wallet: Wallet, chain: str | None, name: str | None) -> bool:
    """Show what is held of tokens that are not listed; whether there was anything."""
    rows = wallet.unlisted(chain, wallet=name)
    right = ("index", "base units", "block")
    made = table("chain", "index", "address", "mint", "base units", "block", "read at", "by", right=right)
    for row in islice(rows, PAGE):
        height = "" if row.height is None else str(row.height)
        where = row.chain, str(row.index), row.address, clean(row.contract)
        made.add_row(*where, row.amount, height, moment(row.observed_at), row.source)
    if not made.row_count:
        return False
    show("Unlisted tokens, by mint: anybody can name a token, so these are in no total, and one operator's word", made)
    if next(rows, None) is not None:
        show("", f"These are the first {PAGE}; all of them: hdscan balances --unlisted --csv (or --jsonl)")
    if left_out := wallet.store.balances.unlisted_count(chain).left_out:
        show("", f"{left_out:,} more are left out, where one address holds too many")
    return True


def _show_claims(claims: Iterable[Gap], decimals: Mapping[tuple[str, str], int]) -> None:
    said = ((each, claim_words(each.error, decimals[each.chain, each.asset], each.asset)) for each in claims)
    if lines := [f"{each.chain} {each.index}  {each.address}  {clean(words)}" for each, words in said]:
        show(
            "One operator alone says that these changed, so the earlier amounts stay. Why no other could be asked: hdscan gaps"
        )
        show(*lines, "")


def _answers(row: BalanceRow) -> str:
    return ", ".join(
        f"{answer.source}: {coins(answer.amount, row.decimals)} {clean(row.asset)}"
        + ("" if answer.height is None else f" at {answer.height}")
        for answer in row.answers or ()
    )


def _cells(row: BalanceRow) -> list[Text | str]:
    """A balance as a table row; an unknown amount is a word, never a number."""
    amount = row.state.value if row.amount is None else coins(row.amount, row.decimals)
    if row.unconfirmed not in (None, "0"):
        pending = coins(row.unconfirmed or 0, row.decimals)
        amount += f" ({'' if pending.startswith('-') else '+'}{pending})"
    unit = row.asset if row.state is BalanceState.READ else f"{row.asset} {row.state}"
    when = moment(row.observed_at) if row.observed_at else ""
    height = "" if row.height is None else str(row.height)
    operators = Text(str(row.operators), style="yellow" if row.operators < 2 else "")
    return [row.chain, str(row.index), row.address, amount, clean(unit), height, when, operators, ", ".join(_sources(row))]


def _sources(row: BalanceRow) -> list[str]:
    """Who said an amount, the one first that it was read from."""
    return list(dict.fromkeys(name for name in (row.source, *row.said_by) if name))


@app.command("gaps", epilog=GAPS_EPILOG)
def gaps(
    context: typer.Context,
    *,
    chain: OneChain = None,
    wallet: OneWallet = None,
    as_json: AsJson = False,
    as_jsonl: AsJsonl = False,
    as_csv: AsCsv = False,
) -> None:
    """List what the last scan could not read, with every provider's reason."""
    as_form = form(as_json=as_json, as_jsonl=as_jsonl, as_csv=as_csv)
    with _reader(context) as opened:
        if chain is not None:
            opened.settings.chain(chain)
        rows = opened.gaps(chain, wallet=wallet)
        if as_form is not Form.TEXT:
            write_rows(rows, Gap, as_form)
            return
        page = list(islice(rows, PAGE))
        if not page:
            show("Nothing that was asked for is unread.")
            return
        for row in page:
            tries = "" if not row.attempts else ", 1 try" if row.attempts == 1 else f", {row.attempts} tries"
            where = Text(f"{row.chain} {row.index}  {row.address}  {clean(row.asset)}  {row.code}{tries}")
            show(where, Padding(Text(clean(row.error), style="dim"), (0, 0, 0, 4), expand=False))
        if next(rows, None) is not None:
            show("", f"These are the first {PAGE}; all of them: hdscan gaps --csv (or --jsonl)")
        show("", "Try them again with: hdscan scan --retry")
