"""A little of `make fuzz` in every run of the tests: the same inputs each time."""

import pytest

from tests.fuzz.guided import targets
from tests.fuzz.loop import fuzz
from tests.fuzz.target import Target

SLOW = {"configuration": 150, "environment": 200, "extended-key": 300, "database": 40}  # inputs, of which others take 1,000


@pytest.mark.parametrize("target", targets(), ids=lambda target: target.name)
def test_nothing_but_typed_errors_comes_out(target: Target) -> None:
    many = SLOW.get(target.name, 1000)
    assert list(fuzz(target, 1, go_on=lambda tried: tried < many)) == []
