"""Errors of the HTTP API: one type, one JSON form, stable codes."""

import re
from typing import Any, NoReturn

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException, ValidationException
from litestar.routes import HTTPRoute

from hdscan.app import masked
from hdscan.model.errors import InputError, KeyFault, ScanRefused, StoreError

CODES = {  # others: 409 running, not_running; 422 bad_input, bad_key, scan (what the command line refuses, too); 503 store
    400: "bad_request",  # the request cannot be read
    401: "unauthorized",  # neither token nor cookie
    403: "forbidden",  # a page of another site asks
    404: "not_found",  # no such route or thing
    405: "method_not_allowed",
    408: "timeout",  # the body did not arrive in time
    413: "too_large",  # a body over 1 MiB, or 8 MiB with a wallet
    415: "unsupported_media_type",  # a body that is not JSON
    421: "misdirected",  # a Host that is not ours
    500: "internal",  # a defect
}
CLOSING = (408, 413, 500)  # the rest of the request may not have been read

PATTERNS = {"int": "-?[0-9]+", "str": "[^/]+", "path": ".+"}  # of a route's parameters

Headers = list[tuple[bytes, bytes]]


class ProblemBody(msgspec.Struct, frozen=True):
    """A stable code, a sentence, and data that belongs to it."""

    code: str
    message: str
    detail: object = None


class Envelope(msgspec.Struct, frozen=True):
    """The body of every error response."""

    error: ProblemBody


class Problem(Exception):
    """A request that fails; the guard turns it into the response. `code` is the status's own unless given."""

    def __init__(self, status: int, message: str, *, code: str | None = None, detail: object = None, allow: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.headers: Headers = [(b"content-type", b"application/json")]
        if status == 401:
            self.headers.append((b"www-authenticate", b"Bearer"))
        if status == 405:
            self.headers.append((b"allow", allow.encode()))
        if status in CLOSING:
            self.headers.append((b"connection", b"close"))
        # a message may repeat what was asked
        self.body = msgspec.json.encode(Envelope(ProblemBody(code or CODES[status], masked(message), detail)))

    @classmethod
    def of(cls, error: Exception, request: Request[Any, Any, Any] | None = None) -> "Problem":
        """Any exception as a problem; an unexpected one is a defect and keeps its text to itself."""
        match error:
            case Problem():
                problem = error
            case InputError() | KeyFault() | ScanRefused():
                problem = cls(422, str(error), code=error.code)
            case StoreError():
                problem = cls(503, str(error), code=StoreError.code)
            case ValidationException(extra=list(wrong)):
                problem = cls(422, "; ".join(f"{each['key']}: {each['message']}" for each in wrong), code=InputError.code)
            case UnicodeDecodeError() | RecursionError():  # from the decoder; Litestar does not blame the client for these
                problem = cls(400, "the body is not JSON: no UTF-8 text, or nested too deep")
            case HTTPException(status_code=status) if status in CODES:
                problem = cls(status, error.detail, allow=_methods(request) if request is not None and status == 405 else "")
            case _:
                problem = cls(500, f"a defect in hdscan ({type(error).__name__})")
        return problem


def hand_on(request: Request[Any, Any, Any], error: Exception) -> NoReturn:
    """Litestar's exception handler: leave every response to the guard."""
    problem = Problem.of(error, request)
    raise problem from None if problem is error else error


def _methods(request: Request[Any, Any, Any]) -> str:
    """The Allow header of a 405 (RFC 9110, section 15.5.6), which Litestar leaves out."""
    path = "/" + "/".join(part for part in request.scope["path"].split("/") if part)
    for route in sorted(request.app.routes, key=lambda each: "{" in each.path):
        pattern = re.sub(r"{(\w+):(\w+)}", lambda found: PATTERNS[found[2]], route.path)
        if isinstance(route, HTTPRoute) and re.fullmatch(pattern, path):
            return ", ".join(sorted(route.methods))
    return ""
