"""Finds the columns of a list of addresses by its header, and splits its lines."""

import csv
import re

import msgspec

from hdscan.keys.chain_names import USUAL, words
from hdscan.model.errors import InputError

DELIMITERS = ",;\t"

# column names in words, the better ones first; of two that are as good neither is taken
ADDRESS = (
    frozenset({"address"}),
    frozenset(
        f"{whose} address"
        for whose in (
            *(
                "payment",
                "wallet",
                "public",
                "account",
                "receive",
                "receiving",
                "deposit",
                "my",
                "crypto",
                "blockchain",
                "coin",
            ),
            *("evm", *USUAL, *(name for names in USUAL.values() for name in names)),
        )
    )
    | {"addresses", "addr", "address hash"},
    frozenset({"wallet", "wallets", "account", "public key", "pubkey"}),
)
LABEL = tuple(
    frozenset({name})
    for name in (
        *("label", "labels", "name", "address label", "address name", "wallet label", "wallet name", "account name"),
        *("nickname", "alias", "name tag", "private name tag", "tag", "description", "note", "notes", "comment"),
    )
)
CHAIN = (frozenset({"chain", "chain id", "chain name"}), frozenset({"network", "blockchain", "network name"}))
PRIVATE = frozenset(
    {"private key", "privatekey", "private keys", "priv key", "privkey", "wif", "mnemonic", "seed", "seed phrase", "secret"}
    | {"secret key", "recovery phrase", "passphrase", "xprv", "extended private key"}
)
TRANSACTION = frozenset({"transaction id", "transaction hash", "transaction", "txid", "tx id", "tx hash", "txhash"})
_SHAPE = re.compile(r"(?:[\w .+-]{1,32}:)?(?://)?[0-9A-Za-z]{25,}(?:[?@].*)?")  # that an address may have


class Columns(msgspec.Struct, frozen=True):
    """The delimiter of a CSV and the positions of its columns; `names` are those of the header, in words."""

    delimiter: str
    names: tuple[str, ...]
    address: int
    label: int | None
    chain: int | None
    private: tuple[int, ...]


def columns_of(header: str) -> Columns | None:
    """The columns of a header, None if the line is no header; InputError for one with several columns of addresses."""
    for delimiter in DELIMITERS:
        if delimiter not in header and delimiter != DELIMITERS[0]:
            continue
        fields = [field.strip() for field in split(header, delimiter)]
        names = tuple(words(field) for field in fields)
        address = _position(names, ADDRESS)
        if address is not None and not any(looks_like_address(field) for field in fields):
            if names.count(names[address]) > 1 or _rivals(names, address):
                raise InputError("has several columns of addresses: leave one, and name it `address`")
            private = tuple(position for position, name in enumerate(names) if name in PRIVATE)
            return Columns(delimiter, names, address, _position(names, LABEL), _position(names, CHAIN), private)
    return None


def looks_like_address(field: str) -> bool:
    """Whether a field has the shape of an address of some chain, perhaps with a prefix or as a URI."""
    return bool(_SHAPE.fullmatch(field))


def split(line: str, delimiter: str) -> list[str]:
    """The fields of a line (RFC 4180); one does not span lines, so that a stray quote costs one line only (InputError)."""
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True))
    except csv.Error:
        raise InputError("has a quote that is not closed, or text after a closing one") from None


def _position(names: tuple[str, ...], ranks: tuple[frozenset[str], ...]) -> int | None:
    return next((names.index(name) for rank in ranks for name in names if name in rank), None)


def _rivals(names: tuple[str, ...], address: int) -> bool:
    rank = next(rank for rank in ADDRESS if names[address] in rank)
    return sum(name in rank for name in names) > 1
