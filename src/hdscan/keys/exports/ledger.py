"""Ledger Live's CSV of operations: a column names every operation's account and its extended public key or address."""

import csv
from collections.abc import Iterator

from hdscan.keys.account import of_key
from hdscan.keys.exports.origin import saying
from hdscan.keys.exports.places import FileAddresses
from hdscan.keys.exports.record import clean
from hdscan.keys.options import Options
from hdscan.model.errors import HdscanError, InputError
from hdscan.model.wallet import Found, WalletKind

_WHAT = "a Ledger Live account (CSV of operations)"
_KEY, _NAME, _COIN = "account xpub", "account name", "currency ticker"
_HD_COINS = ("BTC", "LTC", "DOGE")  # whose accounts are extended public keys that can be read here
_MOST_ACCOUNTS = 10_000


def read(text: str, options: Options) -> list[Found] | None:
    """A wallet for each account; those of coins that no chain is configured for are named and left out."""
    header, _, rest = text.lstrip().partition("\n")
    columns = [column.strip().strip('"').lower() for column in header.split(",")]
    if _KEY not in columns:
        return None
    accounts: dict[str, tuple[str, str]] = {}
    for row in _rows(rest, len(columns)):
        fields = dict(zip(columns, row, strict=True))
        if (key := fields[_KEY].strip()) and key not in accounts:
            accounts[key] = fields.get(_NAME, ""), fields.get(_COIN, "").strip().upper()
        if len(accounts) > _MOST_ACCOUNTS:
            raise InputError(f"{_WHAT}: more than {_MOST_ACCOUNTS:,} accounts")
    found: list[Found] = []
    left_out: list[str] = []
    for key, (name, coin) in accounts.items():
        try:
            found.append(_account(key, coin, clean(name), options))
        except HdscanError as error:
            if len(accounts) == 1:
                raise
            left_out.append(f"left out: the account {clean(name) or 'without a name'}, since {error}")
    if not found:
        raise InputError(left_out[0] if left_out else f"{_WHAT}: has no account")
    return [saying(found[0], *left_out), *found[1:]]


def _account(key: str, coin: str, name: str | None, options: Options) -> Found:
    if addresses := FileAddresses(options).find(key):
        return Found(kind=WalletKind.ADDRESSES, name=name, what=_WHAT, listed=tuple(addresses))
    if key[1:4] not in ("pub", "tub", "gub") or coin not in _HD_COINS:
        raise InputError(f"no chain that is configured is of {coin if coin.isalnum() and len(coin) < 12 else 'its coin'}")
    return of_key(key, options, name=name, what=_WHAT)


def _rows(text: str, width: int) -> Iterator[list[str]]:
    """The rows of a CSV (RFC 4180) that have as many fields as its header."""
    try:
        yield from (row for row in csv.reader(text.splitlines()) if len(row) == width)
    except csv.Error:
        raise InputError(f"{_WHAT}: is no CSV: a field is too long or has a quote in it") from None
