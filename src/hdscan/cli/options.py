"""The options that several commands share."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", metavar="", help="Print JSON.")]
AsJsonl = Annotated[bool, typer.Option("--jsonl", metavar="", help="Print JSON lines.")]
AsCsv = Annotated[bool, typer.Option("--csv", metavar="", help="Print CSV.")]
Chain = Annotated[str, typer.Option("--chain", metavar="CHAIN", help="The chain: btc, bsc, sol or one of your own.")]
OneChain = Annotated[str | None, typer.Option("--chain", metavar="CHAIN", help="Only this chain.")]
OneAsset = Annotated[str | None, typer.Option("--asset", metavar="SYM", help="Only this asset: BTC, BNB, SOL, USDC, USDT …")]
Chains = Annotated[list[str] | None, typer.Option("--chain", metavar="CHAIN", help="Only this chain; may be repeated.")]
Assets = Annotated[list[str] | None, typer.Option("--asset", metavar="SYM", help="Only this asset; may be repeated.")]
