"""blockchain.info: many addresses and their latest transactions in a reply (blockchain.com/explorer/api/blockchain_api).

An address's `final_balance` counts the mempool in (github.com/haskoin/haskoin-store, Web.hs, which speaks this API). The latest
transactions beside it, newest first and so the mempool's before all others, say what to take off again.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple, TypeVar

import msgspec

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.reading import ReadError, Reading
from hdscan.wire.failure import decode_reply, failure, text_fault
from hdscan.wire.http import Request, Response
from hdscan.wire.strict import Transactions, malformed, refuse_repeats
from hdscan.wire.words import shown

TIP = Request(path="/latestblock")
GENESIS = Request(path="/block-height/0", query={"format": "json"})
MOST = 200  # addresses in a call
LATEST = 100  # transactions in a reply, as many as the API gives

T = TypeVar("T")

Amount = Annotated[int, msgspec.Meta(ge=0)]
Height = Annotated[int, msgspec.Meta(ge=0, lt=10**9)]


class _Sums(msgspec.Struct, frozen=True):
    final_balance: Amount
    n_tx: Transactions
    total_received: Amount
    total_sent: Amount


class _Address(_Sums, frozen=True, kw_only=True):
    address: str


class _Coin(msgspec.Struct, frozen=True):
    value: Amount
    addr: str | None = None


class _Input(msgspec.Struct, frozen=True):
    prev_out: _Coin | None = None


class _Transaction(msgspec.Struct, frozen=True):
    hash: str
    inputs: tuple[_Input, ...]
    out: tuple[_Coin, ...]
    block_height: Height | None  # None in the mempool; a member that is left out says nothing


class _Block(msgspec.Struct, frozen=True):
    hash: str
    height: Height


class _Info(msgspec.Struct, frozen=True):
    latest_block: _Block


class _Reply(msgspec.Struct, frozen=True):
    addresses: tuple[_Address, ...]
    wallet: _Sums  # of all addresses
    txs: tuple[_Transaction, ...]
    info: _Info


class _Blocks(msgspec.Struct, frozen=True):
    blocks: tuple[_Block, ...]


class Stated(NamedTuple):
    """An address's confirmed and unconfirmed satoshi (the second may be negative), and its transactions, with the mempool's."""

    confirmed: int
    unconfirmed: int
    transactions: int


_replies = msgspec.json.Decoder(_Reply)
_tips = msgspec.json.Decoder(_Block)
_blocks = msgspec.json.Decoder(_Blocks)
_LEFT_OUT = ReadError(ReadCode.MISSING, "the reply leaves this address out")
_INCONSISTENT = ReadError(ReadCode.MALFORMED, "what was received, sent and is left does not fit together")
_UNCERTAIN = ReadError(ReadCode.ITEM_ERROR, f"{LATEST} transactions or more wait for a block: what is confirmed is not told")


def balances_request(readings: Sequence[Reading]) -> Request:
    """Ask for up to 200 addresses and their latest transactions; an invalid address fails the whole call."""
    return Request(path="/multiaddr", query={"active": "|".join(each.address for each in readings), "n": str(LATEST)})


def balances(
    response: Response, readings: Sequence[Reading], supply: int | None
) -> tuple[int | None, list[Stated | ReadError]]:
    """Decode the height, and what is stated per reading, or why it can't be told, matched by address.

    The height is None where the one address that was asked for is refused. Raises CallError for a refusal, and where an address
    was not asked or stands twice, or transactions are in disorder.
    """
    return _decoded(response, readings, lambda history, each: history.stated(each, supply))


def uses(response: Response, readings: Sequence[Reading], supply: int | None) -> tuple[int | None, list[int | ReadError]]:
    """The same of numbers of transactions alone, which are told also where it is not told what is confirmed."""
    return _decoded(response, readings, lambda history, each: history.fault(each, supply) or each.n_tx)


def _decoded(
    response: Response, readings: Sequence[Reading], tell: Callable[["_History", _Address], T | ReadError]
) -> tuple[int | None, list[T | ReadError]]:
    if response.status != 200:
        return None, [_refused(response, len(readings))]
    reply = decode_reply(_replies, response)
    stated = {each.address: each for each in reply.addresses}
    if len(stated) < len(reply.addresses) or not stated.keys() <= {reading.address for reading in readings}:
        raise malformed("an address that was not asked, or one twice: no balance is surely in its place")
    if not stated:
        raise malformed("the reply has none of the addresses that were asked")
    refuse_repeats(response.body, _most(reply))
    history = _History(reply.txs)
    found = (stated.get(reading.address) for reading in readings)
    return reply.info.latest_block.height, [_LEFT_OUT if each is None else tell(history, each) for each in found]


def genesis(response: Response) -> str:
    """Decode the hash of the first block; raises CallError."""
    if response.status != 200:
        raise failure(response)
    blocks = decode_reply(_blocks, response).blocks
    if len(blocks) != 1 or blocks[0].height != 0:
        raise malformed("the reply is of another block than the first")
    return shown(blocks[0].hash)


def height(response: Response) -> int:
    """Decode the tip's height; raises CallError."""
    if response.status != 200:
        raise failure(response)
    return decode_reply(_tips, response).height


class _History:
    """What the transactions of a reply change at each address: those in the mempool, and in how many it occurs."""

    def __init__(self, transactions: tuple[_Transaction, ...]) -> None:
        waiting = [each.block_height is None for each in transactions]
        if sorted(waiting, reverse=True) != waiting or len({each.hash for each in transactions}) < len(transactions):
            raise malformed("the transactions are in disorder: what is confirmed cannot be told")
        self._complete = not all(waiting)  # a confirmed one is listed, and so is all that waits
        self._waiting: Counter[str | None] = Counter()
        self._listed: Counter[str | None] = Counter()
        for transaction, waits in zip(transactions, waiting, strict=True):
            spent = [each.prev_out for each in transaction.inputs if each.prev_out is not None]
            self._listed.update({coin.addr for coin in (*spent, *transaction.out)})
            if waits:
                for coin in transaction.out:
                    self._waiting[coin.addr] += coin.value
                for coin in spent:
                    self._waiting[coin.addr] -= coin.value

    def stated(self, stated: _Address, supply: int | None) -> Stated | ReadError:
        """What is stated; an error where the balances can't be told apart, or contradict themselves."""
        if (fault := self.fault(stated, supply)) is not None:
            return fault
        unconfirmed = self._waiting[stated.address]
        told = self._complete or self._listed[stated.address] == stated.n_tx
        return Stated(stated.final_balance - unconfirmed, unconfirmed, stated.n_tx) if told else _UNCERTAIN

    def fault(self, stated: _Address, supply: int | None) -> ReadError | None:
        """Why what is stated of an address cannot be, or None."""
        unconfirmed, listed = self._waiting[stated.address], self._listed[stated.address]
        confirmed = stated.final_balance - unconfirmed
        if stated.final_balance != stated.total_received - stated.total_sent or (stated.total_received and not stated.n_tx):
            return _INCONSISTENT
        if listed > stated.n_tx or confirmed < 0 or (supply is not None and max(confirmed, abs(unconfirmed)) > supply):
            return _INCONSISTENT
        return None


def _most(reply: _Reply) -> dict[bytes, int]:
    """How often each member that is read may occur in a reply, as often as it has to."""
    addresses, transactions = len(reply.addresses), len(reply.txs)
    coins = sum(len(each.out) + sum(coin.prev_out is not None for coin in each.inputs) for each in reply.txs)
    return {
        **dict.fromkeys((b'"addresses"', b'"wallet"', b'"txs"', b'"latest_block"'), 1),
        **dict.fromkeys((b'"final_balance"', b'"n_tx"', b'"total_received"', b'"total_sent"'), addresses + 1),
        **dict.fromkeys((b'"inputs"', b'"out"', b'"block_height"'), transactions),
        **dict.fromkeys((b'"value"', b'"addr"'), coins),
        b'"address"': addresses,
    }


def _refused(response: Response, asked: int) -> ReadError:
    """The error of an address that the host cannot read; raises CallError where it may be another's, or none's."""
    error = failure(response)
    if response.status not in (400, 404) or text_fault(error.message) is not None:
        raise error
    if asked > 1:
        raise CallError(ReadCode.ITEM_ERROR, error.message)
    return ReadError(ReadCode.ITEM_ERROR, error.message)
