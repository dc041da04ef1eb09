"""Makes inputs that are nearly right: JSON by its structure, any other text by its words, and both byte by byte."""

import json
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

NUMBERS = (
    *("0", "-0", "-1", "1", "1.0", "1e0", "1e400", "-1e400", "1e-400", "NaN", "Infinity", "-Infinity", "00", "0x0", "1_0"),
    *(str(2**exponent + more) for exponent in (31, 53, 63, 64, 256) for more in (-1, 0, 1)),
    "9" * 400,
    "9" * 5000,
    "0." + "1" * 500,
)
TEXTS = (
    *("", "0x", "0x0", "0x00", "0X1", "-1", "+1", " 1", "1 ", "1.0", "1e3", "1_0", "\u0661", "\uff11", "null", "true"),
    *("0x" + "f" * 64, "0x" + "f" * 65, "9" * 78, "9" * 5000, "a" * 3000, "<script" * 50, "execution reverted", "rate limit"),
    *("\x00", "\ud800", "\udfff\ud800", "\u202e", "\ufeff", "é", "😀", "../..", "'\"", "\\", "%00", "%s{}", "\r\n\r\n", "=1+1"),
)
WORDS = (
    *NUMBERS[:20],
    *(
        "",
        '"',
        "'",
        "#",
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "=",
        ",",
        ";",
        ":",
        "-",
        "/",
        "\\",
        "\n",
        "\t",
        "\x00",
        "\ufeff",
        "true",
    ),
    *("nan", "inf", "1979-05-27T07:32:00Z", "${X}", "$" + "{HOME}", "http://[", "https://x:99999", "\u0661", "é", "\r", "GMT"),
)
BYTES = (
    b"\x00",
    b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf8",
    b"\xef\xbb\xbf",
    b"\x80",
    b"\n",
    b"\r\n",
    b'"',
    b"\\",
    b"\\u0000",
)
LITERALS = ("null", "true", "false", "[]", "{}", "[[]]", '""')

_WORD = re.compile(r"\w+|\s+|.", re.DOTALL)


class Token(str):
    """A piece of JSON to be written as it is."""

    __slots__ = ()


class Members(list[tuple[str, Any]]):
    """An object's members in order, of which two may have one name."""


def mutate(data: bytes, dice: random.Random, others: Sequence[bytes] = (), most: int = 1 << 16) -> bytes:
    """Change an input a little, one to four times, in the way that suits it; `others` are inputs to take parts from."""
    for _ in range(dice.choice((1, 1, 2, 4))):
        kind = dice.random()
        if kind < 0.7:
            changed = _json(data, dice)
            data = changed if changed is not None else _text(data, dice)
        elif kind < 0.9:
            data = _bytes(data, dice)
        elif others:
            data = _crossed(data, dice.choice(others), dice)
    return data[:most]


# -- JSON


def _json(data: bytes, dice: random.Random) -> bytes | None:
    """Change the JSON that stands in the input, what stands before it being kept; None where there is none."""
    begin = min((at for at in (data.find(b"{"), data.find(b"[")) if at >= 0), default=-1)
    if begin < 0:
        return None
    try:
        text = data[begin:].decode("utf-8", "surrogatepass")
        tree = json.loads(text, object_pairs_hook=Members, parse_int=Token, parse_float=Token, parse_constant=Token)
    except (ValueError, RecursionError):
        return None
    holder = [tree]
    places = list(_places(holder))
    container, key = dice.choice(places)
    nodes = [_get(*place) for place in places]
    _CHANGES[dice.randrange(len(_CHANGES))](container, key, nodes, dice)
    try:
        written = _written(holder[0], dice)
    except RecursionError:
        return None
    return data[:begin] + written.encode("utf-8", "surrogatepass")


def _places(root: list[Any]) -> list[tuple[Any, int]]:
    """Every place of a tree: a container, and a position in it."""
    found: list[tuple[Any, int]] = []
    waiting: list[Any] = [root]
    while waiting:
        container = waiting.pop()
        for position in range(len(container)):
            found.append((container, position))
            value = _get(container, position)
            if isinstance(value, list) and len(found) < 5000:
                waiting.append(value)
    return found


def _get(container: Any, position: int) -> Any:
    return container[position][1] if isinstance(container, Members) else container[position]


def _set(container: Any, position: int, value: Any) -> None:
    container[position] = (container[position][0], value) if isinstance(container, Members) else value


def _nasty(dice: random.Random) -> Any:
    kind = dice.randrange(4)
    if kind == 0:
        return Token(dice.choice(LITERALS))
    if kind == 1:
        deep = dice.choice((10, 100, 900, 1100, 20_000))
        return Token("[" * deep + "]" * deep)
    return Token(dice.choice(NUMBERS)) if kind == 2 else dice.choice(TEXTS)


def _replace(container: Any, position: int, _nodes: list[Any], dice: random.Random) -> None:
    _set(container, position, _nasty(dice))


def _splice(container: Any, position: int, nodes: list[Any], dice: random.Random) -> None:
    other = dice.choice(nodes)
    if not isinstance(other, list):  # a container could come to hold itself
        _set(container, position, other)


def _double(container: Any, position: int, _nodes: list[Any], dice: random.Random) -> None:
    item = container[position]
    if isinstance(container, Members):
        item = (item[0], dice.choice((item[1], _nasty(dice))))
    container.insert(dice.randint(0, len(container)), item)


def _delete(container: Any, position: int, _nodes: list[Any], _dice: random.Random) -> None:
    if len(container) > 1:
        del container[position]


def _swap(container: Any, position: int, _nodes: list[Any], dice: random.Random) -> None:
    other = dice.randrange(len(container))
    here, there = _get(container, position), _get(container, other)
    _set(container, position, there)
    _set(container, other, here)


def _rename(container: Any, position: int, nodes: list[Any], dice: random.Random) -> None:
    if isinstance(container, Members):
        names = [name for node in nodes if isinstance(node, Members) for name, _ in node]
        container[position] = (dice.choice([*names, *TEXTS]), container[position][1])


def _wrap(container: Any, position: int, _nodes: list[Any], dice: random.Random) -> None:
    value = _get(container, position)
    _set(container, position, dice.choice(([value], [value, value], Members([("result", value)]), str(value)[:999])))


def _tweak(container: Any, position: int, _nodes: list[Any], dice: random.Random) -> None:
    value = _get(container, position)
    if isinstance(value, Token):
        _set(container, position, dice.choice((str(value), Token(f"{value}0"), Token(f"-{value}"), Token(value[1:] or "0"))))
    elif isinstance(value, str) and value:
        at = dice.randrange(len(value))
        put = dice.choice(("", value[at] * 2, value[at].swapcase(), chr(dice.randrange(0x110000)), dice.choice("0123456789af")))
        _set(container, position, dice.choice((value[:at] + put + value[at + 1 :], Token(value[:50]), value[::-1])))


_CHANGES: tuple[Callable[[Any, int, list[Any], random.Random], None], ...] = (
    *(_replace, _splice, _double, _delete, _swap, _rename, _wrap, _tweak, _tweak),
)


def _written(value: Any, dice: random.Random) -> str:
    match value:
        case Token():
            return value
        case Members():
            return "{" + ",".join(f"{_string(name, dice)}:{_written(inner, dice)}" for name, inner in value) + "}"
        case list():
            return "[" + ",".join(_written(inner, dice) for inner in value) + "]"
        case str():
            return _string(value, dice)
    return json.dumps(value)


def _string(text: str, dice: random.Random) -> str:
    if text and dice.random() < 0.01:  # a letter may be written as an escape, in names too
        at = dice.randrange(len(text))
        return (
            json.dumps(text[:at])[:-1]
            + "".join(f"\\u{ord(c):04x}" for c in text[at] if ord(c) < 0x10000)
            + json.dumps(text[at + 1 :])[1:]
        )
    return json.dumps(text, ensure_ascii=dice.random() < 0.5)


# -- other text, bytes


def _text(data: bytes, dice: random.Random) -> bytes:
    words = _WORD.findall(data.decode("utf-8", "surrogateescape")) or [""]
    at, other = dice.randrange(len(words)), dice.randrange(len(words))
    match dice.randrange(6):
        case 0:
            words[at] = dice.choice(WORDS)
        case 1:
            words.insert(at, dice.choice(WORDS))
        case 2:
            words[at] = words[other]
        case 3:
            low, high = sorted((at, other))
            words[low:low] = words[low : min(high, low + 40)]
        case 4:
            low, high = sorted((at, other))
            del words[low : min(high, low + 20)]
        case _:
            words[at] = words[at][:60] * dice.choice((2, 3, 20, 1000))
    return "".join(words).encode("utf-8", "surrogateescape" if dice.random() < 0.9 else "replace")


def _bytes(data: bytes, dice: random.Random) -> bytes:
    at, length = dice.randint(0, len(data)), dice.choice((0, 1, 1, 4, 32))
    put = dice.choice((dice.choice(BYTES), dice.randbytes(1), b"", data[at : at + 8] * 2))
    return data[:at] + put + data[at + length :] if dice.random() < 0.9 else data[:at]


def _crossed(data: bytes, other: bytes, dice: random.Random) -> bytes:
    return data[: dice.randint(0, len(data))] + other[dice.randint(0, len(other)) :]
