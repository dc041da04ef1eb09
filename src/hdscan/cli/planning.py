"""`hdscan plan` and `hdscan chains`: what a scan will ask of whom and how long it takes, before anybody is asked."""

import time
from collections.abc import Iterator

import typer

from hdscan.app import ScanRequest, Wallet
from hdscan.app.planning import chains
from hdscan.cli.options import AsJson, Assets, Chains, Wallets, settings_of
from hdscan.cli.stdout import Form, write_json, write_rows
from hdscan.cli.table import show, table
from hdscan.model.forecast import ChainEntry, ChainForecast, Forecast

app = typer.Typer(add_completion=False)

FEW = 3  # Electrum servers, of which each is named
PER = {"hour": "an hour", "day": "a day", "month": "a month"}

PLAN_EPILOG = """Examples:

  hdscan plan
  hdscan plan --chain btc
  hdscan plan --wallet savings
  hdscan plan --json | jq .seconds

Quotas count what earlier scans used. The forecast takes every host at its limit, or at the rate that was learned."""

CHAINS_EPILOG = """Examples:

  hdscan chains
  hdscan chains --json | jq '.[] | {chain, seconds}'"""


@app.command("plan", epilog=PLAN_EPILOG)
def plan(
    context: typer.Context, *, chain: Chains = None, asset: Assets = None, wallet: Wallets = None, as_json: AsJson = False
) -> None:
    """Show what the next scan will ask of whom, and how long it takes; nothing is asked."""
    settings = settings_of(context)
    for name in chain or ():
        settings.chain(name)
    assets = tuple(settings.asset(name, chain) for name in asset or ())
    with Wallet(settings, create=False) as opened:
        found = opened.plan(ScanRequest(tuple(chain or ()), assets, wallets=tuple(wallet or ())))
    if as_json:
        write_json(found)
        return
    made = table("chain", "addresses", "readings", "calls", "takes", right=("addresses", "readings", "calls"))
    for each in found.chains:
        made.add_row(each.chain, f"{each.addresses:,}", f"{each.readings:,}", f"{each.calls:,}", each.verdict)
    if len(found.chains) > 1:
        made.add_row("all", f"{found.addresses:,}", f"{found.readings:,}", f"{found.calls:,}", found.verdict)
    asked = table("chain", "provider", "calls", "readings", "quotas", right=("calls", "readings"))
    for each in found.chains:
        for provider in each.providers:
            if not provider.calls:
                continue
            quotas = ", ".join(f"{q.used + q.takes:,} of {q.limit:,} {PER[q.per]}" for q in provider.quotas)
            asked.add_row(each.chain, provider.name, f"{provider.calls:,}", f"{provider.readings:,}", quotas)
    hints = [line for each in found.chains for line in _hints(each)]
    show(made, "", asked, *(("", *hints) if hints else ()))


def _hints(found: ChainForecast) -> Iterator[str]:
    if idle := sum(not provider.calls for provider in found.providers):
        yield f"{found.chain}: {idle} more stand{'s' if idle == 1 else ''} by"
    if found.key is not None:
        yield f"{found.chain}: set {' and '.join(found.key.variables)} in the environment to ask {found.key.endpoint}"


def first_line(found: Forecast) -> str:
    """A forecast in the line that a scan begins with."""
    parts = [f"{each.chain} {each.readings:,} readings, {each.verdict}" for each in found.chains]
    return "plan: " + " | ".join(parts)


@app.command("chains", epilog=CHAINS_EPILOG)
def list_chains(context: typer.Context, as_json: AsJson = False) -> None:
    """List the chains with their hosts, keys that help, and what 1,000 addresses take."""
    settings = settings_of(context)
    found = chains(settings, time.time())
    if as_json:
        write_rows(found, ChainEntry, Form.JSON)
        return
    made = table("chain", "assets", "hosts", "1,000 addresses", "calls", right=("calls",))
    for each in found:
        asked = _asked(each, settings.scan.electrum_servers)
        made.add_row(each.chain, ", ".join(each.assets), asked or "none", each.verdict, f"{each.calls:,}")
    lacking: dict[str, list[str]] = {}
    for each in found:
        for host in each.hosts:
            if host.variables:
                lacking.setdefault(" and ".join(host.variables), []).append(each.chain)
    keys = table("set in the environment", "to ask more hosts of")
    for variables, names in lacking.items():
        keys.add_row(variables, ", ".join(dict.fromkeys(names)))
    show(made, *(("", keys) if lacking else ()))


def _asked(found: ChainEntry, at_a_time: int) -> str:
    """The hosts that are asked; several Electrum servers are only counted."""
    on = [host for host in found.hosts if host.off is None]
    alike = [host for host in on if host.drawn]
    if len(alike) < FEW:
        return ", ".join(host.name for host in on)
    some = f", {at_a_time} at a time" if len(alike) > at_a_time else ""
    return ", ".join([*(host.name for host in on if host not in alike), f"{len(alike)} Electrum servers{some}"])
