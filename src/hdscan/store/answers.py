"""The answers of an audit as they are stored (JSON, amounts as text since they pass every integer) and shown."""

from collections.abc import Iterable

import msgspec

from hdscan.model.reading import Balance
from hdscan.model.scan import Answer
from hdscan.model.times import rfc3339


def encoded(answers: Iterable[Balance]) -> str:
    """Answers as they are stored."""
    rows = [msgspec.structs.asdict(each) | {"amount": str(each.amount), "unconfirmed": _text(each)} for each in answers]
    return msgspec.json.encode(rows).decode()


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
