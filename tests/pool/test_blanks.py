"""A provider that gives no amount is at fault once another reads what it could not, and never otherwise."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdscan.model.errors import ReadCode
from hdscan.model.provider import MISSING, Reply
from hdscan.model.reading import Kind, ReadError
from hdscan.pool.blanks import Blanks
from hdscan.pool.breaker import State
from hdscan.pool.policy import Policy
from tests.pool.virtual import COIN, USDT, Scripted, World, balance, during, good, readings

REVERTED = ReadError(ReadCode.REVERTED, "the contract call failed")
ODD = ReadError(ReadCode.ITEM_ERROR, "words that nobody knows")
NATIVE = {Kind.NATIVE: "n"}
SPLIT = {Kind.NATIVE: "n", Kind.TOKEN: "t"}


def blank(outcome=ODD, *, but=()):
    """Answers nothing, or only the readings of some indices."""
    return lambda asked, now: Reply(tuple(balance(r, now, "x") if r.index in but else outcome for r in asked))


def opened(world, name):
    return [kind for kind, breaker in world.upstreams[name].breakers.items() if breaker.state is not State.CLOSED]


@pytest.mark.parametrize("outcome", [ODD, REVERTED, MISSING, ReadError(ReadCode.MALFORMED, "not a word")])
def test_who_reads_nothing_of_what_another_reads_is_asked_little(outcome):
    bad, fine = Scripted("bad", blank(outcome), methods=NATIVE), Scripted("fine", good("fine"), methods=NATIVE)
    world = World(bad, fine, rates={"bad": 20, "fine": 20}).read(readings(1200))
    world.check(readings(1200))
    assert not world.unread()
    alone = World(Scripted("fine", good("fine")), rates={"fine": 20}).read(readings(1200))
    assert len(bad.asked) <= 12
    assert world.elapsed <= 1.3 * alone.elapsed
    status = world.upstreams["bad"].status(world.now)
    assert (status.state, status.amounts, status.ok) == ("open", 0, 1)  # its proof
    assert status.failed >= Policy().breaker_threshold


@pytest.mark.parametrize("names", ["a", "ab", "abc"])
@pytest.mark.parametrize("capacity", [1, 10])
def test_a_contract_that_reverts_everywhere_opens_nothing(names, capacity):
    def reverts(name):
        return lambda asked, now: Reply(tuple(REVERTED if r.asset == USDT else balance(r, now, name) for r in asked))

    world = World(*(Scripted(n, reverts(n), capacity=capacity, methods=SPLIT) for n in names)).read(readings(200, COIN, USDT))
    world.check(readings(200, COIN, USDT))
    assert {r.reading.asset for r in world.unread()} == {USDT}
    assert not any(opened(world, name) for name in names)
    assert not any(world.upstreams[name].status(world.now).failed for name in names)


def test_items_that_nobody_reads_open_nothing():
    but = range(0, 1000, 10)  # one in ten is read, each a call of its own
    providers = [Scripted(n, blank(but=but), capacity=1, methods=NATIVE) for n in "ab"]
    world = World(*providers).read(readings(300))
    world.check(readings(300))
    assert len(world.unread()) == 270
    assert not opened(world, "a")
    assert not opened(world, "b")


def test_who_gives_some_amounts_is_asked_on():
    some = Scripted("some", blank(but=range(0, 1000, 10)), methods=NATIVE)
    world = World(some, Scripted("all", good("all"), methods=NATIVE), rates={"some": 5, "all": 5}).read(readings(600))
    assert not world.unread()
    assert not opened(world, "some")


def test_dead_tokens_leave_the_coins_of_the_same_host_alone():
    def dead(asked, now):
        return Reply(tuple(ODD if r.asset == USDT else balance(r, now, "a") for r in asked))

    a, b = Scripted("a", dead, methods=SPLIT), Scripted("b", good("b"), methods=SPLIT)
    world = World(a, b, rates={"a": 20, "b": 10}).read(readings(600, COIN, USDT))
    assert not world.unread()
    assert opened(world, "a") == [Kind.TOKEN]


def test_a_zero_that_is_only_hinted_at_is_an_answer():
    absent = ReadError(ReadCode.ABSENT, "not named")
    world = World(Scripted("lists", blank(absent)), Scripted("says", good("says"))).read(readings(600))
    assert not world.unread()
    status = world.upstreams["lists"].status(world.now)
    assert (status.state, status.failed, status.amounts) == ("ready", 0, 0)
    assert status.ok == status.calls


def test_a_probe_that_gives_nothing_is_a_failure_at_once_and_its_wait_doubles():
    bad, fine = Scripted("bad", blank(), methods=NATIVE), Scripted("fine", good("fine"), methods=NATIVE)
    world = World(bad, fine, rates={"bad": 20, "fine": 2}).read(readings(4000))
    assert not world.unread()
    assert world.elapsed < 210
    times = [at for at, _ in bad.asked]
    waits = [later - earlier for earlier, later in pairwise(times) if later - earlier > 5]
    assert [round(wait, -1) for wait in waits] == [30, 60]
    assert len(times) <= 25


def test_a_host_that_comes_to_itself_is_used_again():
    bad = Scripted("bad", during(0, 20, blank(), good("bad")))
    world = World(bad, Scripted("fine", good("fine")), rates={"bad": 20, "fine": 5}).read(readings(4000))
    assert not world.unread()
    assert not opened(world, "bad")
    assert world.upstreams["bad"].status(world.now).amounts > 1000


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["blank", "amount", "disprove"]), max_size=60), st.integers(1, 5), st.randoms())
def test_only_disproved_blanks_in_a_row_fail_and_each_once(acts, threshold, random):
    blanks, out, row, failed = Blanks(threshold), [], [], 0
    disproved = 0
    for act in acts:
        if act == "blank":
            row.append(blanks.add(Kind.NATIVE, None))
            out.append(row[-1])
        elif act == "amount":
            blanks.end()
            row, disproved = [], 0
        elif out:
            one = random.choice(out)
            new = one in row and not one.disproved
            disproved += new
            found = blanks.disprove(one, probe=False)
            assert found == (disproved if new and disproved == threshold else 0)
            if found:
                failed, disproved = failed + found, 0
    assert failed <= len(out)
    assert failed % threshold == 0
