"""The answers of an audit as they are stored (JSON, amounts as text since they pass every integer) and shown."""

from collections.abc import Iterable
from typing import Any

import msgspec

from hdscan.model.reading import Balance
from hdscan.model.scan import Answer
from hdscan.model.times import rfc3339


def encoded(answers: Iterable[Balance]) -> str:
    """Answers as they are stored."""
    return msgspec.json.encode([_row(each) for each in answers]).decode()


def _row(answer: Balance) -> dict[str, Any]:
    """An answer to a reading; what it says of tokens that are not listed answers none."""
    row = msgspec.structs.asdict(answer) | {"amount": str(answer.amount), "unconfirmed": _text(answer)}
    del row["unlisted"]
    return row


def decoded(stored: str) -> list[Balance]:
    """Stored answers, in the order asked."""
    return msgspec.json.decode(stored, type=list[Balance], strict=False)


def shown(stored: str) -> tuple[Answer, ...]:
    """Stored answers as they are shown."""
    return tuple(
        Answer(each.source, str(each.amount), _text(each), each.height, rfc3339(each.observed_at)) for each in decoded(stored)
    )


def _text(answer: Balance) -> str | None:
    return None if answer.unconfirmed is None else str(answer.unconfirmed)
