"""What faults mean: the table of docs/resilience.md."""

from hdscan.model.errors import ReadCode
from hdscan.pool.effects import EFFECTS, Return, Trust


def test_every_code_has_an_effect():
    assert EFFECTS.keys() == set(ReadCode)


def test_what_is_no_failure_of_the_provider_is_neutral_for_its_breaker():
    neutral = {code for code, effect in EFFECTS.items() if not effect.failure}
    assert neutral == {
        ReadCode.THROTTLED,
        ReadCode.QUOTA,
        ReadCode.BAD_KEY,
        ReadCode.NOT_SERVED,
        ReadCode.WRONG_CHAIN,
        ReadCode.CONTRADICTED,
        ReadCode.STALE,
        ReadCode.TOO_LARGE,
    }


def test_every_failure_sends_its_readings_to_other_providers():
    assert all((effect.readings is Return.OTHERS) is effect.failure for effect in EFFECTS.values())


def test_what_costs_a_provider_its_trust():
    assert {code: effect.trust for code, effect in EFFECTS.items() if effect.trust is not None} == {
        ReadCode.BAD_KEY: Trust.DISABLED,
        ReadCode.NOT_SERVED: Trust.DISABLED,
        ReadCode.WRONG_CHAIN: Trust.QUARANTINED,
        ReadCode.CONTRADICTED: Trust.QUARANTINED,
        ReadCode.STALE: Trust.LAGGING,
    }
