"""The decision table of an audit: whom to ask next, what follows, and that samples find liars as often as they should."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdscan.model.audit import Audited, AuditOutcome, Standing
from hdscan.model.chain import Asset
from hdscan.model.errors import ReadCode
from hdscan.model.reading import Attempt, Balance, BalanceResult, Kind, Reading, Unread
from hdscan.scan.audit import Again, Another, AuditCase, Court, Jury, chosen, contradiction, sampled, unconfirmed
from hdscan.scan.jobs import AuditJob

COIN = Asset("btc", "BTC", 8)
OPERATORS = {"a": "A", "a2": "A", "b": "B", "c": "C"}
TWO = {"a": "A", "a2": "A", "b": "B"}
NOBODY = Unread(ReadCode.NO_PROVIDER, "nobody is left", 0, {})


def reading(index: int = 0) -> Reading:
    return Reading(index, f"bc1q{index}", COIN)


def said(source: str, amount: int, height: int | None = 100, at: float = 1.0) -> Balance:
    return Balance(amount, 0, height, at, source)


def case(first: Balance, *outcomes: Balance | Unread, operators: dict[str, str] = OPERATORS) -> AuditCase:
    """A case with its answers; whoever answers was among those that might be asked."""
    made = AuditCase(reading(), first, Jury(operators), tolerance=2)
    for outcome in outcomes:
        assert made.question is not None, "nobody is asked any more"
        assert isinstance(outcome, Unread) or outcome.source not in made.excluded()
        made.take(outcome)
    return made


def test_the_first_question_is_for_another_operator() -> None:
    made = case(said("a", 5))
    assert made.question == Another(frozenset({"A"}))
    assert made.excluded() == {"a", "a2"}


def test_an_equal_answer_confirms() -> None:
    made = case(said("a", 5), said("b", 5))
    assert made.question is None
    assert made.result().outcome is AuditOutcome.CONFIRMED
    assert made.result().amount == said("a", 5)


def test_without_another_operator_a_reading_stays_unaudited() -> None:
    found = case(said("a", 5), NOBODY).result()
    assert (found.outcome, found.amount, found.error) == (AuditOutcome.UNAUDITED, said("a", 5), "nobody is left")


def test_a_difference_is_put_to_a_third_operator() -> None:
    made = case(said("a", 5), said("b", 0))
    assert made.question == Another(frozenset({"A", "B"}))
    assert made.excluded() == {"a", "a2", "b"}


def test_a_provider_whose_answer_moves_on_has_not_lost() -> None:
    """An address that moves in every block: honest hosts are always some blocks apart."""
    found = case(said("a", 5), said("b", 6), said("c", 6), said("a", 7, height=101)).result()
    assert (found.outcome, found.lost) == (AuditOutcome.MOVED, None)


def test_a_first_provider_that_has_fallen_behind_is_asked_again_once() -> None:
    made = case(said("a", 5), said("b", 0), said("a", 5, height=90), operators=TWO)
    assert made.question is None
    assert made.result().outcome is AuditOutcome.DISPUTED


def test_with_two_operators_the_first_provider_is_asked_again() -> None:
    made = case(said("a", 5), said("b", 0), operators=TWO)
    assert made.question == Again("a")
    assert made.excluded() == {"a2", "b"}


def test_so_it_is_where_the_third_cannot_answer() -> None:
    assert case(said("a", 5), said("b", 0), NOBODY).question == Again("a")


def test_a_balance_that_moved_is_the_newest_answer() -> None:
    for made in (
        case(said("a", 5), said("b", 7, 300, 2.0), said("a", 7, 301, 3.0), operators=TWO),
        case(said("a", 5), said("b", 7, 300, 2.0), said("c", 7, 301, 3.0), said("a", 7, 302, 4.0)),
    ):
        assert made.question is None
        found = made.result()
        assert (found.outcome, found.lost) == (AuditOutcome.MOVED, None)
        assert found.amount is not None
        assert (found.amount.amount, found.amount.height) == (7, 301)


def test_of_operators_that_never_agree_the_last_is_right_only_where_all_of_them_see_it_move() -> None:
    known, first = Standing(5, 90), said("a", 1, 100)

    def ended(*outcomes: Balance | Unread) -> Audited:
        made = AuditCase(reading(), first, Jury(TWO), tolerance=2, known=known)
        for outcome in outcomes:
            made.take(outcome)
        return made.result()

    moving = ended(said("b", 2, 110), said("a", 3, 120))
    assert (moving.outcome, moving.amount) == (AuditOutcome.MOVED, said("a", 3, 120))
    for lies in (
        (said("b", 2, 110), said("a", 1, 120)),  # who repeats an amount did not see the other's
        (said("b", 2, 110), NOBODY),  # one word each says nothing of a movement between them
        (said("b", 2, 110), said("a", 3, 111)),  # at about the same block, both cannot be right
        (said("b", 5, 110), said("a", 3, 120)),  # one sees what was known
    ):
        assert (ended(*lies).outcome, ended(*lies).amount) == (AuditOutcome.DISPUTED, None)


def test_two_operators_that_stay_apart_dispute() -> None:
    found = case(said("a", 5), said("b", 0), said("a", 5), operators=TWO).result()
    assert (found.outcome, found.amount) == (AuditOutcome.DISPUTED, None)
    assert [answer.amount for answer in found.answers] == [5, 0, 5], "every answer is kept"


def test_three_answers_of_three_operators_dispute_and_are_never_averaged() -> None:
    found = case(said("a", 4), said("b", 0), said("c", 2)).result()
    assert (found.outcome, found.amount) == (AuditOutcome.DISPUTED, None)


def test_a_difference_that_nobody_else_can_settle_disputes() -> None:
    found = case(said("a", 5), said("b", 0), NOBODY, NOBODY).result()
    assert (found.outcome, len(found.answers)) == (AuditOutcome.DISPUTED, 2)


@pytest.mark.parametrize(
    ("first", "second", "third", "lost", "outcome"),
    [(0, 5, 5, "a", AuditOutcome.CORRECTED), (5, 0, 5, "b", AuditOutcome.CONFIRMED)],
)
def test_two_of_three_decide_and_the_odd_one_that_insists_has_lost(
    first: int, second: int, third: int, lost: str, outcome: AuditOutcome
) -> None:
    made = case(said("a", first), said("b", second), said("c", third))
    assert made.question == Again(lost)
    made.take(said(lost, 0, 101))
    found = made.result()
    assert (found.outcome, found.lost) == (outcome, lost)
    assert found.amount is not None
    assert found.amount.amount == 5
    assert "it said 0" in contradiction(found)


def test_who_insists_at_another_height_may_be_right_and_has_not_lost() -> None:
    for height in (103, None):
        found = case(said("a", 0), said("b", 5), said("c", 5), said("a", 0, height)).result()
        assert (found.outcome, found.lost) == (AuditOutcome.MOVED, None)


def test_the_odd_one_that_does_not_answer_has_not_lost() -> None:
    found = case(said("a", 0), said("b", 5), said("c", 5), NOBODY).result()
    assert (found.outcome, found.lost) == (AuditOutcome.MOVED, None)


def test_a_case_whose_answer_is_taken_back_asks_nobody_any_more() -> None:
    made = case(said("a", 5), said("b", 0))
    made.retract()
    assert AuditJob.of(Court({}, 2), [made]).ask() == {}
    made.take(said("c", 5))
    assert len(made.answers) == 2


def test_a_provider_that_is_configured_no_more_is_its_own_operator() -> None:
    assert case(said("gone", 5)).excluded() == frozenset()
    assert case(said("gone", 5), said("b", 0), NOBODY).excluded() == OPERATORS.keys(), "it cannot be asked again"


# -- a changed amount, or a first one above zero

KNOWN = Standing(5, 50)


def claim(first: Balance, *outcomes: Balance | Unread, known: Standing | None = KNOWN, trusted: str = "") -> AuditCase:
    """The case of an answer that would change what is known."""
    court = Court({Kind.NATIVE: Jury(OPERATORS, frozenset(filter(None, [trusted])))}, 2)
    made = court.corroboration(BalanceResult(reading(), first), known)
    assert made is not None
    for outcome in outcomes:
        assert made.question is not None, "nobody is asked any more"
        made.take(outcome)
    return made


def test_what_changes_nothing_and_a_first_zero_need_no_second_word() -> None:
    court = Court({Kind.NATIVE: Jury(OPERATORS, frozenset({"c"}))}, 2)
    alone = Court({Kind.NATIVE: Jury({"a": "A", "a2": "A"})}, 2)
    assert court.contested
    assert not alone.contested, "nobody could contradict it: no time is spent on audits"
    for first, known, doubted in [
        (said("a", 5), KNOWN, False),
        (said("a", 0), None, False),
        (said("a", 1), None, True),
        (said("a", 6), KNOWN, True),
        (said("a", 0), KNOWN, True),
        (said("a", 0), Standing(None, None), True),  # operators disagreed
        (said("c", 0), KNOWN, False),  # trusted
        (NOBODY, KNOWN, False),
    ]:
        result = BalanceResult(reading(), first)
        assert (court.corroboration(result, known) is not None) is doubted, (first, known)
        if first in (NOBODY, said("a", 0)):
            assert alone.corroboration(result, known) is None


def test_a_change_stands_once_another_operator_states_it_too() -> None:
    found = claim(said("a", 0), said("b", 0)).result()
    assert (found.outcome, found.amount, found.sources) == (AuditOutcome.CONFIRMED, said("a", 0), {"a", "b"})


def test_a_change_about_which_nobody_answers_is_not_stored_and_says_who_claims_what() -> None:
    found = claim(said("a", 0), NOBODY).result()
    assert (found.outcome, found.amount) == (AuditOutcome.UNCONFIRMED, None)
    end = unconfirmed(found).outcome
    assert isinstance(end, Unread)
    assert end.code is ReadCode.UNCONFIRMED
    assert end.message == "a claims 0 at block 100 where 5 was known, and no second operator could be asked: nobody is left"


def test_a_first_amount_about_which_nobody_answers_stands_on_one_word() -> None:
    found = claim(said("a", 7), NOBODY, known=None).result()
    assert (found.outcome, found.amount, found.sources) == (AuditOutcome.UNAUDITED, said("a", 7), {"a"})


def test_an_answer_of_a_block_long_before_bears_nothing_out() -> None:
    made = claim(said("a", 0), said("b", 0, 97))
    assert made.question == Another(frozenset({"A", "B"}))
    made.take(NOBODY)
    found = made.result()
    assert (found.outcome, found.error) == (AuditOutcome.UNCONFIRMED, "b answered of block 97, long before 100")
    assert claim(said("a", 0), said("b", 0, 98)).result().outcome is AuditOutcome.CONFIRMED
    assert claim(said("a", 0), said("b", 0, 900)).result().outcome is AuditOutcome.CONFIRMED


def test_a_third_decides_about_a_change() -> None:
    found = claim(said("a", 0), said("b", 5), said("c", 5), said("a", 0, 101)).result()
    assert (found.outcome, found.lost) == (AuditOutcome.CORRECTED, "a")
    found = claim(said("a", 0), said("b", 5), said("c", 0), NOBODY).result()
    assert (found.outcome, found.amount) == (AuditOutcome.CONFIRMED, said("c", 0))


def test_operators_that_contradict_each_other_at_one_block_dispute() -> None:
    assert claim(said("a", 0), said("b", 5), NOBODY, said("a", 0)).result().outcome is AuditOutcome.DISPUTED
    assert claim(said("a", 4), said("b", 3), said("c", 2)).result().outcome is AuditOutcome.DISPUTED


def test_what_moves_all_the_time_is_the_latest_of_answers_that_lie_far_apart() -> None:
    found = claim(said("a", 4, 100), said("b", 3, 110), said("c", 2, 120)).result()
    assert (found.outcome, found.amount) == (AuditOutcome.MOVED, said("c", 2, 120))
    unchanged = claim(said("a", 4, 100), said("b", 5, 110), said("c", 2, 120)).result()
    assert unchanged.outcome is AuditOutcome.DISPUTED, "one says that nothing has changed"
    before = claim(said("a", 4, 40), said("b", 3, 110), said("c", 2, 120)).result()
    assert before.outcome is AuditOutcome.DISPUTED, "one is from before what is known"
    unknown = claim(said("a", 4, 100), said("b", 3, None), said("c", 2, 120)).result()
    assert unknown.outcome is AuditOutcome.DISPUTED


def test_a_trusted_endpoint_wins_against_one_other() -> None:
    made = claim(said("a", 0), said("c", 5), trusted="c")
    assert made.question == Again("a")
    made.take(said("a", 0, 101))
    found = made.result()
    assert (found.outcome, found.lost, found.amount) == (AuditOutcome.CORRECTED, "a", said("c", 5))
    made = AuditCase(reading(), said("c", 5), Jury(OPERATORS, frozenset({"c"})), 2)
    made.take(said("a", 0))
    made.take(NOBODY)
    assert made.result().amount == said("c", 5)


def test_leaving_a_zero_out_bears_a_zero_out() -> None:
    absent = Unread(ReadCode.ABSENT, "left out", 1, {"b": "left out"})
    left_out = (Attempt("b", ReadCode.ABSENT, "left out", 2.0),)
    made = claim(said("a", 0))
    made.take(absent, left_out)
    assert (made.result().outcome, made.result().sources) == (AuditOutcome.CONFIRMED, {"a", "b"})
    made = claim(said("a", 3))
    made.take(absent, left_out)
    assert made.result().outcome is AuditOutcome.UNCONFIRMED


Said = st.builds(
    Balance,
    st.integers(0, 2),
    st.none(),
    st.none() | st.integers(99, 104),
    st.just(1.0),
    st.sampled_from(sorted(OPERATORS)),
)


@settings(derandomize=True, deadline=None)
@given(st.lists(Said | st.none(), min_size=1), st.sampled_from([OPERATORS, TWO]))
def test_whatever_is_answered_an_audit_ends_after_four_questions_with_an_amount_that_two_operators_gave(
    script: list[Balance | None], operators: dict[str, str]
) -> None:
    made = AuditCase(reading(), said("a", 1), Jury(operators), 2)
    asked = 0
    while made.question is not None:
        asked += 1
        assert asked <= 4
        willing = sorted(operators.keys() - made.excluded())
        outcome = script[asked % len(script)]
        made.take(
            NOBODY
            if outcome is None or not willing
            else said(willing[outcome.amount % len(willing)], outcome.amount, outcome.height)
        )
    found = made.result()
    amounts = {answer.amount for answer in found.answers}
    if found.amount is None:
        assert found.outcome is AuditOutcome.DISPUTED
        assert len(amounts) > 1
    elif found.outcome is not AuditOutcome.UNAUDITED:
        agreed = {operators[each.source] for each in found.answers if each.amount == found.amount.amount}
        assert len(agreed) > 1
    if found.lost is not None:
        assert operators[found.lost] not in agreed


# -- sampling


def test_sampling_is_a_pure_function_of_the_seed_and_the_reading() -> None:
    assert [sampled(1, reading(i), 30) for i in range(50)] == [sampled(1, reading(i), 30) for i in range(50)]
    assert [sampled(1, reading(i), 30) for i in range(50)] != [sampled(2, reading(i), 30) for i in range(50)]
    assert not any(sampled(s, reading(i), 0) for s in range(50) for i in range(50))
    assert all(sampled(s, reading(i), 100) for s in range(50) for i in range(50))


@pytest.mark.parametrize("percent", [0.5, 5.0, 50.0])
def test_the_share_that_is_sampled_is_what_was_asked_for(percent: float) -> None:
    count = 40_000
    hit = sum(sampled(3, reading(i), percent) for i in range(count))
    expected = count * percent / 100
    assert abs(hit - expected) < 5 * (expected * (1 - percent / 100)) ** 0.5


def test_everything_that_is_held_or_about_to_be_is_chosen() -> None:
    assert chosen(1, reading(), Balance(1, None, None, 0.0, "a"), 0)
    assert chosen(1, reading(), Balance(0, -5, None, 0.0, "a"), 0)
    assert not chosen(1, reading(), Balance(0, 0, None, 0.0, "a"), 0)


# -- a lying provider among three operators: each lie is one of its answers of the scan

Lying = Callable[[int, Random], int]
LIES: dict[str, Lying] = {
    "false zeros": lambda true, _: 0,
    "stale values": lambda true, _: true // 2,
    "shifted answers": lambda true, fate: fate.choice([0, true + 3]),
}
SEEDS = 1000


def found_out(seed: int, percent: float, share: float, lie: Lying) -> tuple[int, int, bool]:
    """One scan of 60 funded and 60 empty addresses, half of them read by a liar.

    How many of its zeros are false, how many amounts above zero, and whether the audit found it out.
    """
    fate = Random(seed)
    zeros = amounts = 0
    noticed = False
    for index in range(120):
        true = fate.randrange(2, 1000) if index % 2 else 0
        liar = fate.random() < 0.5
        lies = liar and true > 0 and fate.random() < share
        first = said("a" if liar else "b", lie(true, fate) if lies else true)
        false = first.amount != true
        zeros += false and first.amount == 0
        amounts += false and first.amount != 0
        if not chosen(seed, reading(index), first, percent):
            continue
        made = AuditCase(reading(index), first, Jury(OPERATORS), 2)
        while made.question is not None:
            who = next(name for name in ("b", "c", "a") if name not in made.excluded())
            made.take(said(who, first.amount if who == "a" and liar else true))
        found = made.result()
        assert found.amount is not None, "two of three are honest"
        assert found.amount.amount == true, "what is audited is true in the end"
        assert (found.outcome is AuditOutcome.CORRECTED) is false
        assert found.lost == ("a" if false else None)
        noticed = noticed or false
    return zeros, amounts, noticed


@pytest.mark.parametrize("percent", [2.0, 20.0])
@pytest.mark.parametrize("share", [0.02, 0.2])
@pytest.mark.parametrize("kind", LIES)
def test_a_liar_is_found_at_least_as_often_as_the_sampling_promises(kind: str, share: float, percent: float) -> None:
    """Over 1,000 seeds; one that called funded addresses zero k times is found with probability 1-(1-N/100)^k or more."""
    promised = found = spread = 0.0
    for seed in range(SEEDS):
        zeros, amounts, noticed = found_out(seed, percent, share, LIES[kind])
        chance = 1.0 if amounts else 1 - (1 - percent / 100) ** zeros
        promised += chance
        spread += chance * (1 - chance)
        found += noticed
    assert found >= promised - 3 * spread**0.5, (found, promised)
