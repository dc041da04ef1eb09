"""Ethereum's keystore files (Web3 Secret Storage, version 3), of which the address alone is read."""

from collections.abc import Mapping

from hdscan.keys.exports.places import FileAddresses
from hdscan.keys.exports.record import Record
from hdscan.keys.options import Options
from hdscan.model.errors import InputError
from hdscan.model.wallet import Found, WalletKind

_WHAT = "an Ethereum keystore file"


def read(record: Record, options: Options) -> list[Found] | None:
    """The one address of a file, which stands there as hexadecimal digits without 0x; what is encrypted is not read."""
    if not isinstance(record.data.get("crypto", record.data.get("Crypto")), Mapping) or record.data.get("version") != 3:
        return None
    address = Record(_WHAT, record.data).text("address")
    addresses = FileAddresses(options)
    listed = addresses.find(address if address[:2].lower() == "0x" else f"0x{address}")
    if not listed:
        raise InputError(f"{_WHAT}: its `address` is of no chain that is configured")
    return [Found(kind=WalletKind.ADDRESSES, what=f"{_WHAT} (its address)", listed=tuple(listed), said=addresses.said)]
