import json
import random

from tests.fuzz.mutate import mutate

GOOD = json.dumps({"jsonrpc": "2.0", "id": 7, "result": {"context": {"slot": 5}, "value": [None, {"lamports": 3}]}}).encode()


def test_the_same_seed_makes_the_same_inputs() -> None:
    assert [mutate(GOOD, random.Random(seed)) for seed in range(50)] == [
        mutate(GOOD, random.Random(seed)) for seed in range(50)
    ]


def test_most_inputs_are_nearly_right_and_none_is_too_long() -> None:
    made = [mutate(GOOD, random.Random(seed), [GOOD], most=2000) for seed in range(400)]
    assert max(map(len, made)) <= 2000
    assert sum(b"lamports" in data for data in made) > 200
    assert any(b"NaN" in data for data in made)
    assert any(data.count(b'"id"') > 1 for data in made)


def test_what_is_no_json_is_changed_too() -> None:
    assert len({mutate(b"Sun, 06 Nov 1994 08:49:37 GMT", random.Random(seed)) for seed in range(50)}) > 40
    assert isinstance(mutate(b"", random.Random(1)), bytes)
