"""What a host says in its own words, as one plain line: a JSON reply's message, a page's title, or the text itself."""

import re
from html import unescape
from typing import Any

import msgspec

from hdscan.model.errors import CallError
from hdscan.wire.strict import decode

SHOWN = 200  # characters of a provider's own text in an error
READ = 4096  # bytes of a body, characters of an error, that are searched for a text
LONGEST_JSON = 2**16  # bytes; a longer body is no refusal

_MARKUP = re.compile(r"<(script|style).*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>([^<]*)", re.IGNORECASE)
_SAYING = ("message", "error", "Error", "result")
_anything: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def shown(text: str) -> str:
    """Cut a provider's text to one plain line of at most 200 characters."""
    plain = _MARKUP.sub(" ", text[:READ])  # cut first: a text of megabytes would take hours
    line = " ".join("".join(character if character.isprintable() else " " for character in plain).split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"


def beginning(body: bytes) -> str:
    """Decode as much of a body as is searched for a text."""
    return body[:READ].decode("utf-8", "replace")


def title(body: bytes) -> str | None:
    """Find the title of an HTML page."""
    found = _TITLE.search(beginning(body))
    return None if found is None else shown(unescape(found[1]))


def message(body: bytes) -> str:
    """Find what a JSON object says for people, in its `message`, `error` or `result`; "" where it says nothing."""
    try:
        found = decode(_anything, body, "the reply") if len(body) <= LONGEST_JSON else None
    except CallError:
        return ""
    texts = [found.get(name) for name in found if name in _SAYING] if isinstance(found, dict) else []
    said = [text.get("message") if isinstance(text, dict) else text for text in texts]
    return shown(": ".join(dict.fromkeys(text for text in said if isinstance(text, str) and text)))


def words(body: bytes) -> str:
    """What a body says for people: a page's title, a JSON object's message; "" for anything else."""
    page = title(body)
    return f"a page titled “{page}”" if page else message(body)
