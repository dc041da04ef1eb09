"""The end of a branch, against a plain oracle that knows every address."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdscan.scan.branch import Frontier

GAPS = st.integers(1, 25)
USED = st.sets(st.integers(0, 150), max_size=40)
SEEDS = st.integers(0, 2**32)


def last_used(used: set[int], gap: int) -> int:
    """The last used position by the gap rule: address by address, until `gap` in a row are unused."""
    last, position = -1, 0
    while position - last <= gap:
        if position in used:
            last = position
        position += 1
    return last


def read_on(frontier: Frontier, used: set[int], failing: set[int], dice: Random, block: int) -> None:
    """Read in blocks, answers in any order, until there is nothing to read or to hear; what fails is told so."""
    asked = list(range(frontier.length))
    while True:
        if not frontier.ended and frontier.length < frontier.horizon and (not asked or dice.random() < 0.5):
            count = min(block, frontier.horizon - frontier.length)
            asked += range(frontier.length, frontier.length + count)
            frontier.grow(count)
        elif asked:
            position = asked.pop(dice.randrange(len(asked)))
            frontier.tell(position, None if position in failing else position in used)
            if frontier.ended:
                frontier.cut(frontier.need)
                asked = [each for each in asked if each < frontier.length]
        else:
            return


@given(GAPS, USED, SEEDS, st.integers(1, 40))
def test_a_branch_ends_after_its_last_used_address_by_the_gap_rule(gap: int, used: set[int], seed: int, block: int) -> None:
    frontier = Frontier(gap)
    read_on(frontier, used, set(), Random(seed), block)
    assert frontier.ended
    assert frontier.length == frontier.need == frontier.used_to + 1 + gap
    assert frontier.used_to >= last_used(used, gap)
    assert frontier.used_to == -1 or frontier.used_to in used
    assert not used & set(range(frontier.used_to + 1, frontier.need))


@given(GAPS, st.lists(st.integers(0, 24), max_size=40), SEEDS, st.integers(1, 40))
def test_every_used_address_within_the_gap_is_found(gap: int, holes: list[int], seed: int, block: int) -> None:
    used, last = set(), -1
    for hole in holes:
        last += 1 + hole % gap
        used.add(last)
    frontier = Frontier(gap)
    read_on(frontier, used, set(), Random(seed), block)
    assert (frontier.used_to, frontier.length) == (last, last + 1 + gap)


@given(GAPS, USED, st.sets(st.integers(0, 200), max_size=30), SEEDS, st.integers(1, 40))
def test_a_failure_is_never_an_unused_address(gap: int, used: set[int], failing: set[int], seed: int, block: int) -> None:
    frontier = Frontier(gap)
    read_on(frontier, used, failing, Random(seed), block)
    assert frontier.used_to == -1 or frontier.used_to in used - failing
    after = set(range(frontier.used_to + 1, frontier.need))
    assert frontier.length >= frontier.need
    assert frontier.ended == (not after & failing)
    assert frontier.first_unknown == min(after & failing, default=None)
    if not frontier.ended:  # once the failing ones answer, it goes on
        for position in failing & set(range(frontier.length)):
            frontier.tell(position, position in used)
        read_on(frontier, used, set(), Random(seed), block)
    assert frontier.ended
    assert frontier.used_to >= last_used(used, gap)


@pytest.mark.parametrize(("unused", "ended"), [(19, False), (20, True), (21, True)])
def test_exactly_the_gap_ends_a_branch(unused: int, ended: bool) -> None:
    frontier = Frontier(gap=20)
    frontier.grow(5 + unused)
    for position in range(5 + unused):
        frontier.tell(position, position == 4)
    assert frontier.ended == ended


def test_a_used_address_at_the_very_end_of_the_gap_goes_on() -> None:
    frontier = Frontier(gap=20)
    frontier.grow(20)
    for position in range(20):
        frontier.tell(position, position == 19)
    assert (frontier.need, frontier.ended, frontier.horizon) == (40, False, 40)


def test_a_long_branch_takes_less_than_forty_rounds() -> None:
    frontier, rounds = Frontier(gap=20), 0
    while not frontier.ended:
        rounds += 1
        first = frontier.length
        frontier.grow(frontier.horizon - first)
        for position in range(first, frontier.length):
            frontier.tell(position, position < 100_000)
    assert frontier.used_to == 99_999
    assert rounds < 40


def test_what_is_used_is_never_forgotten() -> None:
    frontier = Frontier(gap=20)
    frontier.grow(100)
    frontier.tell(90, used=True)
    frontier.cut(30)
    assert frontier.length == 91
