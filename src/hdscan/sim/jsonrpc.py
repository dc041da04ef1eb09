"""JSON-RPC 2.0 bodies, single and batch, with the mistakes servers make (https://www.jsonrpc.org/specification)."""

from collections.abc import Container
from typing import Any

import msgspec

from hdscan.sim.faults import Fault


class RpcError(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `error` member of a reply."""

    code: int
    message: str
    data: Any = None


class RpcRequest(msgspec.Struct, frozen=True, gc=False):
    """One request of a body; `method` is "" where the item isn't a request."""

    id: Any
    method: str
    params: list[Any]


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """A body: its requests, and whether they came as a batch; `error` where it isn't JSON or is an empty batch."""

    requests: tuple[RpcRequest, ...]
    batch: bool
    error: RpcError | None = None

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(request.method for request in self.requests))

    @property
    def ident(self) -> Any:
        """The id of an error for the whole body."""
        return None if self.batch else self.requests[0].id


def open_envelope(body: bytes) -> Envelope:
    """Parse a body."""
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return Envelope((), False, RpcError(-32700, "parse error"))
    if isinstance(value, list):
        requests = tuple(_request(item) for item in value)
        return Envelope(requests, True, None if requests else RpcError(-32600, "empty batch"))
    return Envelope((_request(value),), False)


def _request(item: Any) -> RpcRequest:
    if not isinstance(item, dict) or item.get("jsonrpc") != "2.0" or not isinstance(item.get("method"), str):
        return RpcRequest(None, "", [])
    params = item.get("params", [])
    return RpcRequest(item.get("id"), item["method"], params if isinstance(params, list) else [])


def failure(error: RpcError, ident: Any = None) -> bytes:
    """Write one error, which may stand for a whole batch."""
    return msgspec.json.encode({"jsonrpc": "2.0", "id": ident, "error": error})


def refuse_all(envelope: Envelope, error: RpcError) -> bytes:
    """Write the same error for every request."""
    return close_envelope(envelope, [error] * len(envelope.requests))


def refusal(envelope: Envelope, error: RpcError | None) -> bytes | None:
    """Write this error for every request; None where there is none, or the requests are broken themselves."""
    return None if error is None or envelope.error else refuse_all(envelope, error)


def close_envelope(envelope: Envelope, results: list[Any], fault: Fault | None = None, hit: Container[int] = ()) -> bytes:
    """Write the reply: a result or RpcError per request, spoiled at the positions `hit`."""
    replies = []
    for at, (request, result) in enumerate(zip(envelope.requests, results, strict=True)):
        ident, value = request.id, result
        if at in hit:
            if fault is Fault.ITEM_ERRORS or fault is Fault.TOKENS_FAIL:
                value = RpcError(-32000, "this account cannot be read")
            elif fault is Fault.NULL_RESULT:
                value = None
            elif fault is Fault.DUPLICATE_ID:
                ident = envelope.requests[at - 1].id
            elif fault is Fault.FOREIGN_ID:
                ident = 900_000_000 + at
            elif fault in (Fault.MISSING_ID, Fault.SHORT_LIST) and envelope.batch:
                continue
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": ident}
        if at in hit and fault is Fault.MISSING_ID:
            del reply["id"]
        reply["error" if isinstance(value, RpcError) else "result"] = value
        replies.append(reply)
    if fault is Fault.SHIFTED_LIST:
        replies.reverse()
    return msgspec.json.encode(replies if envelope.batch else replies[0])
