"""The tokens that are read: lists them, adds a proved one to the user's file, takes one out."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from hdscan.chains import family_of
from hdscan.keys.address import canonical
from hdscan.model.chain import Asset, Chain, Family
from hdscan.model.errors import ConfigError, InputError
from hdscan.model.provider import TokenFacts
from hdscan.settings import Settings
from hdscan.settings.edit import own_file, rewrite, token_rows, with_token, without_token
from hdscan.settings.schema import Symbol

BUILT_IN = "built in"


class Token(msgspec.Struct, frozen=True):
    """A token that is read: a line of `tokens --jsonl`; `source` is the file that lists it, or "built in"."""

    chain: str
    symbol: str
    contract: str
    decimals: int
    onchain_symbol: str | None
    source: str


def tokens(settings: Settings, chain: str | None = None) -> Iterator[Token]:
    """Every configured token, of one chain if it is given; InputError for an unknown chain."""
    for name in settings.chains if chain is None else (settings.chain(chain).id,):
        for asset in settings.assets[name]:
            if asset.contract is not None:
                source = settings.token_files[name, asset.symbol] or BUILT_IN
                yield Token(name, asset.symbol, asset.contract, asset.decimals, asset.onchain_symbol, source)


def contract_on(chain: Chain, text: str) -> str:
    """A token's contract in its canonical form; InputError says what is wrong with it."""
    family = family_of(chain)
    try:
        if chain.family is Family.BITCOIN:
            family.check_contract(text)
        contract = canonical(chain, text)
        family.check_contract(contract)
    except InputError as error:
        raise InputError(f"the contract {error}") from None
    except ConfigError as error:
        raise InputError(str(error)) from None
    return contract


def listed(settings: Settings, chain: Chain, contract: str, symbol: str | None) -> Token | None:
    """The token that is configured with this contract; InputError where it is so under another symbol than the one given."""
    known = next((each for each in tokens(settings, chain.id) if family_of(chain).same_contract(each.contract, contract)), None)
    if known is not None and symbol not in (None, known.symbol):
        raise InputError(f"{contract} is listed already as {known.symbol} ({known.source}), and would be counted twice")
    return known


def check_symbol(settings: Settings, chain: Chain, symbol: str | None) -> None:
    """InputError where a symbol, or none, cannot be a new token's: it is another asset's, in whatever case of letters."""
    if symbol is None:
        if chain.family is Family.SOLANA:
            raise InputError("a mint on Solana states no symbol; name the token with --symbol")
        return
    try:
        msgspec.convert(symbol, Symbol)
    except msgspec.ValidationError:
        raise InputError(
            f"{symbol!r} cannot be a symbol, which has up to 32 characters and no spaces; name one with --symbol"
        ) from None
    for asset in settings.assets[chain.id]:
        if asset.symbol.casefold() == symbol.casefold():
            what = f"the token {asset.contract}" if asset.contract else "the chain's own coin"
            raise InputError(f"{asset.symbol} on {chain.id} is {what}: call this one otherwise, as with --symbol {symbol}.e")


def named(settings: Settings, chain: Chain, contract: str, facts: TokenFacts, symbol: str | None) -> Asset:
    """The asset of a proved token under the symbol given, or its own; InputError where that one cannot be used."""
    own = facts.symbol
    if symbol is None:
        if own is None:
            raise InputError(f"{contract} states no symbol; name it with --symbol; nothing was written")
        if not own.isascii():
            raise InputError(f'{contract} calls itself "{own}", which others can be mistaken for; name it with --symbol')
        symbol = own
    check_symbol(settings, chain, symbol)
    called = own if own is not None and own.casefold() != symbol.casefold() else None
    return Asset(chain.id, symbol, facts.decimals, contract, called)


def write(settings: Settings, asset: Asset) -> Path:
    """Add a token's row to the user's file and say which that is; ConfigError, also where another process was faster."""
    path = own_file(settings.files)
    family = family_of(settings.chains[asset.chain])

    def change(text: str) -> str:
        for row in token_rows(text):
            same = row["symbol"] == asset.symbol or family.same_contract(row["contract"], str(asset.contract))
            if same and row["chain"] == asset.chain and row.get("network") in (None, settings.network):
                raise ConfigError(f"{row['symbol']} was added meanwhile")
        return with_token(text, _row(asset, settings))

    rewrite(path, change)
    return path


def _row(asset: Asset, settings: Settings) -> dict[str, str | int]:
    """A row of the network on which the token was proved."""
    row: dict[str, str | int | None] = msgspec.to_builtins(asset) | {"network": str(settings.network)}
    order = ("chain", "network", "symbol", "contract", "decimals", "onchain_symbol")
    return {key: value for key in order if (value := row[key]) is not None}


def remove(settings: Settings, chain: Chain, name: str) -> Token:
    """Take a token, by its symbol or contract, out of the file that lists it; InputError for a built-in or unknown one."""
    known = list(tokens(settings, chain.id))
    same = family_of(chain).same_contract
    wanted: tuple[Callable[[Token], bool], ...] = (
        lambda token: token.symbol == name or same(token.contract, name),
        lambda token: token.symbol.casefold() == name.casefold(),
    )
    token = next((token for fits in wanted for token in known if fits(token)), None)
    if token is None:
        symbols = ", ".join(each.symbol for each in known) or "none"
        raise InputError(f"{chain.id} has no token {name!r}; its tokens are {symbols}")
    if token.source == BUILT_IN:
        raise InputError(f"{token.symbol} of {chain.id} is built in and stays; choose what is read with: hdscan scan --asset")

    def change(text: str) -> str:
        for number, row in enumerate(token_rows(text)):
            if (row["chain"], row["symbol"]) == (chain.id, token.symbol) and row.get("network") in (None, settings.network):
                return without_token(text, number)
        raise ConfigError(f"it does not list {token.symbol} any more")

    rewrite(Path(token.source), change)
    return token
