"""Ask a node by JSON-RPC over HTTP: the tests' own client, which shares nothing with the product's."""

import base64
import json
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

Call = tuple[str, Sequence[Any]]
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(url: str, method: str, *params: Any) -> Any:
    """The result of one call; `url` may hold a user and a password."""
    (result,) = ask_all(url, [(method, params)])
    return result


def ask_all(url: str, calls: Iterable[Call], batch: int = 500) -> Iterator[Any]:
    """The results of many calls, in the order of the calls; raises where one is an error."""
    left = iter(calls)
    while some := list(islice(left, batch)):
        body = [
            {"jsonrpc": "2.0", "id": n, "method": method, "params": list(params)} for n, (method, params) in enumerate(some)
        ]
        replies = {reply["id"]: reply for reply in _post(url, body)}
        for number, call in enumerate(some):
            reply = replies[number]
            if reply.get("error") is not None:
                raise ValueError(f"{call[0]}: {reply['error']}")
            yield reply["result"]


def _post(url: str, body: list[Any]) -> list[Any]:
    parts = urlsplit(url)
    headers = {"Content-Type": "application/json"}
    if parts.username:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
    plain = f"{parts.scheme}://{parts.hostname}:{parts.port}{parts.path or '/'}"
    data = json.dumps(body if len(body) > 1 else body[0]).encode()
    with _direct.open(urllib.request.Request(plain, data, headers), timeout=60) as reply:
        found = json.loads(reply.read(), parse_float=Decimal)
    return found if isinstance(found, list) else [found]
