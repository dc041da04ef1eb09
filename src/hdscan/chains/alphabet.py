"""Alphabets of addresses, and the error for a character outside of one."""

import re

BASE58 = "[1-9A-HJ-NP-Za-km-z]"
IS_BASE58 = re.compile(f"{BASE58}+")
NOT_BASE58 = re.compile("[^1-9A-HJ-NP-Za-km-z]")


def stranger(text: str, outside: re.Pattern[str], alphabet: str, start: int = 0) -> str:
    """Name the first character of a text that is outside of an alphabet, and no other."""
    found = outside.search(text, start)
    if not found:
        return f"is not {alphabet}"
    character = repr(found[0]) if found[0].isascii() and found[0].isprintable() else f"U+{ord(found[0]):04X}"
    return f"contains {character} as character {found.start() + 1}, which {alphabet} does not have"
