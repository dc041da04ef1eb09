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
from hdscan.wire.strict import decode, malformed
from hdscan.wire.words import beginning, shown, title, words

T = TypeVar("T")

Codes = Mapping[int, ReadCode]  # a protocol's own: -32005 is an unhealthy node on Solana, anything at all on EVM
NO_CODES: Codes = {}


class OwnError(msgspec.Struct, frozen=True):
    """A provider's own error: its code where it has one, and its text."""

    code: int | None
    text: str


TEXTS: tuple[tuple[str, ReadCode], ...] = (  # the first pattern that occurs decides
    (r"\breverted\b", ReadCode.REVERTED),  # first, since the contract chooses what follows
    (r"\bvm exception\b.*\brevert\b", ReadCode.REVERTED),
    ("revert opcode executed", ReadCode.REVERTED),
    (r"\bno contract or not a (valid )?smart contract\b", ReadCode.EMPTY),
    ("smart contract is not exist", ReadCode.EMPTY),
    (r"\bbatch size \d+ exceeds\b", ReadCode.TOO_LARGE),
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
    ("chain not supported", ReadCode.NOT_SERVED),
    ("unsupported chainid", ReadCode.NOT_SERVED),
    ("invalid address format", ReadCode.ITEM_ERROR),
    ("exceeds the frequency limit", ReadCode.THROTTLED),
    (r"\ballowed_rps\b", ReadCode.THROTTLED),
    ("lack of computing resources", ReadCode.THROTTLED),
    ("rate limit", ReadCode.THROTTLED),
    ("too many requests", ReadCode.THROTTLED),
    ("request rate exceeds", ReadCode.THROTTLED),
    ("compute units per second", ReadCode.THROTTLED),
    (r"\btemporar(il)?y unavailable\b", ReadCode.THROTTLED),
    ("high network activity", ReadCode.THROTTLED),
    ("try again", ReadCode.THROTTLED),
    ("maintenance", ReadCode.THROTTLED),
    ("node is behind", ReadCode.STALE),
    # the node's own state: it lacks the block that it names as its head, or failed inside
    ("missing trie node", ReadCode.SERVER_ERROR),
    ("header not found", ReadCode.SERVER_ERROR),
    ("block not found", ReadCode.SERVER_ERROR),
    ("no state available", ReadCode.SERVER_ERROR),
    (r"\bstate .{0,80}not available", ReadCode.SERVER_ERROR),
    (r"\bhistorical (state|rpc)\b", ReadCode.SERVER_ERROR),
    ("unfinalized", ReadCode.SERVER_ERROR),
    (r"\bsyncing\b", ReadCode.SERVER_ERROR),
    (r"\binternal (server )?error\b", ReadCode.SERVER_ERROR),
    ("method handler crashed", ReadCode.SERVER_ERROR),
    ("daemon error", ReadCode.SERVER_ERROR),
    ("loading block index", ReadCode.SERVER_ERROR),
    ("timed out", ReadCode.TIMEOUT),
)
_TEXTS = [(re.compile(pattern), fault) for pattern, fault in TEXTS]

_SUSPENDED = re.compile(r"\bsuspended for (\d{1,5}) ?s\b")  # how TronGrid says what others put into Retry-After

CHALLENGES = ("just a moment", "attention required", "checking your browser", "ddos-guard", "access denied")
"""How the titles of pages begin that want to see a browser, or keep out a whole country: nothing that a key mends."""

STATUSES: dict[int, ReadCode] = {
    401: ReadCode.BAD_KEY,
    402: ReadCode.QUOTA,
    408: ReadCode.TIMEOUT,
    413: ReadCode.TOO_LARGE,
    414: ReadCode.TOO_LARGE,
    429: ReadCode.THROTTLED,
}

WORDLESS = {502, 503, 504, 509, 529}  # from a host that is too busy, or from the proxy of one that is dead

REFINED = {(ReadCode.THROTTLED, ReadCode.QUOTA), (ReadCode.SERVER_ERROR, ReadCode.STALE)}
# faults of the caller or the node, even where one of a reply's errors says so and no item was answered
WHOLE_CALL = frozenset(
    {ReadCode.TOO_LARGE, ReadCode.QUOTA, ReadCode.BAD_KEY, ReadCode.NOT_SERVED, ReadCode.THROTTLED, ReadCode.STALE}
)
NODE = frozenset({ReadCode.SERVER_ERROR, ReadCode.TIMEOUT})  # the node's, where every item of a reply says so


def text_fault(text: str) -> ReadCode | None:
    """The fault that a provider's text names, or None."""
    lower = text.lower()
    return next((fault for pattern, fault in _TEXTS if pattern.search(lower)), None)


def own_fault(own: OwnError, codes: Codes) -> ReadCode | None:
    """The fault of a provider's own error, by its code, else by its text; None if both are unknown."""
    by_code = None if own.code is None else codes.get(own.code)
    return text_fault(own.text) if by_code is None else _refined(by_code, own.text)


def failure(response: Response, codes: Codes = NO_CODES, own: OwnError | None = None) -> CallError:
    """The error of a call that got no answer; `own` is the provider's error where the reply holds one.

    The Retry-After and Date headers are passed on raw, or the seconds that the text names; the message holds the status and the
    provider's words, never a URL.
    """
    text = own.text if own else beginning(response.body)
    wait = response.headers.get("retry-after")
    if wait is None and (named := _SUSPENDED.search(text)):
        wait = named[1]
    fault = _fault(response, codes, own, text, wait)
    said = own is not None and own_fault(own, codes) is not None
    return CallError(
        fault,
        _sentence(response, own),
        retry_after=wait,
        date=response.headers.get("date"),
        wordless=fault is ReadCode.SERVER_ERROR and response.status in WORDLESS and not said,
    )


def or_prose(error: CallError, response: Response, codes: Codes = NO_CODES) -> CallError:
    """Prefer what a provider's prose says (a throttle in place of JSON) over an error that it isn't what was asked for."""
    by_text = failure(response, codes)
    if by_text.fault is not ReadCode.MALFORMED:
        return by_text
    said = words(response.body)
    return malformed(f"{said} ({error.message})") if said else error


def decode_reply(decoder: msgspec.json.Decoder[T], response: Response, codes: Codes = NO_CODES) -> T:
    """Decode a reply's JSON; raises CallError, by `or_prose`."""
    try:
        return decode(decoder, response.body, "the reply")
    except CallError as error:
        raise or_prose(error, response, codes) from None


def _fault(response: Response, codes: Codes, own: OwnError | None, text: str, wait: str | None) -> ReadCode:
    if own is None and (title(response.body) or "").lower().startswith(CHALLENGES):
        return ReadCode.THROTTLED
    code = response.status if own is None or own.code is None else own.code
    if code in codes:
        return _refined(codes[code], text)
    by_status = STATUSES.get(response.status)
    if response.status == 503 and wait is not None:
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


def _sentence(response: Response, own: OwnError | None) -> str:
    parts = []
    if response.status != 200:
        known = response.status in HTTPStatus.__members__.values()
        parts.append(f"HTTP {response.status} {HTTPStatus(response.status).phrase if known else ''}".rstrip())
        if 300 <= response.status < 400:
            return f"{parts[0]}: redirects are not followed; put the new address into `url`"
    if own and own.code is not None:
        parts.append(f"error {own.code}")
    said = shown(own.text) if own else words(response.body) or shown(beginning(response.body))
    if said:
        parts.append(said)
    return ": ".join(parts) or "an empty reply"
