"""Esplora's REST: an address's sums and transactions, the tip, a block hash (github.com/Blockstream/esplora, API.md)."""

import re
from typing import Annotated, NamedTuple

import msgspec

from hdscan.model.errors import ReadCode
from hdscan.model.reading import ReadError
from hdscan.wire.failure import decode_reply, failure, or_prose, text_fault
from hdscan.wire.http import Request, Response
from hdscan.wire.strict import Transactions, malformed, refuse_excess, refuse_repeats

TIP = Request(path="/blocks/tip/height")

_HEIGHT = re.compile(rb"[0-9]{1,9}")
_HASH = re.compile(rb"[0-9a-f]{64}")
Satoshi = Annotated[int, msgspec.Meta(ge=0)]


class _Sums(msgspec.Struct, frozen=True):
    funded_txo_sum: Satoshi
    spent_txo_sum: Satoshi
    tx_count: Transactions | msgspec.UnsetType = msgspec.UNSET


class _Address(msgspec.Struct, frozen=True):
    chain_stats: _Sums
    mempool_stats: _Sums
    address: str | None = None


class Stats(NamedTuple):
    """An address's confirmed and unconfirmed balance in satoshi (the second may be negative), and its transactions.

    These count the mempool's too; None where the reply does not count them.
    """

    confirmed: int
    unconfirmed: int
    transactions: int | None


_decoder = msgspec.json.Decoder(_Address)
_ONCE = {b'"chain_stats"': 1, b'"mempool_stats"': 1, b'"funded_txo_sum"': 2, b'"spent_txo_sum"': 2, b'"tx_count"': 2}


def block_request(height: int) -> Request:
    """Ask for the hash of the block at a height."""
    return Request(path=f"/block-height/{height}")


def address_request(address: str) -> Request:
    """Ask for the statistics of one address."""
    return Request(path=f"/address/{address}")


def stats(response: Response, address: str, supply: int | None) -> Stats | ReadError:
    """Decode an address's statistics.

    A 400 is about the address, which the host cannot read. Raises CallError, for `{}` too: there is no balance in it.
    """
    if response.status != 200:
        error = failure(response)
        if response.status == 400 and text_fault(error.message) is None:
            return ReadError(ReadCode.ITEM_ERROR, error.message)
        raise error
    found = decode_reply(_decoder, response)
    refuse_repeats(response.body, _ONCE)
    confirmed = found.chain_stats.funded_txo_sum - found.chain_stats.spent_txo_sum
    unconfirmed = found.mempool_stats.funded_txo_sum - found.mempool_stats.spent_txo_sum
    if found.address is not None and found.address.lower() != address.lower():
        raise malformed("the reply is of another address")
    if confirmed < 0:
        raise malformed("more was spent than was ever received")
    refuse_excess(max(confirmed, abs(unconfirmed)), supply)
    return Stats(confirmed, unconfirmed, _transactions(found))


def _transactions(found: _Address) -> int | None:
    confirmed, waiting = found.chain_stats, found.mempool_stats
    if confirmed.tx_count is msgspec.UNSET or waiting.tx_count is msgspec.UNSET:
        return None
    moved = any(sums.funded_txo_sum or sums.spent_txo_sum for sums in (confirmed, waiting))
    total = confirmed.tx_count + waiting.tx_count
    if moved and not total:
        raise malformed("something was received or spent without a transaction")
    return total


def height(response: Response) -> int:
    """Decode the tip's height, a plain number; raises CallError."""
    return int(_plain(response, _HEIGHT, "the tip height"))


def block_hash(response: Response) -> str:
    """Decode a block hash, 64 lower-case hexadecimal digits; raises CallError."""
    return _plain(response, _HASH, "the block hash").decode()


def _plain(response: Response, form: re.Pattern[bytes], what: str) -> bytes:
    if response.status != 200:
        raise failure(response)
    text = response.body.strip()
    if not form.fullmatch(text):
        raise or_prose(malformed(f"{what} is not one"), response)
    return text
