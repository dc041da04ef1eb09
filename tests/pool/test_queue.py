"""The work queue: who gets what, in which company, and that nothing falls out of it."""

from collections import Counter

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from hdscan.model.errors import ReadCode
from hdscan.model.reading import Kind, ReadError
from hdscan.pool.queue import NO_CAP, PendingReading, WorkQueue, kind_of
from tests.pool.virtual import COIN, START, USDT, USE, readings

ERROR = ReadError(ReadCode.TIMEOUT, "late")
ONE_EACH = {Kind.NATIVE: 1, Kind.TOKEN: 1, Kind.USE: 1}
NOBODY = dict.fromkeys(ONE_EACH, frozenset())
SOLANA = {Kind.NATIVE: 1, Kind.TOKEN: 2, Kind.USE: 1}


def items(n, *assets):
    return [PendingReading(0, reading) for reading in readings(n, *assets)]


def filled(n, *assets):
    queue = WorkQueue()
    queue.add(items(n, *assets))
    return queue


def pull(queue, provider="a", kind=Kind.MIXED, units=100, weight=ONE_EACH, *, retries=True):
    return queue.pull(provider, kind, units, weight, retries=retries)


def asked(found):
    return [(item.reading.index, item.reading.asset.symbol) for item in found]


def failed(n, *providers, asset=COIN):
    found = items(n, asset)
    for item in found:
        item.attempts = 1
        for provider in providers:
            item.fail(provider, ERROR, START)
    return found


def test_an_addresss_coin_and_tokens_go_together_in_the_order_of_addresses():
    assert asked(pull(filled(3, COIN, USDT), units=4)) == [(0, "BNB"), (0, "USDT"), (1, "BNB"), (1, "USDT")]


def test_a_call_of_one_kind_takes_that_kind_only():
    queue = filled(5, COIN, USDT)
    assert {symbol for _, symbol in asked(pull(queue, kind=Kind.TOKEN))} == {"USDT"}
    assert len(queue) == 5


def test_where_one_question_answers_all_of_an_address_it_takes_its_weight_once():
    usdc = msgspec.structs.replace(USDT, symbol="USDC", contract="0x" + "6" * 40)
    queue = filled(4, USDT, usdc)
    found = queue.pull("a", Kind.TOKEN, 5, {Kind.TOKEN: 2}, retries=True, by_owner=True)
    assert asked(found) == [(0, "USDT"), (0, "USDC"), (1, "USDT"), (1, "USDC")]


def test_a_call_holds_as_much_weight_as_it_may():
    found = pull(filled(10, COIN, USDT), units=7, weight=SOLANA)
    assert sum(SOLANA[item.reading.kind] for item in found) in (6, 7)


def test_one_reading_always_goes_however_small_the_size():
    assert len(pull(filled(3, USDT), units=1, weight=SOLANA)) == 1


def test_who_failed_a_reading_does_not_get_it_again_but_others_do():
    queue = WorkQueue()
    queue.give_back(failed(3, "a"))
    assert not pull(queue, "a")
    assert len(pull(queue, "b")) == 3


def test_without_retries_only_new_urgent_and_exempt_work_is_given():
    queue = filled(2)
    work = urgent, budget_free, other = failed(3, "a")
    for pending in work:
        pending.offer_again()
    urgent.urgent = True
    budget_free.budget_free = True
    queue.give_back([other, budget_free, urgent])
    assert pull(queue, retries=False)[0] is urgent
    assert asked(pull(queue)) == [(2, "BNB")]


def test_what_only_others_failed_is_no_retry():
    queue = WorkQueue()
    (back,) = failed(1, "x")
    queue.give_back([back])
    assert pull(queue, "x", retries=False) == []
    assert pull(queue, "a", retries=False) == [back]


def test_what_came_back_goes_before_what_is_new_and_what_is_urgent_before_all():
    queue = filled(1)
    back, urgent = failed(2, "x")
    urgent.urgent = True
    queue.give_back([back, urgent])
    assert pull(queue)[:2] == [urgent, back]


def test_what_was_taken_but_not_asked_is_again_the_first():
    queue = filled(4)
    taken = pull(queue, units=2)
    queue.give_front(taken)
    assert asked(pull(queue)) == [(i, "BNB") for i in range(4)]


def test_a_capped_reading_goes_in_calls_of_no_more_than_its_cap():
    queue = filled(10)
    capped = failed(4, "x")
    for item in capped:
        item.cap = 2
    queue.give_back(capped)
    assert pull(queue) == capped[:2]
    assert pull(queue) == capped[2:]
    assert len(pull(queue)) == 10


def test_a_capped_reading_does_not_join_a_larger_call():
    queue = WorkQueue()
    first, second, third = failed(3, "x")
    third.cap = 1
    queue.give_back([first, second, third])
    assert pull(queue) == [first, second]
    assert pull(queue) == [third]


def test_separate_work_never_shares_a_call_with_the_other_kind():
    queue = filled(2, COIN, USDT)
    apart = failed(2, "x", asset=USDT)
    for item in apart:
        item.separate = True
    queue.give_back(apart)
    assert not set(pull(queue, units=3)) & set(apart)
    assert queue.kinds("a")[0] is Kind.TOKEN
    assert pull(queue, kind=Kind.TOKEN)[:2] == apart


def test_mixed_calls_are_tried_after_use_and_then_the_kind_whose_turn_it_is():
    queue = filled(5, COIN, USDT)
    pull(queue, kind=Kind.NATIVE, units=3)
    assert queue.kinds("a") == [Kind.USE, Kind.MIXED, Kind.TOKEN, Kind.NATIVE]
    pull(queue, kind=Kind.TOKEN, units=4)
    assert queue.kinds("a") == [Kind.USE, Kind.MIXED, Kind.NATIVE, Kind.TOKEN]


def test_use_never_shares_a_call_with_balances():
    queue = filled(3, USE, COIN, USDT)
    assert {item.reading.kind for item in pull(queue)} == {Kind.NATIVE, Kind.TOKEN}
    queue.give_back(failed(1, "x", asset=USE))
    assert not pull(queue)
    assert {item.reading.kind for item in pull(queue, kind=Kind.USE)} == {Kind.USE}
    assert not len(queue)


def test_use_is_no_token_of_the_same_name():
    token = msgspec.structs.replace(USDT, symbol=USE.symbol)
    queue = filled(2, USE, token)
    assert [item.reading.asset for item in pull(queue, kind=Kind.TOKEN)] == [token] * 2


def test_stuck_is_what_all_who_are_able_have_tried():
    queue = WorkQueue()
    both, one = failed(1, "a", "b"), failed(2, "a")
    queue.give_back(one + both)
    assert queue.take_stuck({Kind.NATIVE: frozenset("ab"), Kind.TOKEN: frozenset()}, NOBODY) == both
    assert len(queue) == 2
    assert queue.take_stuck({Kind.NATIVE: frozenset("a"), Kind.TOKEN: frozenset()}, NOBODY) == one


def test_a_question_is_stuck_when_nobody_steady_can_take_it():
    queue = WorkQueue()
    question = PendingReading(1, readings(1, COIN)[0], excluded=frozenset("a"))
    queue.add([question])
    able = {Kind.NATIVE: frozenset("ab"), Kind.TOKEN: frozenset()}
    assert queue.take_stuck(able, able) == []
    assert queue.take_stuck(able, {Kind.NATIVE: frozenset("a"), Kind.TOKEN: frozenset()}) == [question]


def test_what_is_withdrawn_is_forgotten_wherever_it_waits():
    queue = filled(3)
    queue.give_back(failed(1, "a"))
    before = len(queue)
    queue.withdraw({99})
    assert len(queue) == before
    queue.withdraw({0})
    assert len(queue) == 0
    assert not queue.has_returned


def test_what_is_withdrawn_from_an_index_on_leaves_the_addresses_before_it():
    queue = filled(6)
    taken = pull(queue, units=4)
    queue.withdraw({0}, since=2)
    assert len(queue) == 0
    queue.give_back(taken)
    assert [each.reading.index for each in pull(queue)] == [0, 1]


def test_new_work_is_stuck_when_nobody_is_able():
    queue = filled(3, COIN, USDT)
    stuck = queue.take_stuck({Kind.NATIVE: frozenset("a"), Kind.TOKEN: frozenset()}, NOBODY)
    assert {item.reading.asset for item in stuck} == {USDT}
    assert len(queue) == 3


def test_the_oldest_that_came_back_is_known_per_provider():
    queue = WorkQueue()
    queue.give_back(failed(1, "a"))
    queue.give_back(failed(1, "b"))
    assert queue.oldest("b", [Kind.NATIVE]) < queue.oldest("a", [Kind.NATIVE])
    assert queue.oldest("a", [Kind.TOKEN]) == float("inf")
    assert filled(1).oldest("a", [Kind.NATIVE]) == float("inf")


def test_an_item_remembers_its_first_failure_and_the_latest_reason_last():
    item = failed(1, "a", "b")[0]
    item.fail("a", ReadError(ReadCode.EMPTY, "again"), START + 9)
    assert item.since == START
    assert list(item.reasons) == ["b", "a"]
    item.offer_again()
    assert not item.tried
    assert item.since is None
    assert len(item.reasons) == 2


def test_a_split_halves_the_call_that_failed():
    item = failed(1, "a")[0]
    item.failed_in = 9
    item.split()
    assert (item.cap, item.failed_in, item.tried) == (4, 1, frozenset())
    assert PendingReading(0, item.reading).cap == NO_CAP


def test_the_kind_of_a_call_is_that_of_what_it_holds():
    assert kind_of(items(2, COIN)) is Kind.NATIVE
    assert kind_of(items(2, USDT)) is Kind.TOKEN
    assert kind_of(items(2, COIN, USDT)) is Kind.MIXED


moves = st.tuples(
    st.sampled_from("ab"),
    st.sampled_from(list(Kind)),
    st.integers(1, 9),
    st.booleans(),
    st.sampled_from(["front", "back", "fail", "cap", "urgent", "separate", "read", "stuck"]),
)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.integers(0, 20), st.lists(moves, max_size=40))
def test_whatever_is_pulled_and_given_back_nothing_is_lost_or_doubled(n, steps):
    queue, out, work = WorkQueue(), [], items(n, COIN, USDT, USE)
    queue.add(work)
    for provider, kind, units, retries, then in steps:
        if then == "stuck":
            able = {Kind.NATIVE: frozenset("ab"), Kind.TOKEN: frozenset("a"), Kind.USE: frozenset("a")}
            stuck = queue.take_stuck(able, NOBODY)
            for item in stuck:
                item.offer_again()
            queue.give_back(stuck)
            continue
        found = pull(queue, provider, kind, units, SOLANA, retries=retries)
        assert not [item for item in found if provider in item.tried]
        assert len(found) <= min((item.cap for item in found), default=0)
        assert len(found) <= 1 or sum(SOLANA[i.reading.kind] for i in found) <= units
        assert {i.reading.kind for i in found} <= ({Kind.NATIVE, Kind.TOKEN} if kind is Kind.MIXED else {kind})
        if then == "front":
            queue.give_front(found)
            continue
        for item in found:
            item.attempts += 1
            item.urgent = then == "urgent"
            item.separate = item.separate or then == "separate"
            if then == "cap":
                item.cap = max(1, len(found) // 2)
            if then == "fail":
                item.fail(provider, ERROR, START)
        if then == "read":
            out += found
        else:
            queue.give_back(found)
    left = len(queue)
    assert left + len(out) == len(work)
    for item in [*work]:
        item.offer_again()
    rest = queue.take_stuck(NOBODY, NOBODY)
    assert Counter(map(id, rest + out)) == Counter(map(id, work))
