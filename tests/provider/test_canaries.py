"""Canaries: one operator that calls one empty is not believed, two that agree are."""

import msgspec
import pytest

from hdscan.model.errors import CallError, ReadCode
from hdscan.provider.canaries import Canaries
from tests.provider.server import BSC

CHAIN = msgspec.structs.replace(BSC, canaries=("0x" + "1" * 40, "0x" + "2" * 40))


def canaries(*operators: str) -> Canaries:
    made = Canaries(CHAIN)
    for operator in operators:
        made.join(operator)
    return made


def refused(asked: Canaries, operator: str) -> ReadCode:
    """The fault of an operator that calls the first canary empty."""
    with pytest.raises(CallError) as caught:
        asked.heard(operator, canary(asked), 0)
    return caught.value.fault


def canary(asked: Canaries) -> object:
    return next(each for each in (asked.next(), asked.next()) if each.address == CHAIN.canaries[0])


def test_each_is_asked_in_turn_and_one_in_doubt_first() -> None:
    asked = canaries("a", "b")
    assert [asked.next().address for _ in range(3)] == [CHAIN.canaries[0], CHAIN.canaries[1], CHAIN.canaries[0]]
    assert refused(asked, "a") is ReadCode.STALE
    assert {asked.next().address for _ in range(3)} == {CHAIN.canaries[0]}


def test_the_only_operator_and_one_that_another_contradicts_are_wrong() -> None:
    assert refused(canaries("a"), "a") is ReadCode.CONTRADICTED
    asked = canaries("a", "b", "c")
    assert asked.heard("b", canary(asked), 5) is None
    assert refused(asked, "a") is ReadCode.CONTRADICTED
    assert refused(asked, "c") is ReadCode.CONTRADICTED, "two that lie do not outvote money that was seen"


def test_two_that_agree_retire_it_once_for_all() -> None:
    asked = canaries("a", "b", "c")
    first = canary(asked)
    assert refused(asked, "a") is ReadCode.STALE
    assert refused(asked, "a") is ReadCode.STALE, "saying it again is no second voice"
    told = asked.heard("b", first, 0)
    assert told is not None
    assert CHAIN.canaries[0] in told
    assert asked.heard("c", first, 0) is None
    assert {asked.next().address for _ in range(3)} == {CHAIN.canaries[1]}


def test_who_corrects_itself_is_no_voice_for_empty_any_more() -> None:
    asked = canaries("a", "b")
    first = canary(asked)
    assert refused(asked, "a") is ReadCode.STALE
    assert asked.heard("a", first, 9) is None
    assert refused(asked, "b") is ReadCode.CONTRADICTED
