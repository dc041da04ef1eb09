"""While nobody answers: waits that double, the same work again, and a clock that stops the chain."""

from hdscan.pool.outage import Outage
from hdscan.pool.policy import Policy
from hdscan.pool.queue import PendingReading
from tests.pool.virtual import readings

NOW = 1_700_000_000.0
ITEMS = [PendingReading(0, reading) for reading in readings(3)]


def test_the_first_that_is_parked_begins_a_wait_and_the_others_join_it():
    outage = Outage(Policy())
    assert outage.park(ITEMS[:1], NOW, 0.0)
    assert not outage.park(ITEMS[1:], NOW + 0.5, 0.0)
    assert outage.until == NOW + 1
    assert outage.release() == ITEMS
    assert not outage.parked


def test_waits_double_up_to_the_longest():
    outage, waits = Outage(Policy()), []
    for _ in range(7):
        outage.park(ITEMS, NOW, 0.0)
        waits.append(outage.until - NOW)
        outage.release()
    assert waits == [1, 2, 4, 8, 16, 30, 30]


def test_any_success_resets_the_count_and_the_clock():
    outage = Outage(Policy())
    for i in range(4):
        outage.park(ITEMS, NOW + i, 0.0)
        outage.release()
    outage.tick(NOW, counts=True)
    outage.tick(NOW + 100, counts=True)
    assert outage.success(NOW + 90, NOW + 100)
    assert outage.attempt == 0
    assert outage.time_left == 600


def test_an_outage_is_counted_from_the_success_and_not_from_the_tick_before_it():
    outage = Outage(Policy(outage_limit=600))
    outage.tick(NOW, counts=True)
    outage.success(NOW + 20, NOW + 25)
    outage.tick(NOW + 30, counts=True)
    assert outage.time_left == 595


def test_only_the_success_that_ends_an_outage_heals():
    outage = Outage(Policy())
    outage.park(ITEMS, NOW, 0.0)
    assert not outage.success(NOW + 1, NOW + 2)
    assert outage.healed_at < NOW
    outage.success(NOW + 40, NOW + 41, heals=True)
    assert outage.healed_at == NOW + 41


def test_the_success_of_a_call_that_was_begun_long_ago_does_not_count_as_a_later_one():
    outage = Outage(Policy())
    outage.success(NOW + 50, NOW + 51)
    outage.success(NOW, NOW + 60)
    assert outage.last_success == NOW + 50


def test_only_time_in_which_somebody_could_have_succeeded_counts():
    outage = Outage(Policy(outage_limit=600))
    outage.tick(NOW, counts=True)
    outage.tick(NOW + 100, counts=True)
    outage.tick(NOW + 1000, counts=False)
    outage.tick(NOW + 1050, counts=True)
    assert outage.time_left == 450


def test_a_clock_set_back_gives_no_time_and_takes_none():
    outage = Outage(Policy())
    outage.tick(NOW, counts=True)
    outage.tick(NOW - 5000, counts=True)
    outage.tick(NOW - 4990, counts=True)
    assert outage.silent == 10
