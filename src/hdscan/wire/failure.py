"""Classify replies that hold no answer: the provider's own error code outranks the HTTP status, the status the text.

The prose of an error page is searched only where the status says nothing (200, 400, 403), so that no 5xx page is misread.
Codes belong to their protocols; texts are shared. Each has a recorded reply in tests/data/wire/failures.json.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TypeVar

import msgspec

from hdscan.model.errors import CallError, ReadCode
from hdscan.wire.http import Response
from hdscan.wire.strict import decode

T = TypeVar("T")

SHOWN = 200  # characters of a provider's own text in an error
READ = 4096  # bytes of a body, characters of an error, that are searched for a text

Codes = Mapping[int, ReadCode]  # a protocol's own: -32005 is an unhealthy node on Solana, anything at all on EVM
NO_CODES: Codes = {}


class OwnError(msgspec.Struct, frozen=True):
    """A provider's own error: its code where it has one, and its text."""

    code: int | None
    text: str


TEXTS: tuple[tuple[str, ReadCode], ...] = (  # the first that occurs decides
    ("execution reverted", ReadCode.REVERTED),  # first, since the contract chooses what follows
    ("batch of more than", ReadCode.TOO_LARGE),
    ("batch too large", ReadCode.TOO_LARGE),
    ("in batch triggered rate limit", ReadCode.TOO_LARGE),  # a method that is not served in batches of this size
    ("too many inputs", ReadCode.TOO_LARGE),
    ("out of gas", ReadCode.TOO_LARGE),
    ("response too large", ReadCode.TOO_LARGE),
    ("max usage reached", ReadCode.QUOTA),
    ("daily rate limit", ReadCode.QUOTA),
    ("daily request count exceeded", ReadCode.QUOTA),
    ("maximum api usage limit", ReadCode.THROTTLED),
    ("invalid api key", ReadCode.BAD_KEY),
    ("authenticate your request with an api key", ReadCode.BAD_KEY),
    ("api key is not allowed", ReadCode.BAD_KEY),
    ("free api access is not supported", ReadCode.BAD_KEY),
    ("invalid address format", ReadCode.ITEM_ERROR),
    ("rate limit", ReadCode.THROTTLED),
    ("too many requests", ReadCode.THROTTLED),
    ("request rate exceeds", ReadCode.THROTTLED),
    ("compute units per second", ReadCode.THROTTLED),
    ("node is behind", ReadCode.STALE),
)

STATUSES: dict[int, ReadCode] = {
    401: ReadCode.BAD_KEY,
    402: ReadCode.QUOTA,
    408: ReadCode.TIMEOUT,
    413: ReadCode.TOO_LARGE,
    414: ReadCode.TOO_LARGE,
    429: ReadCode.THROTTLED,
}

REFINED = {(ReadCode.THROTTLED, ReadCode.QUOTA), (ReadCode.SERVER_ERROR, ReadCode.STALE)}
# faults of the caller or the node, even where they come as an item's error
WHOLE_CALL = frozenset({ReadCode.TOO_LARGE, ReadCode.QUOTA, ReadCode.BAD_KEY, ReadCode.THROTTLED, ReadCode.STALE})

_MARKUP = re.compile(r"<(script|style).*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)


def shown(text: str) -> str:
    """Cut a provider's text to one plain line of at most 200 characters."""
    plain = _MARKUP.sub(" ", text[:READ])  # cut first: a text of megabytes would take hours
    line = " ".join("".join(character if character.isprintable() else " " for character in plain).split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"


def text_fault(text: str) -> ReadCode | None:
    """The fault that a provider's text names, or None."""
    lower = text.lower()
    return next((fault for part, fault in TEXTS if part in lower), None)


def own_fault(own: OwnError, codes: Codes) -> ReadCode | None:
    """The fault of a provider's own error, by its code, else by its text; None if both are unknown."""
    by_code = None if own.code is None else codes.get(own.code)
    return text_fault(own.text) if by_code is None else _refined(by_code, own.text)


def failure(response: Response, codes: Codes = NO_CODES, own: OwnError | None = None) -> CallError:
    """The error of a call that got no answer; `own` is the provider's error where the reply holds one.

    The Retry-After and Date headers are passed on raw; the message holds the status and the provider's text, never a URL.
    """
    text = own.text if own else response.body[:READ].decode("utf-8", "replace")
    return CallError(
        _fault(response, codes, own, text),
        _sentence(response, text, own),
        retry_after=response.headers.get("retry-after"),
        date=response.headers.get("date"),
    )


def or_prose(error: CallError, response: Response, codes: Codes = NO_CODES) -> CallError:
    """Prefer what a provider's prose says (a throttle in place of JSON) over an error that it isn't what was asked for."""
    by_text = failure(response, codes)
    return error if by_text.fault is ReadCode.MALFORMED else by_text


def decode_reply(decoder: msgspec.json.Decoder[T], response: Response, codes: Codes = NO_CODES) -> T:
    """Decode a reply's JSON; raises CallError, by `or_prose`."""
    try:
        return decode(decoder, response.body, "the reply")
    except CallError as error:
        raise or_prose(error, response, codes) from None


def _fault(response: Response, codes: Codes, own: OwnError | None, text: str) -> ReadCode:
    code = response.status if own is None or own.code is None else own.code
    if code in codes:
        return _refined(codes[code], text)
    by_status = STATUSES.get(response.status)
    if response.status == 503 and "retry-after" in response.headers:
        by_status = ReadCode.THROTTLED  # RFC 9110, section 15.6.4
    if by_status is not None:
        return _refined(by_status, text)
    by_text = text_fault(text) if own or response.status in (200, 400, 403) else None
    if by_text is not None:
        return by_text
    if response.status == 403:
        return ReadCode.BAD_KEY
    return ReadCode.MALFORMED if response.status == 200 and own is None else ReadCode.SERVER_ERROR


def _refined(fault: ReadCode, text: str) -> ReadCode:
    """Let a text refine what a code or status says, never contradict it."""
    by_text = text_fault(text)
    return by_text if by_text is not None and (fault, by_text) in REFINED else fault


def _sentence(response: Response, text: str, own: OwnError | None) -> str:
    parts = []
    if response.status != 200:
        known = response.status in HTTPStatus.__members__.values()
        parts.append(f"HTTP {response.status} {HTTPStatus(response.status).phrase if known else ''}".rstrip())
        if 300 <= response.status < 400:
            return f"{parts[0]}: redirects are not followed; put the new address into `url`"
    if own and own.code is not None:
        parts.append(f"error {own.code}")
    said = shown(text)
    if said:
        parts.append(said)
    return ": ".join(parts) or "an empty reply"
