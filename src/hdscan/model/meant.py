"""What somebody meant who named something that is not there."""

import difflib
from collections.abc import Collection


def did_you_mean(word: str, known: Collection[str]) -> str:
    """The end of an error about an unknown word: the nearest known one, or all."""
    near = difflib.get_close_matches(word, known, 1)
    return f"; did you mean '{near[0]}'?" if near else f"; it can be one of {', '.join(known)}"
