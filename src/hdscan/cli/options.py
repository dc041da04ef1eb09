"""The options that several commands share, and what their values mean."""

from collections.abc import Sequence
from typing import Annotated

import typer

from hdscan.app import Settings
from hdscan.model.errors import InputError

AsJson = Annotated[bool, typer.Option("--json", metavar="", help="Print JSON.")]
AsJsonl = Annotated[bool, typer.Option("--jsonl", metavar="", help="Print JSON lines.")]
AsCsv = Annotated[bool, typer.Option("--csv", metavar="", help="Print CSV.")]
Chain = Annotated[str, typer.Option("--chain", metavar="CHAIN", help="The chain: btc, bsc, sol or one of your own.")]
OneChain = Annotated[str | None, typer.Option("--chain", metavar="CHAIN", help="Only this chain.")]
OneAsset = Annotated[str | None, typer.Option("--asset", metavar="SYM", help="Only this asset: BTC, BNB, SOL, USDC, USDT …")]
Chains = Annotated[list[str] | None, typer.Option("--chain", metavar="CHAIN", help="Only this chain; may be repeated.")]
Assets = Annotated[list[str] | None, typer.Option("--asset", metavar="SYM", help="Only this asset; may be repeated.")]


def symbol_of(settings: Settings, name: str, chains: Sequence[str] | None = None) -> str:
    """The configured symbol that is meant, whatever its case; InputError names those there are."""
    of = [asset.symbol for chain in chains or settings.chains for asset in settings.assets[chain]]
    symbols = {symbol.upper(): symbol for symbol in of}
    if name.upper() not in symbols:
        raise InputError(f"asset {name!r} is not configured; the assets are {', '.join(symbols.values())}")
    return symbols[name.upper()]
