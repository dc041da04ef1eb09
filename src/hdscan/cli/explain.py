"""`hdscan explain`: everything known of one address, its sources, and why each provider was or was not asked."""

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from hdscan.app import Wallet
from hdscan.cli.options import AsJson, AsJsonl, OneAsset, OneChain, OneWallet, settings_of
from hdscan.cli.stdout import Form, form, write_rows
from hdscan.cli.table import show, table
from hdscan.cli.text import clean, coins, moment
from hdscan.model.audit import AuditOutcome
from hdscan.model.errors import ReadCode
from hdscan.model.explain import AuditRecord, Explained
from hdscan.model.scan import Answer, BalanceRow

app = typer.Typer(add_completion=False)

EPILOG = """Examples:

  hdscan explain bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu
  hdscan explain 0x9858EfFD232B4033E47d90003D41EC34EcaEda94 --asset usdt
  hdscan explain bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu --json | jq '.[].attempts'

Attempts are those of the chain's last scan that failed, at most the latest 12 of each asset."""


USE = {True: "used", False: "not used", None: "use not known"}
OUTCOMES = {
    AuditOutcome.CONFIRMED: "confirmed",
    AuditOutcome.MOVED: "moved, two of them state a later amount",
    AuditOutcome.CORRECTED: "corrected, two of them agree against the first",
    AuditOutcome.DISPUTED: "disputed",
    AuditOutcome.UNAUDITED: "unaudited, none could answer",
    AuditOutcome.UNCONFIRMED: "unconfirmed, none could answer, so the earlier amount stays",
}


@app.command("explain", epilog=EPILOG)
def explain(
    context: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The address.")],
    *,
    chain: OneChain = None,
    asset: OneAsset = None,
    wallet: OneWallet = None,
    as_json: AsJson = False,
    as_jsonl: AsJsonl = False,
) -> None:
    """Show what is known of an address, and why each provider was or was not asked."""
    as_form = form(as_json=as_json, as_jsonl=as_jsonl)
    with Wallet(settings_of(context), create=False) as opened:
        symbol = opened.symbol(chain, asset)
        rows = opened.explain(address, chain, symbol, wallet=wallet)
    if as_form is not Form.TEXT:
        write_rows(rows, Explained, as_form)
        return
    for number, row in enumerate(rows):
        show(*([""] if number else []), *_parts(row))


def _parts(row: Explained) -> Iterator[Text | Table | str]:
    balance = row.balance
    place = f" ({balance.path})" if balance.path else ""
    yield Text(f"{balance.chain} {balance.index}  {balance.address}{place}  {clean(balance.asset)}", style="bold")
    if known := [*(f"wallet {name}" for name in balance.wallets), *([f"label {balance.label}"] if balance.label else [])]:
        yield f"  {clean(', '.join(known))}; {USE[balance.used]}"
    yield f"  {_state(balance)}"
    if balance.amount is not None:
        yield f"  {_operators(balance)}"
    if row.scan_id is not None and row.status is not None:
        yield f"  last scan of {balance.chain}: {row.scan_id}, {row.status.replace('_', ' ')}"
    for answer in balance.answers or ():
        yield f"  {_said(answer, balance)}"
    if row.gap is not None:
        head = "claimed, and not believed" if row.gap.code == ReadCode.UNCONFIRMED else "could not be read by the last scan"
        yield f"  {head}: {clean(row.gap.error)} ({row.gap.code}, {row.gap.attempts} tries)"
    if row.audit is not None:
        yield f"  {_audit(row.audit)}"
        for answer in row.audit.answers if row.audit.answers != balance.answers else ():
            yield f"    {_said(answer, balance)}"
    for attempt in row.attempts:
        yield f"  {moment(attempt.at)}  {attempt.provider}: {clean(attempt.error)} ({attempt.code})"
    made = table("  provider", "operator", "state", "why")
    for told in row.providers:
        made.add_row(f"  {told.provider}", clean(told.operator), told.state.replace("_", " "), clean(told.why))
    yield made


def _state(balance: BalanceRow) -> str:
    if balance.amount is None:
        return f"{balance.state}: there is no amount" + (f"; {clean(balance.error)}" if balance.error else "")
    held = f"{coins(balance.amount, balance.decimals)} {clean(balance.asset)}"
    if balance.unconfirmed not in (None, "0"):
        held += f", {coins(balance.unconfirmed or 0, balance.decimals)} unconfirmed"
    block = "" if balance.height is None else f" at block {balance.height}"
    return f"{balance.state}: {held}{block}, {moment(str(balance.observed_at))}, by {balance.source}"


def _operators(balance: BalanceRow) -> str:
    said = f"said by {', '.join(balance.said_by)}"
    return f"{said}: {balance.operators} operators" if balance.operators > 1 else f"{said}: one operator's word alone"


def _said(answer: Answer, balance: BalanceRow) -> str:
    block = "" if answer.height is None else f" at block {answer.height}"
    when = moment(answer.observed_at)
    return f"{answer.source} said {coins(answer.amount, balance.decimals)} {clean(balance.asset)}{block}, {when}"


def _audit(audit: AuditRecord) -> str:
    about = "" if audit.current else ", about an earlier reading"
    why = f" ({clean(audit.error)})" if audit.error else ""
    return f"other operators were asked in scan {audit.scan_id}{about}: {OUTCOMES[audit.outcome]}{why}"
