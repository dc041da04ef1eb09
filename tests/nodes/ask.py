"""Ask a node by JSON-RPC over HTTP: the tests' own client, which shares nothing with the product's."""

import base64
import http.client
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

Call = tuple[str, Sequence[Any]]


def ask(url: str, method: str, *params: Any) -> Any:
    """The result of one call; `url` may hold a user and a password."""
    (result,) = ask_all(url, [(method, params)])
    return result


def ask_all(url: str, calls: Iterable[Call], batch: int = 500) -> Iterator[Any]:
    """The results of many calls, in the order of the calls; ValueError where one is an error. A batch of 1 is none."""
    left = iter(calls)
    parts = urlsplit(url)
    headers = {"Content-Type": "application/json"}
    if parts.username:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
    with closing(http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)) as connection:
        while some := list(islice(left, batch)):
            body = [{"jsonrpc": "2.0", "id": n, "method": m, "params": list(params)} for n, (m, params) in enumerate(some)]
            connection.request("POST", parts.path or "/", json.dumps(body if len(body) > 1 else body[0]), headers)
            found = json.loads(connection.getresponse().read(), parse_float=Decimal)
            replies = {reply.get("id"): reply for reply in (found if isinstance(found, list) else [found])}
            for number, (method, _) in enumerate(some):
                reply = replies.get(number, found)
                if not isinstance(reply, dict) or reply.get("error") is not None:
                    raise ValueError(f"{method}: {reply}")
                yield reply["result"]
