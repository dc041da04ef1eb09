"""Ledger Live's CSV of operations: a column names every operation's account and its extended public key or address."""

import csv
from collections.abc import Iterator

import msgspec

from hdscan.keys.account import of_key
from hdscan.keys.exports.origin import saying
from hdscan.keys.exports.places import FileAddresses
from hdscan.keys.exports.record import clean
from hdscan.keys.options import Options
from hdscan.model.chain import Family
from hdscan.model.errors import HdscanError, InputError
from hdscan.model.wallet import Found, WalletKind

_WHAT = "a Ledger Live account (CSV of operations)"
_KEY, _NAME, _COIN = "account xpub", "account name", "currency ticker"
_MOST_ACCOUNTS = 10_000


def read(text: str, options: Options) -> list[Found] | None:
    """A wallet for each account; those of coins that no chain is configured for are named and left out."""
    header, _, rest = text.lstrip().partition("\n")
    columns = [column.strip().strip('"').lower() for column in header.split(",")]
    if _KEY not in columns:
        return None
    accounts: dict[str, tuple[str, str]] = {}
    strange = 0
    for row in _rows(rest):
        if len(row) != len(columns):
            strange += bool(row)
            continue
        fields = dict(zip(columns, row, strict=True))
        if (key := fields[_KEY].strip()) and key not in accounts:
            accounts[key] = fields.get(_NAME, ""), fields.get(_COIN, "").strip().upper()
        if len(accounts) > _MOST_ACCOUNTS:
            raise InputError(f"{_WHAT}: more than {_MOST_ACCOUNTS:,} accounts")
    found: list[Found] = []
    left_out = [f"left out: {strange:,} lines that have not as many fields as the first one"] if strange else []
    for number, (key, (name, coin)) in enumerate(accounts.items(), 1):
        try:
            found.append(_account(key, coin, clean(name), options))
        except HdscanError as error:
            left_out.append(f"left out: account {number} of the file, since {error}")
    if not found:
        raise InputError(left_out[-1] if left_out else f"{_WHAT}: has no account")
    return [saying(found[0], *left_out), *found[1:]]


def _account(key: str, coin: str, name: str | None, options: Options) -> Found:
    addresses = FileAddresses(options)
    if listed := addresses.find(key):
        return Found(kind=WalletKind.ADDRESSES, name=name, what=_WHAT, listed=tuple(listed), said=addresses.said)
    configured = options.chosen() or tuple(options.chains.values())
    ids = [chain.id for chain in configured if chain.family is Family.BITCOIN and chain.symbol == coin]
    if not ids:
        raise InputError(f"no chain that is configured is of {coin if coin.isalnum() and len(coin) < 7 else 'its coin'}")
    return of_key(key, msgspec.structs.replace(options, only=(ids[0],)), name=name, what=_WHAT)


def _rows(text: str) -> Iterator[list[str]]:
    """The rows of a CSV (RFC 4180)."""
    try:
        yield from csv.reader(text.splitlines(keepends=True))
    except csv.Error:
        raise InputError(f"{_WHAT}: is no CSV: a field is too long or has a quote in it") from None
