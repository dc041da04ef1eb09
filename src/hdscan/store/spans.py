"""Sets of numbers as spans (first, stop): in order, without overlaps, neighbours made one."""

from collections.abc import Iterable

Span = tuple[int, int]


def merged(spans: Iterable[Span]) -> list[Span]:
    """The union of spans in any order; empty ones are left out."""
    found: list[Span] = []
    for first, stop in sorted(spans):
        if found and first <= found[-1][1]:
            if stop > found[-1][1]:
                found[-1] = (found[-1][0], stop)
        elif first < stop:
            found.append((first, stop))
    return found


def runs(numbers: Iterable[int]) -> list[Span]:
    """Spans of numbers that follow each other, in the order given: a run ends where the next number is not one more."""
    found: list[Span] = []
    for number in numbers:
        if found and found[-1][1] == number:
            found[-1] = (found[-1][0], number + 1)
        else:
            found.append((number, number + 1))
    return found


def without(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """What merged spans have and other merged spans have not."""
    found: list[Span] = []
    rest = iter(taken)
    next_taken = next(rest, None)
    for first, stop in spans:
        while next_taken is not None and next_taken[1] <= first:
            next_taken = next(rest, None)
        begin = first
        while next_taken is not None and next_taken[0] < stop:
            if begin < next_taken[0]:
                found.append((begin, next_taken[0]))
            begin = next_taken[1]
            if begin >= stop:
                break
            next_taken = next(rest, None)
        if begin < stop:
            found.append((begin, stop))
    return found


def total(spans: Iterable[Span]) -> int:
    """How many numbers merged spans have."""
    return sum(stop - first for first, stop in spans)
