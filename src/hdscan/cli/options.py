"""The options that several commands share, and what the global ones say."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from hdscan.app import Settings, configure
from hdscan.cli.call import Call


def option(name: str, metavar: str, help: str, *, min: float | None = None, max: float | None = None) -> Any:
    """An option; a flag has the metavar ""."""
    return typer.Option(name, metavar=metavar, help=help, min=min, max=max)


AsJson = Annotated[bool, option("--json", "", "Print JSON.")]
AsJsonl = Annotated[bool, option("--jsonl", "", "Print JSON lines.")]
AsCsv = Annotated[bool, option("--csv", "", "Print CSV.")]
Chain = Annotated[str, option("--chain", "CHAIN", "The chain: btc, eth, bsc, sol, ltc … or one of your own.")]
OneChain = Annotated[str | None, option("--chain", "CHAIN", "Only this chain.")]
OneAsset = Annotated[str | None, option("--asset", "SYM", "Only this asset: BTC, BNB, SOL, USDC, USDT …")]
OneWallet = Annotated[str | None, option("--wallet", "NAME", "Only this wallet.")]
Chains = Annotated[list[str] | None, option("--chain", "CHAIN", "Only this chain; may be repeated.")]
Assets = Annotated[list[str] | None, option("--asset", "SYM", "Only this asset; may be repeated.")]
Wallets = Annotated[list[str] | None, option("--wallet", "NAME", "Only this wallet; may be repeated.")]

# what a source is taken for
ScriptName = Literal["p2pkh", "p2sh-p2wpkh", "p2wpkh", "p2tr"]
ForChains = Annotated[
    list[str] | None, option("--chain", "CHAIN", "The chain it is for, or evm for all EVM chains; may be repeated.")
]
OfScript = Annotated[ScriptName | None, option("--script", "KIND", "Bitcoin and its like: the kind of address.")]
OfPath = Annotated[str | None, option("--path", "STYLE", "The style of paths: bip84, ledger-live, metamask, sollet-legacy …")]
OfAccounts = Annotated[int | None, option("--accounts", "N", "Look at so many accounts, whatever is found in them.")]
SeedStdin = Annotated[bool, option("--seed-stdin", "", "Read a BIP-39 mnemonic from standard input.")]
SeedFile = Annotated[Path | None, option("--seed-file", "FILE", "Read a BIP-39 mnemonic from a file of mode 0600.")]


def settings_of(context: typer.Context) -> Settings:
    """The settings of a command's context."""
    return settings_of_call(context.ensure_object(Call))


def settings_of_call(call: Call) -> Settings:
    """The settings in force under these global options."""
    return configure(call.db, call.config, log_level=call.log_level, log_json=call.log_json)
