"""`hdscan tokens`: list the tokens that are read, add a proved one to hdscan.toml, or take one out."""

from typing import Annotated

import typer

from hdscan.app.tokens import Token, check_symbol, contract_on, listed, named, remove, tokens, write
from hdscan.cli import log
from hdscan.cli.options import AsCsv, AsJson, AsJsonl, Chain, OneChain, option, settings_of
from hdscan.cli.stdout import Form, form, write_rows
from hdscan.cli.stdout import write as say
from hdscan.cli.table import show, table
from hdscan.cli.text import clean
from hdscan.model.errors import InputError

EPILOG = """Examples:

  hdscan tokens
  hdscan tokens --chain bsc --csv
  hdscan tokens add --chain bsc 0x4B0F1812e5Df2A09796481Ff14017e6005508003
  hdscan tokens remove --chain bsc TWT"""

ADD_EPILOG = """Examples:

  hdscan tokens add --chain bsc 0x4B0F1812e5Df2A09796481Ff14017e6005508003
  hdscan tokens add --chain sol hntyVP6YFm1Hg25TN9WGLqM12b8TQmcknKrdu1oxWux --symbol HNT

Two operators have to say the same of its contract, or a trusted one; no address is sent. Then its row is added to
hdscan.toml, which is else left as it is, and the next scan reads it."""

REMOVE_EPILOG = """Examples:

  hdscan tokens remove --chain bsc TWT
  hdscan tokens remove --chain sol hntyVP6YFm1Hg25TN9WGLqM12b8TQmcknKrdu1oxWux"""

app = typer.Typer(help="List the tokens that are read, add one, or take one out.", epilog=EPILOG, add_completion=False)


@app.callback(invoke_without_command=True)
def list_command(
    context: typer.Context, chain: OneChain = None, as_json: AsJson = False, as_jsonl: AsJsonl = False, as_csv: AsCsv = False
) -> None:
    """List the tokens that are read, add one, or take one out."""
    if context.invoked_subcommand is not None:
        if chain or as_json or as_jsonl or as_csv:
            raise InputError(f"options go behind the word {context.invoked_subcommand}")
        return
    as_form = form(as_json=as_json, as_jsonl=as_jsonl, as_csv=as_csv)
    rows = tokens(settings_of(context), chain)
    if as_form is not Form.TEXT:
        write_rows(rows, Token, as_form)
        return
    made = table("chain", "symbol", "contract", "decimals", "from", right=("decimals",))
    for row in rows:
        made.add_row(row.chain, clean(row.symbol), row.contract, str(row.decimals), clean(row.source))
    show(made if made.row_count else "There are no tokens; add one with: hdscan tokens add --chain CHAIN CONTRACT")


@app.command("add", epilog=ADD_EPILOG)
def add_command(
    context: typer.Context,
    contract: Annotated[str, typer.Argument(metavar="CONTRACT", help="The token's contract; on Solana, its mint.")],
    *,
    chain: Chain,
    symbol: Annotated[str | None, option("--symbol", "SYM", "What to call it; by default, as its contract does.")] = None,
) -> None:
    """Prove a token at two operators and add it to hdscan.toml."""
    settings = settings_of(context)
    log.begin(settings)
    where = settings.chain(chain)
    text = contract_on(where, contract)
    if known := listed(settings, where, text, symbol):
        say(f"{known.symbol} of {chain} is listed already ({known.source}); nothing was written\n")
        return
    check_symbol(settings, where, symbol)
    from hdscan.app.token_proof import prove
    from hdscan.cli.follow import run

    proof = run(prove(settings, where, text, symbol=symbol is None))
    asset = named(settings, where, text, proof.facts, symbol)
    path = write(settings, asset)
    called = f', which its contract calls "{asset.onchain_symbol}",' if asset.onchain_symbol else ""
    by = " and ".join(proof.operators)
    say(clean(f"added {asset.symbol} of {chain}{called} with {asset.decimals} decimals, by {by}, to {path}") + "\n")


@app.command("remove", epilog=REMOVE_EPILOG)
def remove_command(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="SYM|CONTRACT", help="The token's symbol or contract.")],
    *,
    chain: Chain,
) -> None:
    """Take a token out of hdscan.toml; a built-in one stays."""
    settings = settings_of(context)
    token = remove(settings, settings.chain(chain), name)
    say(clean(f"removed {token.symbol} of {chain} ({token.contract}) from {token.source}") + "\n")
    rest = next((each for each in tokens(settings_of(context), chain) if each.symbol == token.symbol), None)
    if rest is not None:
        say(clean(f"{rest.symbol} of {chain} is {rest.contract} again ({rest.source})") + "\n")
