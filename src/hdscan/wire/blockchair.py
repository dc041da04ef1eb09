"""Blockchair's API v2: confirmed balances of many Bitcoin addresses, the tip, the first block (blockchair.com/api/docs).

`addresses/balances` leaves out every address that is empty, was never seen, or is none at all: an address that is
not named is ABSENT, never zero.
"""

from collections.abc import Sequence
from urllib.parse import urlencode

import msgspec

from hdscan.model.errors import ReadCode
from hdscan.model.reading import ReadError, Reading
from hdscan.wire.failure import Codes, OwnError, decode_reply, failure
from hdscan.wire.http import Request, Response
from hdscan.wire.strict import decode, malformed, refuse_excess, refuse_repeats
from hdscan.wire.words import shown

STATS = Request(path="/stats")
GENESIS = Request(path="/dashboards/block/0")
FORM = "application/x-www-form-urlencoded"
CODES: Codes = {
    402: ReadCode.QUOTA,  # the day's allowance is spent
    429: ReadCode.THROTTLED,
    430: ReadCode.QUOTA,  # blocked for having exceeded a limit several times; it takes hours
    434: ReadCode.QUOTA,  # the same
    435: ReadCode.THROTTLED,  # more than 5 a second while they are busy
    436: ReadCode.THROTTLED,  # another limit on number or complexity, lifted after some time
    437: ReadCode.THROTTLED,  # the same
}
HIGHEST = 10**9  # a Bitcoin height of more digits is none

_ABSENT = ReadError(ReadCode.ABSENT, "not named, as empty, unseen and invalid addresses are: another has to say it is 0")


class _Context(msgspec.Struct, frozen=True):
    code: int
    state: int | None = None
    error: str | None = None


class _Reply(msgspec.Struct, frozen=True):
    context: _Context
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Block(msgspec.Struct, frozen=True):
    id: int
    hash: str


class _Dashboard(msgspec.Struct, frozen=True):
    block: _Block


class _Stats(msgspec.Struct, frozen=True):
    best_block_height: int


_replies = msgspec.json.Decoder(_Reply)
_named: msgspec.json.Decoder[dict[str, int] | list[int] | None] = msgspec.json.Decoder(dict[str, int] | list[int] | None)
_blocks = msgspec.json.Decoder(dict[str, _Dashboard])
_stats = msgspec.json.Decoder(_Stats)


def balances_request(readings: Sequence[Reading]) -> Request:
    """Ask for the confirmed balances of up to 25,000 addresses; costs 1 call and a thousandth of one per address."""
    form = urlencode({"addresses": ",".join(reading.address for reading in readings)}, safe=",")
    return Request(path="/addresses/balances", body=form.encode(), content=FORM)


def balances(response: Response, readings: Sequence[Reading], supply: int | None) -> tuple[int, list[int | ReadError]]:
    """Decode the height, and a balance in satoshi or ABSENT per reading, matched by address.

    A stated zero is ABSENT too: the protocol knows none. Raises CallError for a refusal, and where an address was not asked,
    stands twice, or holds what cannot be.
    """
    reply = _reply(response)
    named = decode(_named, reply.data, "the balances") or {}
    if isinstance(named, list):  # how PHP writes an empty object
        raise malformed("a list in place of balances by address")
    asked = {reading.address for reading in readings}
    if not named.keys() <= asked:
        raise malformed("the reply names an address that was not asked: no balance is surely in its place")
    refuse_repeats(response.body, {b'"data"': 1, **{f'"{address}"'.encode(): 1 for address in named}})
    if min(named.values(), default=0) < 0:
        raise malformed("a balance that is negative")
    refuse_excess(max(named.values(), default=0), supply)
    return _height(reply.context.state), [named.get(reading.address) or _ABSENT for reading in readings]


def genesis(response: Response) -> tuple[str, int]:
    """Decode the hash of the first block, and the height of the last; raises CallError."""
    reply = _reply(response)
    block = decode(_blocks, reply.data, "the block")
    if list(block) != ["0"] or block["0"].block.id != 0:
        raise malformed("the reply is of another block than the first")
    return shown(block["0"].block.hash), _height(reply.context.state)


def height(response: Response) -> int:
    """Decode the tip's height; raises CallError."""
    return _height(decode(_stats, _reply(response).data, "the statistics").best_block_height)


def _height(stated: int | None) -> int:
    if stated is None or not 0 <= stated < HIGHEST:
        raise malformed("the reply states no height")
    return stated


def _reply(response: Response) -> _Reply:
    """Decode the envelope; the code in its context is an HTTP status, and outranks the reply's own."""
    reply = decode_reply(_replies, response, CODES)
    context = reply.context
    if response.status != 200 or context.code != 200 or context.error is not None:
        raise failure(response, CODES, OwnError(context.code if context.code != 200 else None, context.error or ""))
    return reply
