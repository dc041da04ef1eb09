"""An HTTP exchange as values: what a protocol wants sent, and what came back."""

from collections.abc import Mapping

import msgspec


class Request(msgspec.Struct, frozen=True):
    """A request below an endpoint's base URL: `path` begins with '/' or is empty; `query` is appended to the base's own.

    `content` is the media type of the body. The reply to a `lasting` one may take as long as it is waited for, and be large.
    """

    path: str = ""
    query: Mapping[str, str] = {}
    body: bytes | None = None
    content: str = "application/json"
    lasting: bool = False

    @property
    def method(self) -> str:
        return "GET" if self.body is None else "POST"


class Response(msgspec.Struct, frozen=True):
    """A reply: `headers` that are looked up by lower-case names, `body` after decompression."""

    status: int
    headers: Mapping[str, str]
    body: bytes
