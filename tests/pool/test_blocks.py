"""Reorgs: the hash at a former head is asked again whenever the head changes, and older ones where it has changed."""

from itertools import count

import pytest

from hdscan.model.errors import CallError, ReadCode
from hdscan.pool.blocks import EVERY, KEPT, Blocks
from hdscan.pool.heads import Heads
from hdscan.pool.step import Reorged
from tests.pool.virtual import START, Scripted, World, good, readings

LATER = count(START, EVERY)  # moments, each long enough after the one before


def told(blocks: Blocks, chain: dict[int, str], *heads: int) -> list[int]:
    """The forks found while an endpoint's head moves over a chain; missing heights have a name of their own."""
    forks = []
    for head in heads:
        blocks.head("a", head, next(LATER))
        for _ in range(2 * KEPT + 3):
            height = blocks.question("a")
            if height is None:
                break
            fork = blocks.named("a", height, chain.get(height, f"block {height}"))
            forks += [] if fork is None else [fork]
        assert blocks.question("a") is None
    return forks


def test_a_head_that_stays_costs_one_question_and_one_that_moves_two():
    blocks = Blocks()
    blocks.head("a", 100, next(LATER))
    assert blocks.question("a") == 100
    assert blocks.named("a", 100, "x") is None
    blocks.head("a", 100, next(LATER))
    assert blocks.question("a") is None
    blocks.head("a", 101, next(LATER))
    assert blocks.question("a") == 101
    blocks.named("a", 101, "y")
    assert blocks.question("a") == 100
    assert blocks.question("b") is None


def test_a_chain_that_grows_has_no_fork():
    assert told(Blocks(), {}, 100, 101, 105, 105, 110) == []


def test_what_is_above_the_block_before_is_doubted_at_every_step_down_to_one_that_stayed():
    blocks = Blocks()
    assert told(blocks, {}, 100, 102, 104, 106) == []
    assert told(blocks, {104: "new", 106: "new"}, 108) == [105, 103]
    assert told(blocks, {104: "new", 106: "new"}, 109, 110) == []


def test_where_nothing_stayed_everything_is_doubted():
    blocks = Blocks()
    told(blocks, {}, 100, 101)
    assert told(blocks, {100: "new", 101: "new"}, 102) == [101, 0]
    assert told(blocks, {100: "new", 101: "new"}, 103) == []


def test_a_head_that_falls_below_all_that_is_known_and_a_new_chain_doubt_everything():
    blocks = Blocks()
    told(blocks, {}, 100, 101)
    blocks.head("a", 102, next(LATER))
    blocks.named("a", 102, "new")
    assert blocks.named("a", 101, "new") == 101
    assert told(blocks, {99: "new", 100: "new"}, 99) == []
    assert told(blocks, {99: "new", 100: "new"}, 103) == [0]


def test_a_new_block_is_known_only_once_the_one_before_it_has_proved_to_be_the_same():
    blocks = Blocks()
    told(blocks, {}, 98, 100)
    new = {height: f"new {height}" for height in range(99, 120)}
    for head in (106, 107):
        blocks.head("a", head, next(LATER))
        blocks.named("a", head, new[head])
        blocks.unanswered("a")
    assert told(blocks, new, 108) == [99]
    assert told(blocks, new, 109, 110) == []


def test_what_is_not_answered_is_asked_again_at_the_next_head():
    blocks = Blocks()
    blocks.head("a", 100, next(LATER))
    blocks.unanswered("a")
    assert blocks.question("a") is None
    blocks.head("a", 100, next(LATER))
    assert blocks.question("a") == 100


def test_what_is_dated_by_the_tip_before_it_may_be_of_a_later_block():
    blocks = Blocks()
    assert blocks.from_tip("a", 103) == 0
    told(blocks, {}, 100, 102, 104)
    assert [blocks.from_tip("a", fork) for fork in (101, 102, 103, 105)] == [0, 0, 100, 102]


def test_memory_is_bounded():
    blocks = Blocks()
    told(blocks, {}, *range(100, 100 + 3 * KEPT))
    assert len(blocks._known["a"]) == KEPT


@pytest.mark.parametrize(("head", "top"), [(100, None), (95, None), (94, 100), (10, 100)])
def test_a_head_falls_when_no_peers_say_that_it_is_late(head, top):
    heads = Heads(tolerance=5)
    assert heads.fell("a", head) is None
    heads.record("a", 100, START)
    assert heads.fell("a", head) == top


def test_who_is_merely_late_has_not_fallen():
    heads = Heads(tolerance=5)
    for name in "abc":
        heads.record(name, 100, START)
    assert heads.fell("a", 50) is None
    heads.record("b", 60, START)
    heads.record("c", 60, START)
    assert heads.fell("a", 60) == 100, "its peers fell too"
    heads.record("a", 60, START)
    assert heads.fell("a", 60) is None, "once"


def reorgs(world: World) -> list[tuple[str, int]]:
    return [(notice.provider, notice.fork) for notice in world.notices if isinstance(notice, Reorged)]


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
