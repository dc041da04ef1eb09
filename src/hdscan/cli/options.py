"""The options that several commands share, and what the global ones say."""

from typing import Annotated

import typer

from hdscan.app import Settings, configure
from hdscan.cli.call import Call

AsJson = Annotated[bool, typer.Option("--json", metavar="", help="Print JSON.")]
AsJsonl = Annotated[bool, typer.Option("--jsonl", metavar="", help="Print JSON lines.")]
AsCsv = Annotated[bool, typer.Option("--csv", metavar="", help="Print CSV.")]
Chain = Annotated[str, typer.Option("--chain", metavar="CHAIN", help="The chain: btc, bsc, sol or one of your own.")]
OneChain = Annotated[str | None, typer.Option("--chain", metavar="CHAIN", help="Only this chain.")]
OneAsset = Annotated[str | None, typer.Option("--asset", metavar="SYM", help="Only this asset: BTC, BNB, SOL, USDC, USDT …")]
Chains = Annotated[list[str] | None, typer.Option("--chain", metavar="CHAIN", help="Only this chain; may be repeated.")]
Assets = Annotated[list[str] | None, typer.Option("--asset", metavar="SYM", help="Only this asset; may be repeated.")]


def settings_of(context: typer.Context) -> Settings:
    """The settings of a command's context."""
    return settings_of_call(context.ensure_object(Call))


def settings_of_call(call: Call) -> Settings:
    """The settings in force under these global options."""
    return configure(call.db, call.config, log_level=call.log_level, log_json=call.log_json)


def asked_symbol(settings: Settings, chain: str | None, asset: str | None) -> str | None:
    """The symbol that --asset means, of --chain where that is given; InputError where either is not configured."""
    chains = None if chain is None else [settings.chain(chain).id]
    return None if asset is None else settings.asset(asset, chains)
