"""A learned batch size: halved when refused, remembered, probed upward slowly, never above what the protocol takes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hdscan.pool.batch import FIRST_PROBE, LAST_PROBE, BatchSize

NOW = 1_700_000_000.0


def test_a_refused_batch_halves_the_size():
    size = BatchSize(20)
    size.refused(20, NOW)
    assert size.at(NOW) == 10
    size.refused(10, NOW)
    assert size.at(NOW) == 5


def test_a_refused_batch_that_was_small_halves_from_there():
    size = BatchSize(20)
    size.refused(3, NOW)
    assert size.at(NOW) == 1
    size.refused(1, NOW)
    assert size.at(NOW) == 1


def test_a_refusal_of_less_than_went_through_before_is_believed_when_it_is_said_again():
    size = BatchSize(98)
    for _ in range(100):  # a host that says so now and then, whatever the size
        size.accepted(98, NOW)
        size.refused(4, NOW)
        size.accepted(60, NOW)
    assert size.at(NOW) == 98
    size.accepted(98, NOW)
    size.refused(98, NOW)
    assert size.at(NOW) == 98
    size.refused(98, NOW)
    assert size.at(NOW) == 49


def test_batches_that_were_on_the_wire_when_the_size_was_lowered_do_not_lower_it_again():
    size = BatchSize(20)
    for _ in range(5):
        size.refused(20, NOW)
    assert size.at(NOW) == 10


def test_it_is_probed_upward_by_a_quarter_after_a_while():
    size = BatchSize(20)
    size.refused(20, NOW)
    assert size.at(NOW + FIRST_PROBE - 1) == 10
    assert size.at(NOW + FIRST_PROBE) == 12
    size.accepted(12, NOW + FIRST_PROBE)
    assert size.at(NOW + FIRST_PROBE) == 12
    assert size.at(NOW + 2 * FIRST_PROBE) == 15


def test_each_failed_probe_makes_the_next_one_later_up_to_a_day():
    size, now, waits = BatchSize(20), NOW, []
    size.refused(20, now)
    for _ in range(12):
        begun = now
        while size.at(now) == 10:
            now += 60
        waits.append(now - begun)
        size.refused(size.at(now), now)
        assert size.at(now) == 10
    assert waits == sorted(waits)
    assert waits[0] == FIRST_PROBE
    assert waits[-1] == LAST_PROBE


def test_what_was_learned_survives_a_restart():
    size = BatchSize(20)
    assert size.memory() is None
    size.refused(20, NOW)
    memory = size.memory()
    assert memory is not None
    again = BatchSize(20)
    again.restore(memory, NOW + 10)
    assert again.at(NOW + 10) == 10
    assert again.memory() == memory


def test_a_memory_larger_than_the_protocol_takes_is_cut_and_one_of_the_future_waits_a_day_at_most():
    size = BatchSize(100)
    size.refused(100, NOW + 10 * LAST_PROBE)
    memory = size.memory()
    assert memory is not None
    again = BatchSize(20)
    again.restore(memory, NOW)
    assert again.at(NOW) == 20
    wide = BatchSize(100)
    wide.restore(memory, NOW)
    assert wide.at(NOW + LAST_PROBE) == 62


@settings(max_examples=200, derandomize=True)
@given(st.integers(1, 1000), st.integers(1, 1000), st.lists(st.floats(0, 5000), max_size=60))
def test_it_finds_the_hosts_cap_and_stays_between_one_and_the_protocols(capacity, cap, waits):
    size, now = BatchSize(capacity), NOW
    for wait in [0.0] * 12 + waits:
        now += wait
        units = size.at(now)
        assert 1 <= units <= capacity
        (size.refused if units > cap else size.accepted)(units, now)
    assert size.limit <= max(1, cap)


def test_a_first_small_size_doubles_with_every_full_call_until_a_refusal() -> None:
    size, sizes = BatchSize(100, 10), []
    for _ in range(6):
        sizes.append(size.at(NOW))
        size.accepted(size.at(NOW), NOW)
    assert sizes == [10, 20, 40, 80, 100, 100]
    assert size.memory() is None

    size = BatchSize(100, 10)
    size.accepted(3, NOW)
    assert size.at(NOW) == 10
    assert size.memory() is None  # nothing is known of it yet
    size.accepted(10, NOW)
    size.refused(20, NOW)
    assert size.at(NOW) == 10
    size.accepted(10, NOW)
    assert size.at(NOW) == 10
    assert size.memory() is not None
