"""`hdscan providers`: every configured provider as last seen."""

from collections import Counter
from collections.abc import Iterable, Sequence

import typer
from rich.table import Table
from rich.text import Text

from hdscan.app import Wallet
from hdscan.cli.options import AsCsv, AsJson, AsJsonl, settings_of
from hdscan.cli.stdout import Form, form, write_rows
from hdscan.cli.table import show, table
from hdscan.cli.text import STYLES, clean, state_words
from hdscan.model.scan import ProviderState, ProviderStatus

app = typer.Typer(add_completion=False)

CALLS = ("calls", "ok", "failed", "throttled", "amounts")

EPILOG = """Examples:

  hdscan providers
  hdscan providers --jsonl | jq 'select(.state != "ready")'"""


@app.command("providers", epilog=EPILOG)
def providers(context: typer.Context, as_json: AsJson = False, as_jsonl: AsJsonl = False, as_csv: AsCsv = False) -> None:
    """Show every provider as last seen: state, breaker, rate, pause, counts, last error."""
    as_form = form(as_json=as_json, as_jsonl=as_jsonl, as_csv=as_csv)
    with Wallet(settings_of(context), create=False) as wallet:
        rows = wallet.providers()
    if as_form is Form.TEXT:
        _show_providers(rows)
    else:
        write_rows(rows, ProviderStatus, as_form)


def _show_providers(rows: Sequence[ProviderStatus]) -> None:
    """Those that were asked, how many were not, and why each is off or failed last; the same reason once."""
    if asked := [row for row in rows if row.state not in (ProviderState.UNUSED, ProviderState.DISABLED)]:
        show(_provider_table(asked), "")
    if not rows:
        show("No host is configured; add an [[endpoint]] row to hdscan.toml")
    unused = Counter(row.chain for row in rows if row.state is ProviderState.UNUSED)
    if unused:
        show("not asked yet: " + ", ".join(f"{count} of {chain}" for chain, count in unused.items()))
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row.last_error:
            name = row.name.partition("/")[0] if row.state is ProviderState.DISABLED else row.name
            reasons.setdefault(row.last_error, []).append(name)
    for reason, names in reasons.items():
        show(Text.assemble((", ".join(dict.fromkeys(names)), "bold"), ": ", clean(reason)))


def _provider_table(rows: Iterable[ProviderStatus]) -> Table:
    made = table("provider", "chain", "state", "breaker", "per s", *CALLS, right=("per s", *CALLS))
    for row in rows:
        closed = {method: state for method, state in row.breaker.items() if state != "closed"}
        breaker = ", ".join(f"{method} {state}" for method, state in closed.items()) or "closed"
        counts = [f"{getattr(row, count):,}" for count in CALLS]
        state = Text(state_words(row), style=STYLES.get(row.state, "yellow"))
        made.add_row(row.name, row.chain, state, breaker, f"{row.rate:.3g}", *counts)
    return made
