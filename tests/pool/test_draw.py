"""Of many hosts that offer the same, a few are asked at a time; those of no use give their places to others."""

from collections.abc import Mapping

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Reply
from hdscan.model.reading import Balance, Kind, ReadError
from hdscan.pool.actions import FinalCheckDone
from hdscan.pool.draw import REST, Draw
from hdscan.pool.limiter import Limiter
from hdscan.pool.policy import Policy
from hdscan.pool.upstream import Upstream
from tests.pool.virtual import START, Scripted, World, balance, during, failing, good, readings

GONE = failing(ReadCode.TIMEOUT)


def servers(count: int, **behaviours: object) -> list[Scripted]:
    made = []
    for number in range(count):
        name = f"s{number}"
        dead = behaviours.get(name) == "dead"
        prove = (lambda now: CallError(ReadCode.UNREACHABLE, "no connection")) if dead else (lambda now: 100)
        made.append(Scripted(name, good(name), prove=prove, drawn=True))
    return made


def asked(world: World) -> set[str]:
    return {each.name for each in world.providers if each.asked}


def test_only_so_many_are_asked_and_others_are_drawn_for_the_next_scan() -> None:
    world = World(*servers(10), policy=Policy(electrum_servers=3)).read(readings(300))
    world.check(readings(300))
    assert len(asked(world)) == 3

    made = [Upstream(each, "scripted", Limiter(1.0), Policy()) for each in servers(10)]
    chances = iter(range(10, 0, -1))
    other = Draw(made, 3, 30.0, lambda: next(chances) / 10)
    assert {each.name for each in other.asked} == {"s9", "s8", "s7"}


def test_one_that_is_gone_gives_its_place_away_and_is_not_tried_again_within_the_hour() -> None:
    world = World(*servers(6, s0="dead", s2="dead"), policy=Policy(electrum_servers=3)).read(readings(300))
    world.check(readings(300))
    assert asked(world) == {"s1", "s3", "s4"}
    assert all(len(each.checks) == 1 for each in world.providers if each.name in ("s0", "s2"))
    assert world.upstreams["s0"].rest_until > START + REST - 10


def test_where_all_that_are_drawn_are_gone_the_others_are_asked() -> None:
    world = World(*servers(6, s0="dead", s1="dead", s2="dead"), policy=Policy(electrum_servers=3)).read(readings(300))
    world.check(readings(300))
    assert asked(world) == {"s3", "s4", "s5"}
    assert world.elapsed < 10


def test_while_one_stands_by_nobody_gives_up() -> None:
    made = servers(2)
    made[0].proof = lambda now: CallError(ReadCode.BAD_KEY, "it refuses the key")
    made[1].costs_items = True
    world = World(*made, policy=Policy(electrum_servers=1), rates={"s1": 5.0}, bursts={"s1": 3.0}).read(readings(30))
    world.check(readings(30))
    assert asked(world) == {"s1"}


def test_one_that_lags_or_fails_for_a_while_is_asked_again_where_nobody_takes_its_place() -> None:
    made = servers(4)
    made[0].proof = lambda now: 100 if now > START + 60 else 50
    made[1].behaviour = during(0, 60, GONE, good("s1"))
    for each in made:
        each.states_head = False
    world = World(*made, rates=dict.fromkeys(("s0", "s1", "s2", "s3"), 0.3), policy=Policy(electrum_servers=4))
    world.read(readings(900))
    world.check(readings(900))
    assert {each.name for each in made if each.asked and each.asked[-1][0] > START + 60} == {"s0", "s1", "s2", "s3"}


def test_without_others_one_that_is_gone_rests_all_the_same() -> None:
    dead, live = servers(2, s0="dead")
    world = World(dead, live, policy=Policy(electrum_servers=8), rates={"s1": 0.3}).read(readings(300))
    world.check(readings(300))
    assert world.elapsed > 90
    assert len(dead.checks) == 1


def test_where_nobody_can_be_asked_nobody_rests() -> None:
    back = START + 100
    made = servers(2)
    for each in made:
        each.proof = lambda now: 100 if now >= back else CallError(ReadCode.UNREACHABLE, "no connection")
    world = World(*made).read(readings(30))
    world.check(readings(30))
    assert world.elapsed < 150


def test_who_rested_in_the_scan_before_is_not_tried_while_others_can_be() -> None:
    made = servers(6, s0="dead", s1="dead")
    world = World(*made, policy=Policy(electrum_servers=3))
    for name in ("s0", "s1"):
        world.upstreams[name].rest_until = START + REST / 2
    world.read(readings(300))
    world.check(readings(300))
    assert not any(each.checks for each in made[:2])


def test_where_the_last_other_host_fails_who_rested_is_tried_again_though_it_stands_by() -> None:
    gone, back = servers(2, s0="dead")
    host = Scripted("host", during(0, 2, good("host"), GONE))
    world = World(host, gone, back, policy=Policy(electrum_servers=1), rates={"host": 1.0})
    for name in ("s0", "s1"):
        world.upstreams[name].rest_until = START + REST / 2
    world.read(readings(100))
    world.check(readings(100))
    assert len(world.amounts()) == 100
    assert world.elapsed < 120


def test_one_whose_calls_fail_or_whose_burst_is_spent_gives_its_place_away() -> None:
    made = servers(4)
    made[0].behaviour = GONE
    world = World(*made, policy=Policy(electrum_servers=1)).read(readings(200))
    world.check(readings(200))
    assert asked(world) == {"s0", "s1"}

    made = servers(4)
    for each in made:
        each.costs_items = True
    world = World(*made, policy=Policy(electrum_servers=1), rates={each.name: 1.0 for each in made}, bursts=bursts(made, 100))
    world.read(readings(380))
    world.check(readings(380))
    assert asked(world) == {"s0", "s1", "s2", "s3"}
    assert world.elapsed < 10


def test_who_gave_amounts_is_asked_in_the_final_check_though_its_burst_is_spent_or_it_rests() -> None:
    made = servers(4)
    for each in made:
        each.costs_items, each.states_head = True, False
    world = World(*made, policy=Policy(electrum_servers=1), rates={each.name: 1.0 for each in made}, bursts=bursts(made, 100))
    world.read(readings(250))
    gave = asked(world)
    assert len(gave) == 3
    world.upstreams["s0"].rest_until = world.now + REST
    for each in made:
        each.checks.clear()
    world.pool.begin_final_check(world.now)
    world.run()
    assert {each.name for each in made if each.checks} == gave
    assert world.events[-1] == FinalCheckDone(())


def test_who_stands_by_is_known_to_audits_and_what_it_lost_is_remembered() -> None:
    made = servers(3)
    world = World(*made, policy=Policy(electrum_servers=1))
    assert {each.name for each in world.pool.serving(Kind.NATIVE)} == {"s0", "s1", "s2"}
    world.pool.contradict("s2", "two others agree against it")
    memory = world.pool.memory()
    assert memory.lost == {"s2": 1}

    resumed = World(*made, policy=Policy(electrum_servers=1))
    resumed.pool.restore(memory)
    assert [each.provider for each in resumed.pool.contradict("s2", "they do so again")] == ["s2"]


def test_a_question_for_others_is_put_to_one_that_stands_by() -> None:
    world = World(*servers(3), policy=Policy(electrum_servers=1)).read(readings(5))
    assert asked(world) == {"s0"}
    world.results.clear()
    world.read(readings(5), excluded=frozenset({"s0"}))
    assert {result.outcome.source for result in world.results if isinstance(result.outcome, Balance)} == {"s1"}
    world.results.clear()
    world.read(readings(5), excluded=frozenset({"s0", "s1"}))
    assert {result.outcome.source for result in world.results if isinstance(result.outcome, Balance)} == {"s2"}


def test_what_none_of_those_asked_can_tell_is_asked_of_those_that_stand_by() -> None:
    made = servers(6)
    too_long = ReadError(ReadCode.ITEM_ERROR, "history too large")
    for each in made[:4]:
        each.behaviour = lambda asked, now: Reply(
            tuple(too_long if reading.index == 7 else balance(reading, now, "it") for reading in asked)
        )
    world = World(*made, policy=Policy(electrum_servers=2)).read(readings(20))
    world.check(readings(20))
    assert not world.unread()
    assert asked(world) == {"s0", "s1", "s2", "s3", "s4"}

    for each in made:
        each.behaviour = made[0].behaviour
    world = World(*made, policy=Policy(electrum_servers=2)).read(readings(20))
    world.check(readings(20))
    assert [each.reading.index for each in world.unread()] == [7]


def bursts(made: list[Scripted], units: int) -> Mapping[str, float]:
    return {each.name: float(units) for each in made}
