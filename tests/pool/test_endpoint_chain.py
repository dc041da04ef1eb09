"""Reorganisations: the hash at a former head is asked again when the head changes, older ones where it has changed."""

from itertools import count

import msgspec
import pytest

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head
from hdscan.pool.actions import Quarantined, Reorged
from hdscan.pool.chain_watch import REORGS
from hdscan.pool.endpoint_chain import EVERY, KEPT, EndpointChain
from tests.pool.virtual import START, Scripted, World, good, readings

LATER = count(START, EVERY)  # moments, each long enough after the one before


def walk(blocks: EndpointChain, chain: dict[int, str], *heads: int) -> list[int]:
    """The forks found while an endpoint's head moves over a chain; missing heights have a name of their own."""
    forks = []
    for head in heads:
        blocks.head(head, {}, next(LATER))
        for _ in range(2 * KEPT + 3):
            height = blocks.question
            if height is None:
                break
            fork = blocks.named(height, chain.get(height, f"block {height}"))
            forks += [] if fork is None else [fork]
        assert blocks.question is None
    return forks


def test_a_head_that_stays_costs_one_question_and_one_that_moves_two():
    blocks = EndpointChain()
    blocks.head(100, {}, next(LATER))
    assert blocks.question == 100
    assert blocks.named(100, "x") is None
    blocks.head(100, {}, next(LATER))
    assert blocks.question is None
    blocks.head(101, {}, next(LATER))
    assert blocks.question == 101
    blocks.named(101, "y")
    assert blocks.question == 100


def test_a_chain_that_grows_has_no_fork():
    assert walk(EndpointChain(), {}, 100, 101, 105, 105, 110) == []


def test_what_is_above_the_block_before_is_doubted_at_every_step_down_to_one_that_stayed():
    blocks = EndpointChain()
    new = dict.fromkeys((102, 104, 106), "new")
    assert walk(blocks, {}, 100, 102, 104, 106) == []
    assert walk(blocks, new, 108) == [103, 101]
    assert walk(blocks, new, 109, 110) == []


def test_a_block_that_a_late_node_called_the_same_is_asked_for_once_more():
    blocks = EndpointChain()
    assert walk(blocks, {}, 100, 102) == []
    assert walk(blocks, {104: "new"}, 104) == [], "102 was asked of a node that did not know yet"
    assert walk(blocks, {102: "new", 104: "new"}, 106) == [101]


def test_where_nothing_stayed_everything_is_doubted():
    blocks = EndpointChain()
    walk(blocks, {}, 100, 101)
    assert walk(blocks, {100: "new", 101: "new"}, 102) == [0]
    assert walk(blocks, {100: "new", 101: "new"}, 103) == []


def test_a_head_that_falls_below_all_that_is_known_and_a_new_chain_doubt_everything():
    blocks = EndpointChain()
    walk(blocks, {}, 100, 101)
    blocks.head(102, {}, next(LATER))
    blocks.named(102, "new")
    assert blocks.named(101, "new") == 101
    assert walk(blocks, {99: "new", 100: "new"}, 99) == []
    assert walk(blocks, {99: "new", 100: "new"}, 103) == [0]


def test_a_new_block_is_known_only_once_the_one_before_it_has_proved_to_be_the_same():
    blocks = EndpointChain()
    walk(blocks, {}, 98, 100)
    new = {height: f"new {height}" for height in range(99, 120)}
    for head in (106, 107):
        blocks.head(head, {}, next(LATER))
        blocks.named(head, new[head])
        blocks.unanswered()
    assert walk(blocks, new, 108) == [99]
    assert walk(blocks, new, 109, 110) == []


def test_what_is_not_answered_is_asked_again_at_the_next_head():
    blocks = EndpointChain()
    blocks.head(100, {}, next(LATER))
    blocks.unanswered()
    assert blocks.question is None
    blocks.head(100, {}, next(LATER))
    assert blocks.question == 100


def test_what_is_dated_by_the_tip_before_it_may_be_of_a_later_block():
    blocks = EndpointChain()
    assert blocks.from_tip(103) == 0
    walk(blocks, {}, 100, 102, 104)
    assert [blocks.from_tip(fork) for fork in (101, 102, 103, 105)] == [0, 0, 100, 102]


def test_memory_is_bounded():
    blocks = EndpointChain()
    walk(blocks, {}, *range(100, 100 + 3 * KEPT))
    assert len(blocks.known) == KEPT


@pytest.mark.parametrize(("head", "asked", "fell"), [(100, 1, False), (99, 1, True), (94, 1, True), (94, 0, False)])
def test_a_head_falls_below_one_that_was_named_when_it_was_asked_for(head, asked, fell):
    chain = EndpointChain()
    chain.record(100, START, START)
    assert chain.record(head, START + asked, START + 2) is fell
    assert chain.low is fell


def test_a_head_that_is_back_where_it_was_is_not_low_any_more():
    chain = EndpointChain()
    chain.record(100, START, START)
    chain.record(99, START + 1, START + 1)
    chain.record(98, START, START + 2)
    assert chain.low
    assert not chain.record(100, START + 3, START + 3)
    assert not chain.low


def test_a_head_that_is_rolled_back_counts_from_where_it_is():
    chain = EndpointChain()
    chain.record(100, START, START)
    assert chain.record(60, START + 1, START + 1)
    assert chain.roll_back() == (100, 60)
    assert not chain.record(60, START + 2, START + 2)
    assert not chain.low


class States(EndpointChain):
    """One endpoint whose replies state hashes; what is not given is the block's number."""

    def says(self, head: int, *heights: int, **other: str) -> int | None:
        stated = {height: f"block {height}" for height in heights} | {int(name[1:]): block for name, block in other.items()}
        return self.head(head, stated, START)


def test_a_reply_that_states_a_former_hash_again_needs_no_question():
    blocks = States()
    assert blocks.says(101, 100) is None
    assert blocks.question is None
    for head in (105, 109, 120):
        assert blocks.says(head, head - 1, max(blocks.known)) is None
        assert blocks.question is None
    assert sorted(blocks.known) == [100, 104, 108, 119]


def test_a_block_below_a_head_that_another_one_replaced_shows_in_the_next_reply():
    blocks = States()
    blocks.says(101, 100)
    blocks.says(105, 100, 104)
    blocks.says(109, 104, 108)
    assert blocks.says(111, b108="other", b110="other") == 105
    assert blocks.question == 104
    assert blocks.named(104, "other") == 101
    assert blocks.named(100, "block 100") is None
    assert blocks.says(115, b110="other", b114="other") is None


def test_a_branch_that_comes_and_goes_between_two_checks_shows_when_its_hash_is_stated_again():
    blocks = States()
    blocks.says(101, 100)
    assert blocks.says(103, 100, b102="branch") is None
    assert blocks.says(104, 102, 103) == 101


def test_what_calls_that_overlap_state_is_held_against_the_next_one():
    blocks = States()
    blocks.says(101, 100)
    assert blocks.says(106, 100, 105) is None
    assert blocks.says(104, 100, b103="branch") is None, "asked before, answered after"
    assert blocks.says(108, 103, 105, 107) == 101, "103 is no foothold"
    assert blocks.says(110, 107, 109) is None


def test_a_reply_that_states_nothing_former_raises_the_question():
    blocks = States()
    blocks.restore({100: "block 100"}, {}, 0)
    blocks.says(900, 899)
    assert blocks.question == 100
    assert blocks.named(100, "other") == 0
    assert blocks.says(901, 899, 900) is None


def test_what_is_stated_counts_as_known_only_with_the_highest_that_is_known():
    blocks = States()
    blocks.says(101, 100)
    blocks.says(106, 100, 105)
    assert blocks.says(112, 100, b111="branch") is None, "asked before 105 was stated, on another branch"
    later = States()
    later.restore(blocks.known, blocks.unlinked, blocks.top)
    later.says(200, 199)
    asked = []
    while (height := later.question) is not None:
        asked.append(height)
        if (fork := later.named(height, {105: "block 105"}.get(height, f"block {height}"))) is not None:
            break
    assert (asked, fork) == ([100, 105, 111], 106)


def test_what_was_stated_above_a_fork_is_not_held_against_the_new_branch():
    blocks = States()
    blocks.says(101, 100)
    blocks.says(106, 100, 105)
    blocks.says(104, 100, 103)
    assert blocks.says(108, 100, b105="new", b107="new") == 101
    assert blocks.says(109, 100, 108, b103="new", b105="new", b107="new") is None


def test_a_fall_shows_later_where_the_block_or_its_parent_is_known():
    blocks = States()
    assert not blocks.shows(101)
    blocks.says(101, 100)
    assert [blocks.shows(height) for height in (99, 100, 101, 102)] == [False, True, True, False]


def reorgs(world: World) -> list[tuple[str, int]]:
    return [(event.provider, event.fork) for event in world.events if isinstance(event, Reorged)]


def world(at: float) -> World:
    """One provider that grows a block in 30 s, and at `at` is on another branch from block 104 on."""
    provider = Scripted("a", good("a"), capacity=1, states_head=False, names_blocks=True)
    provider.proof = lambda now: 100 + int((now - START) // 30)
    provider.block = lambda height, now: f"{height}{'b' if now - START >= at and height > 103 else ''}"
    return World(provider, rates={"a": 2.0})


def test_a_pool_notices_a_reorg_and_allows_for_heights_that_are_the_last_tip():
    w = world(at=125)
    w.pool.submit(0, readings(400))
    w.run(until=179)
    assert reorgs(w) == [("a", 102)], "the tip before the last one that stayed"


def test_without_a_reorg_a_pool_notices_none():
    w = world(at=1e9)
    w.read(readings(300))
    assert reorgs(w) == []
    assert len(w.results) == 300


def test_a_host_that_does_not_tell_its_blocks_is_read_all_the_same():
    w = world(at=1e9)
    w.providers[0].block = lambda height, now: CallError(ReadCode.SERVER_ERROR, "no such path")
    w.read(readings(100))
    assert len(w.amounts()) == 100
    assert reorgs(w) == []


def test_a_head_that_falls_is_a_reorg_too():
    provider = Scripted("a", lambda asked, now: good("a", 100 if now < START + 5 else 20)(asked, now), capacity=1)
    w = World(provider, rates={"a": 2.0}).read(readings(20))
    assert reorgs(w) == [("a", 21)]


def test_a_head_that_falls_a_little_is_a_reorg_where_nothing_would_show_its_blocks():
    provider = Scripted("a", lambda asked, now: good("a", 100 if now < START + 5 else 99)(asked, now), capacity=1)
    w = World(provider, rates={"a": 2.0}).read(readings(20))
    assert reorgs(w) == [("a", 100)], "once"


def swaying(at: float) -> World:
    """A provider that states the parent of its head, which falls by two from 5 to 7 s; at `at` blocks from 98 on are others."""

    def block(height, now):
        return f"{height}{'b' if now - START >= at and height > 97 else ''}"

    def behaviour(asked, now):
        head = 98 if 5 <= now - START < 7 else 100 + int(now - START)
        stated = {height: block(height, now) for height in range(95, head)}  # as if all of them had been asked for
        return msgspec.structs.replace(good("a")(asked, now), head=Head(head, stated))

    provider = Scripted("a", behaviour, capacity=1, names_blocks=True, prove=lambda now: 96)
    provider.block = block
    return World(provider, rates={"a": 4.0})


def test_a_head_that_falls_and_comes_back_to_the_same_blocks_is_no_reorg():
    w = swaying(at=1e9)
    w.read(readings(40))
    assert reorgs(w) == []
    assert w.elapsed > 9


def test_a_head_that_falls_a_little_and_comes_back_on_another_branch_is_noticed():
    w = swaying(at=5.0)
    w.read(readings(40))
    assert reorgs(w) == [("a", 97)]


def test_replies_that_overtake_each_other_are_no_fall():
    slow = iter([0.1, 0.1, 3.0])
    provider = Scripted("a", lambda asked, now: good("a", 100 + int(now - START))(asked, now), capacity=1)
    provider.takes = lambda now: next(slow, 0.1)  # type: ignore[method-assign]
    w = World(provider, rates={"a": 2.0}).read(readings(20))
    assert reorgs(w) == []


def test_a_host_whose_chain_is_reorganised_all_the_time_is_put_out():
    def behaviour(asked, now):
        return msgspec.structs.replace(good("a")(asked, now), head=Head(101, {100: "even" if int(now) % 2 else "odd"}))

    flapping = Scripted("a", behaviour, capacity=1, names_blocks=True, prove=lambda now: 50)
    w = World(flapping, Scripted("b", good("b"), capacity=1), rates={"a": 1.0, "b": 1.0}).read(readings(1500))
    (out,) = [event for event in w.events if isinstance(event, Quarantined)]
    assert (out.provider, out.reason) == ("a", f"its chain was reorganised {REORGS} times in 10 minutes")
    assert len(w.results) == 1500
