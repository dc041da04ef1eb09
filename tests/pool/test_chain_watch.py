"""The final check: before a scan ends, who gave amounts is asked whether its chain is still the one they are of."""

import pytest

from hdscan.model.chain import Chain, Family, Network
from hdscan.model.errors import CallError, ReadCode
from hdscan.pool.actions import FinalCheckDone, Quarantined, Reorged
from hdscan.pool.chain_watch import FINAL_CHECK
from hdscan.pool.upstream import STALE_RECHECK
from tests.pool.virtual import CHAIN, Answer, Scripted, World, good, readings

BITCOIN = Chain("btc", Family.BITCOIN, Network.MAINNET, "BTC", 8, "00", 1)
SOLANA = Chain("sol", Family.SOLANA, Network.MAINNET, "SOL", 9, "00", 150)


class Host(Scripted):
    """Its head is what `height` says, on the first branch until `forks_at`."""

    def __init__(self, name: str, **traits: object) -> None:
        super().__init__(name, good(name), **{"states_head": False, "names_blocks": True, **traits})  # type: ignore[arg-type]
        self.height = 100
        self.forked = False
        self.blocks: list[int] = []
        self.proof = lambda now: self.height
        self.block = self._block

    def _block(self, height: int, now: float) -> str | CallError:
        self.blocks.append(height)
        return f"{height}{'b' if self.forked and height >= 100 else ''}"


def read(*hosts: Scripted, chain: Chain = CHAIN) -> World:
    """Everything is read, and all questions of that time are answered."""
    world = World(*hosts, chain=chain).read(readings(30))
    world.run()
    world.events.clear()
    for host in hosts:
        host.checks.clear()
        if isinstance(host, Host):
            host.blocks.clear()
    return world


def final_check(world: World) -> float:
    """How many seconds the final check took."""
    began = world.now
    world.pool.begin_final_check(world.now)
    world.run()
    assert isinstance(world.events[-1], FinalCheckDone)
    return world.now - began


def reorgs(world: World) -> list[tuple[str, int]]:
    return [(event.provider, event.fork) for event in world.events if isinstance(event, Reorged)]


def test_a_host_whose_chain_stayed_is_asked_for_its_head_and_one_block():
    host = Host("a")
    world = read(host)
    assert final_check(world) < 1
    assert (len(host.checks), host.blocks) == (1, [100])
    assert world.events == [FinalCheckDone()]


def test_a_block_that_was_replaced_since_the_last_question_is_noticed():
    host = Host("a")
    world = read(host)
    host.forked = True
    final_check(world)
    assert reorgs(world) == [("a", 0)], "no block is known below the one that has changed"


def test_a_block_that_others_followed_is_noticed():
    host = Host("a", states_head=True)
    world = read(host)
    host.height, host.forked = 103, True
    final_check(world)
    assert len(reorgs(world)) == 1


def test_a_head_that_comes_back_to_what_it_was_is_waited_for():
    host = Host("a")
    world = read(host)
    host.height, back = 99, world.now + 4
    host.proof = lambda now: 100 if now >= back else 99
    assert 4 <= final_check(world) < FINAL_CHECK
    assert reorgs(world) == []


def test_a_head_that_stays_below_what_it_was_is_a_reorg_however_few_the_blocks():
    host = Host("a")
    world = read(host)
    host.height = 99
    assert FINAL_CHECK <= final_check(world) < FINAL_CHECK + 2
    assert reorgs(world) == [("a", 0)]
    world.events.clear()
    world.read(readings(10))
    assert final_check(world) < 1
    assert reorgs(world) == [], "it counts from there now"


def test_a_host_without_blocks_is_asked_for_its_head():
    host = Host("a", names_blocks=False)
    world = read(host)
    assert final_check(world) < 1
    assert (len(host.checks), host.blocks) == (1, [])


def test_a_host_that_fails_is_asked_again_and_given_up_in_the_end():
    host = Host("a")
    world = read(host)
    host.proof = lambda now: CallError(ReadCode.SERVER_ERROR, "down")
    assert FINAL_CHECK <= final_check(world) < FINAL_CHECK + 2
    assert len(host.checks) > 2
    assert world.events == [FinalCheckDone(("a",))]
    host.proof = lambda now: 100
    host.forked = True
    final_check(world)
    assert reorgs(world) == [("a", 0)], "it is still to be checked"


def test_a_block_that_is_not_told_at_first_is_asked_again():
    host = Host("a")
    world = read(host)
    answers: list[Answer] = [CallError(ReadCode.UNAVAILABLE, "has no block at 100"), "another"]
    host.block = lambda height, now: answers.pop(0)  # type: ignore[return-value, assignment]
    assert 1 <= final_check(world) < FINAL_CHECK
    assert reorgs(world) == [("a", 0)]


def test_who_gave_no_amounts_or_is_paused_for_longer_is_not_asked():
    host, idle = Host("a"), Host("idle")
    world = read(host)
    both = World(host, idle).read(readings(1))
    both.run()
    asked = "idle" if idle.asked else "a"
    for each in (host, idle):
        each.checks.clear()
    final_check(both)
    assert {each.name for each in (host, idle) if each.checks} == {asked}
    world.limiters["a"].throttled(world.now, 60.0)
    host.checks.clear()
    assert final_check(world) == 0
    assert not host.checks


def test_what_is_finalized_stays_and_is_not_checked():
    host = Host("a", names_blocks=False)
    world = read(host, chain=SOLANA)
    host.height = 90
    assert final_check(world) == 0
    assert reorgs(world) == []


def test_amounts_that_were_given_before_the_final_check_are_not_checked_again():
    host = Host("a")
    world = read(host)
    final_check(world)
    host.checks.clear()
    final_check(world)
    assert not host.checks


@pytest.mark.parametrize(("chain", "waits"), [(CHAIN, 0.0), (BITCOIN, STALE_RECHECK)])
def test_what_was_asked_before_a_reorg_is_not_believed_and_a_bitcoin_host_is_left_alone_for_a_while(chain, waits):
    host = Host("a", capacity=1)
    host.takes = lambda now: 3.0 if host.asked else 0.1  # type: ignore[method-assign]
    world = World(host, chain=chain, rates={"a": 1.0})
    work = readings(3)
    world.pool.submit(0, work)
    world.run(until=2.0)
    seen = len(host.asked)
    assert seen
    world.pool.replies.heed(world.pool._watch._forked("a", 90, world.now), world.now)
    began = world.now
    world.run()
    world.check(work)
    again = [now for now, _ in host.asked if now > began]
    assert len(again) >= seen
    assert again[0] >= began + waits


def test_a_pool_that_takes_over_a_scan_knows_the_blocks_that_were_named_before():
    host = Host("a")
    memory = read(host).pool.memory()
    assert (memory.blocks, memory.spoke) == ({"a": {100: "100"}}, {"a": 100})
    host.forked = True
    later = World(host)
    later.pool.restore(memory)
    final_check(later)
    assert reorgs(later) == [("a", 0)], "though nothing was left to read"


def test_a_head_that_dips_and_comes_back_on_another_branch_is_noticed():
    host = Host("a")
    world = read(host)
    back = world.now + 4
    host.forked, host.proof = True, lambda now: 100 if now >= back else 99
    assert 4 <= final_check(world) < FINAL_CHECK
    assert reorgs(world) == [("a", 0)]


def test_a_host_that_lags_is_waited_for_until_its_head_has_come_back():
    low = Host("low", states_head=True)
    world = read(low, Host("p"), Host("q"))
    assert low.asked
    low.forked, back = True, world.now + 5
    low.proof = lambda now: 100 if now >= back else 10
    assert 5 <= final_check(world) <= FINAL_CHECK + 2
    assert reorgs(world) == [("low", 0)]


def test_a_walk_down_that_takes_longer_than_the_check_has_doubted_what_it_saw():
    host = Host("a")
    world = World(host)
    for height in (98, 99, 100):
        host.height = height
        world.read(readings(3))
        world.run()
        final_check(world)
    world.read(readings(3))
    world.run()
    world.events.clear()
    host.block = lambda height, now: "new" if height > 99 else CallError(ReadCode.SERVER_ERROR, "down")
    final_check(world)
    assert reorgs(world)


def test_a_host_that_refuses_to_name_blocks_goes_on_to_be_read():
    host = Host("a")
    host.block = lambda height, now: CallError(ReadCode.BAD_KEY, "HTTP 403 Forbidden")
    world = read(host)
    world.read(readings(30))
    world.run()
    assert len(world.results) == 60
    assert not world.unread()
    assert final_check(world) < 3


def test_audits_that_were_lost_before_a_restart_count():
    host = Host("a")
    world = read(host)
    assert world.pool.contradict("a", "two others say otherwise") == []
    memory = world.pool.memory()
    assert memory.lost == {"a": 1}
    later = World(Host("a"))
    later.pool.restore(memory)
    assert [event.provider for event in later.pool.contradict("a", "two others say otherwise")] == ["a"]
    last = World(Host("a"), Host("b"))
    last.pool.restore(later.pool.memory())
    last.read(readings(3))
    assert [event.provider for event in last.events if isinstance(event, Quarantined)] == ["a"]
    assert not last.providers[0].asked
