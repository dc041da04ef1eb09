"""JSON-RPC 2.0, one call or a batch: matched strictly by id, never by position (jsonrpc.org/specification, sections 4-6)."""

import re
import zlib
from binascii import unhexlify
from collections.abc import Sequence
from typing import Any

import msgspec

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.reading import ReadError
from hdscan.wire.failure import NODE, WHOLE_CALL, Codes, OwnError, decode_reply, failure, or_prose, own_fault
from hdscan.wire.http import Request, Response
from hdscan.wire.revert import reverted
from hdscan.wire.strict import decode as strictly
from hdscan.wire.strict import malformed, refuse_repeats
from hdscan.wire.words import beginning, shown

Call = tuple[str, Sequence[object]]
Answer = msgspec.Raw | ReadError


class Batch(msgspec.Struct, frozen=True):
    """Encoded calls with the ids `first` to `first + count - 1`; a single call is sent as an object."""

    body: bytes
    first: int
    count: int

    @property
    def request(self) -> Request:
        return Request(body=self.body)


class _Frame(msgspec.Struct, frozen=True):
    id: int
    method: str
    params: msgspec.Raw
    jsonrpc: str = "2.0"


class _Item(msgspec.Struct, frozen=True):
    id: Any = msgspec.UNSET
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET

    @property
    def failed(self) -> bool:
        return self.error is not msgspec.UNSET and bytes(self.error) != b"null"


SEARCHED = 100  # items of a reply with an HTTP error that are searched for the host's own error
LONGEST_ERROR = 2**16  # bytes; anything longer is not an error object, and is shown as text
NO_ARRAYS = frozenset({-32600, -32601, -32700})
"""Invalid request, unknown method, parse error: how hosts without batches refuse an array (Alethio/memento#16, for one)."""

_RETURNED = re.compile(r"(?:Reverted )?0x((?:[0-9a-fA-F]{2})*)")  # what a contract returned, as nodes write it into `data`
_REVERTED = re.compile(r"revert|0x(08c379a0|4e487b71)", re.IGNORECASE)
_LEFT_OUT = ReadError(ReadCode.MISSING, "the reply left this id out")
_encoder = msgspec.json.Encoder()
_anything: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_replies: msgspec.json.Decoder[list[msgspec.Raw] | _Item] = msgspec.json.Decoder(list[msgspec.Raw] | _Item)
_item: msgspec.json.Decoder[_Item] = msgspec.json.Decoder(_Item)


def encode(calls: Sequence[Call], first: int | None = None) -> Batch:
    """Encode calls of (method, params), with ids from `first` on where calls share a connection.

    Otherwise the ids are a checksum of the parameters, so that a reply to another request (mixed up by a proxy) doesn't match.
    """
    params = [_encoder.encode(call[1]) for call in calls]
    if first is None:
        first = zlib.crc32(b"".join(params), 1) & 0x3FFFFFFF
    ids = range(first, first + len(calls))
    items = [_Frame(ident, method, msgspec.Raw(text)) for ident, (method, _), text in zip(ids, calls, params, strict=True)]
    return Batch(_encoder.encode(items[0] if len(items) == 1 else items), first, len(items))


def decode(response: Response, batch: Batch, codes: Codes) -> list[Answer]:
    """Match a reply with the calls of `batch`: one raw result or error per call, in their order.

    An id that is missing is that call's error. Raises CallError where ids are repeated or foreign, since then no answer is
    surely in its place; where no call is answered; and where the reply refuses them as a whole (one object in place of a
    batch, refusals of the caller, or nothing but the node's own troubles).
    """
    return [
        ReadError(own_fault(answer, codes) or ReadCode.ITEM_ERROR, _said(answer)) if isinstance(answer, OwnError) else answer
        for answer in _match(response, batch, codes)
    ]


def single(response: Response, batch: Batch, codes: Codes) -> msgspec.Raw:
    """Decode the reply to a batch of one call, whose error is the error of the whole call (CallError)."""
    (answer,) = _match(response, batch, codes)
    if isinstance(answer, OwnError):
        raise failure(response, codes, answer)
    if isinstance(answer, ReadError):
        raise CallError(answer.code, answer.message)
    return answer


def _match(response: Response, batch: Batch, codes: Codes) -> list[msgspec.Raw | OwnError | ReadError]:
    if response.status != 200:
        raise _refusal(response, batch, codes, first_error(response.body))
    items = _items(response, batch, codes)
    errors = [own_error(item.error) for item in items if item.failed]
    if len(errors) == len(items) and errors:
        faults = [own_fault(own, codes) for own in errors]
        refusal = next((own for own, fault in zip(errors, faults, strict=True) if fault in WHOLE_CALL), None)
        if refusal is None and (NODE.issuperset(faults) or all(_place(item, batch) is None for item in items)):
            refusal = errors[0]
        if refusal is not None:
            raise _refusal(response, batch, codes, refusal)
    answers: list[msgspec.Raw | OwnError | ReadError] = [_LEFT_OUT] * batch.count
    for item in items:
        if item.id is None and item.failed:
            continue  # of a request whose id the host could not read
        place = _place(item, batch)
        if place is None or answers[place] is not _LEFT_OUT:
            raise malformed("the reply has an id that was not asked, or one twice: no answer is surely in its place")
        answers[place] = _answer(item)
    if all(answer is _LEFT_OUT for answer in answers):
        raise or_prose(malformed("the reply answers nothing that was asked"), response, codes)
    refuse_repeats(response.body, {f'"{name}"'.encode(): _stands(name, items) for name in ("result", "id", "error")})
    return answers


def _stands(name: str, items: Sequence[_Item]) -> int:
    """How often a member's name may occur in these items, including inside their errors."""
    quoted = f'"{name}"'.encode()
    return sum((getattr(item, name) is not msgspec.UNSET) + bytes(item.error or b"").count(quoted) for item in items)


def _place(item: _Item, batch: Batch) -> int | None:
    """Which of our calls an item answers, or None; 1.0, true and "1" are not our ids."""
    return item.id - batch.first if type(item.id) is int and 0 <= item.id - batch.first < batch.count else None


def _items(response: Response, batch: Batch, codes: Codes) -> list[_Item]:
    replies = decode_reply(_replies, response, codes)
    if not isinstance(replies, _Item):
        if len(replies) > batch.count:
            raise malformed(f"{len(replies)} answers to {batch.count} calls")
        return [_item_of(raw) for raw in replies]
    if batch.count > 1:
        if replies.failed:
            raise _refusal(response, batch, codes, own_error(replies.error))
        raise or_prose(malformed("one object for a batch"), response, codes)
    if not replies.failed and replies.result is msgspec.UNSET:
        raise or_prose(malformed("the reply has neither a result nor an error"), response, codes)
    return [replies]


def _refusal(response: Response, batch: Batch, codes: Codes, own: OwnError | None) -> CallError:
    """The error of a reply that answers no call; a host that rejects arrays as invalid needs smaller batches."""
    error = failure(response, codes, own)
    if batch.count > 1 and error.fault is ReadCode.SERVER_ERROR and own and own.code in NO_ARRAYS:
        return CallError(ReadCode.TOO_LARGE, error.message, retry_after=error.retry_after, date=error.date)
    return error


def _item_of(raw: msgspec.Raw) -> _Item:
    try:
        return strictly(_item, raw, "an item")
    except CallError:
        return _Item()


def _answer(item: _Item) -> msgspec.Raw | OwnError | ReadError:
    if item.failed:
        if item.result is not msgspec.UNSET and bytes(item.result) != b"null":
            return ReadError(ReadCode.MALFORMED, "the reply has a result and an error")
        return own_error(item.error)
    if item.result is msgspec.UNSET:
        return ReadError(ReadCode.MALFORMED, "the reply has neither a result nor an error")
    return item.result


def first_error(body: bytes) -> OwnError | None:
    """Find the first JSON-RPC error in a reply that came with an HTTP error, or None."""
    try:
        replies = strictly(_replies, body, "the reply")
    except CallError:
        return None
    items = [replies] if isinstance(replies, _Item) else map(_item_of, replies[:SEARCHED])
    return next((own_error(item.error) for item in items if item.failed), None)


def own_error(raw: msgspec.Raw | msgspec.UnsetType) -> OwnError:
    """Read a JSON-RPC error object, or whatever replaces it; texts in `data` are included, a contract's own among them."""
    written = bytes(raw or b"")
    try:
        error = strictly(_anything, written[:LONGEST_ERROR], "the error")
    except CallError:
        return OwnError(None, shown(beginning(written)))
    if not isinstance(error, dict):
        return OwnError(None, shown(str(error)))
    code = error.get("code")
    said, data = (shown(text) if isinstance(text := error.get(name), str) else "" for name in ("message", "data"))
    if (found := _RETURNED.fullmatch(str(error.get("data")))) and (code == 3 or _REVERTED.search(f"{said} {data}")):
        why = reverted(unhexlify(found[1]))
        said, data = (said if why in said else why), ""
    text = ": ".join(part for part in (said, data) if part not in ("", "0x", "{}"))
    return OwnError(code if type(code) is int and abs(code) < 2**31 else None, shown(text))


def _said(own: OwnError) -> str:
    return own.text if own.code is None else f"error {own.code}: {own.text}"
