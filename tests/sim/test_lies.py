"""Hosts that lie about amounts: which amounts, from when on, and that every lie is counted."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from hdscan.sim.faults import AMOUNTS, Fault, Rule, always
from hdscan.sim.host import HostSpec
from hdscan.sim.judge import judge
from hdscan.sim.process import Config, Simulation
from hdscan.sim.view import View
from hdscan.sim.world import World
from tests.sim.conversation import Talk, converse, host

HOSTS = (
    host(),
    host(protocols=("blockchair",)),
    host(protocols=("blockchain-info",)),
    host("bsc"),
    host("bsc", protocols=("etherscan",)),
    host("sol"),
)


@pytest.mark.parametrize(
    ("fault", "stated"),
    [
        (Fault.FALSE_ZEROS, lambda true, _: 0),
        (Fault.OLD_VALUES, lambda true, _: true - true // 2),
        (Fault.HIGHER_VALUES, lambda true, _: 2 * true + 1),
        (Fault.SHIFTED_VALUES, lambda _, following: following),
    ],
)
def test_a_liar_states_another_amount_for_its_share_of_the_readings(fault: Fault, stated: Callable[[int, int], int]) -> None:
    chain = World(1, 300, funded=0.5)["bsc"]
    view = View(chain, fault, share=0.3, seed="liar")
    lies = 0
    for index in range(299):
        text, following = chain.address(index), chain.address(index + 1)
        for at, (true, next_one) in enumerate(
            zip(chain.holdings(text).amounts, chain.holdings(following).amounts, strict=True)
        ):
            said = view.held(text, at)
            assert said in (true, stated(true, next_one))
            assert ((text, at) in view.lies) == (said != true)
            lies += said != true
    assert 60 < lies < 330
    assert len(view.lies) == lies


def test_lower_amounts_are_no_zeros() -> None:
    assert View(World(1, 1)["btc"], Fault.OLD_VALUES, share=1.0).amount(1, "bc1q", 0) == 1


def test_earlier_amounts_are_those_before_the_last_move() -> None:
    world, still = World(3, 200, funded=0.5), World(3, 200, funded=0.5)
    world.move(0.2)
    chain = world["btc"]
    view = View(chain, Fault.EARLIER_VALUES, share=1.0)
    assert [view.held(text, 0) for text in chain.addresses()] == [row.amounts["BTC"] for row in still["btc"].truth()]
    assert 20 < len(view.lies) < 60


@pytest.mark.parametrize("spec", HOSTS, ids=lambda spec: spec.protocols[0])
def test_every_host_counts_the_lies_that_it_told(spec: HostSpec) -> None:
    async def story(talk: Talk) -> None:
        for index in range(40):
            await talk.ask(index)
        funded = sum(
            bool(row.amounts[talk.world[spec.chain].chain.symbol]) for row in list(talk.world[spec.chain].truth())[:40]
        )
        assert 0 < judge(talk.host.spec, talk.log).lies == funded

    converse(story, spec, Rule(faults=(Fault.FALSE_ZEROS,), items=1.0))


@pytest.mark.parametrize("fault", [*sorted(AMOUNTS), Fault.WRONG_CHAIN, Fault.STALE])
def test_what_a_liar_says_of_use_fits_what_it_says_of_balances(fault: Fault) -> None:
    world = World(4, 300, funded=0.3)
    world.move(0.2)
    chain = world["bsc"]
    view = View(chain, fault, share=0.5, seed="liar")
    for text in chain.addresses():
        assert view.transactions(text) or not view.held(text, 0)
        assert view.transactions(text) == view.use(text)


def test_a_false_zero_is_a_false_word_about_use_too() -> None:
    chain = World(4, 300, funded=0.3)["btc"]
    view = View(chain, Fault.FALSE_ZEROS, share=0.5, seed="liar")
    told = [(view.use(text), chain.holdings(text).transactions) for text in chain.addresses()]
    assert {(stated > 0, true > 0) for stated, true in told} == {(False, True), (True, True), (False, False)}
    assert len(view.lies) == sum(true > 0 and stated == 0 for stated, true in told)


def test_a_false_zero_has_no_nonce_and_is_counted_once() -> None:
    chain = World(4, 300, funded=0.3)["bsc"]
    view = View(chain, Fault.FALSE_ZEROS, share=1.0, seed="liar")
    assert {view.nonce(text) for text in chain.addresses()} == {0}
    assert len(view.lies) == sum(chain.holdings(text).nonce > 0 for text in chain.addresses())


def test_who_tells_the_truth_or_does_not_answer_tells_no_lies() -> None:
    async def story(talk: Talk) -> None:
        for index in range(20):
            await talk.ask(index)
        assert [entry.lies for entry in talk.log] == [0] * 20

    converse(story, host("bsc"))
    converse(story, host("bsc"), always(Fault.ERROR_OBJECT))


def test_a_liar_may_begin_at_any_moment() -> None:
    async def story(talk: Talk) -> None:
        for _ in range(6):
            await talk.ask(3)
        assert [entry.lies for entry in talk.log] == [0, 0, 0, 0, 1, 1]

    converse(story, host(), Rule(faults=(Fault.HIGHER_VALUES,), items=1.0, first=4))


def test_the_simulators_process_moves_with_its_world() -> None:
    async def run() -> None:
        async with Simulation(Config(seed=4, addresses=50, chains=(World(1, 1)["btc"].played,), hosts=(host(),))) as sim:
            before = sim.world.truth()
            await sim.move(0.5, 2)
            assert sim.world.truth() != before
            told = await sim._ask("GET", "/truth", params={"chain": "btc"})
            assert [row.amounts["BTC"] for row in sim.world["btc"].truth()] == [
                row["amounts"]["BTC"] for row in msgspec.json.decode(told)
            ]

    asyncio.run(run())


def test_a_city_moves_under_its_hosts() -> None:
    world = World(1, 30, funded=0.5)

    async def story(talk: Talk) -> None:
        world.move(1.0)
        for index, row in enumerate(world["btc"].truth()):
            stats = (await talk.ask(index)).json["chain_stats"]
            assert stats["funded_txo_sum"] - stats["spent_txo_sum"] == row.amounts["BTC"]

    converse(story, host(), world=world)
