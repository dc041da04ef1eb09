"""Tokens are proved before they are read: by two operators, or by the only one, and never at the cost of the scan."""

from collections.abc import Callable

import pytest

from hdscan.model.chain import Asset
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import TokenFacts
from hdscan.model.reading import ReadError
from hdscan.pool.actions import TokensProved
from hdscan.pool.effects import Trust
from hdscan.pool.token_proofs import mismatch
from tests.pool.virtual import COIN, START, USDT, Scripted, World, failing, good, readings

DAI = Asset("bsc", "DAI", 18, "0x" + "d" * 40)
RIGHT = TokenFacts(18, "USDT")
NO_CONTRACT = ReadError(ReadCode.EMPTY, "no data")

Facts = Callable[[Asset, float], TokenFacts | ReadError | CallError]


def says(*facts: TokenFacts | ReadError | CallError) -> Facts:
    """Say these one after the other, the last for ever."""
    left = list(facts)
    return lambda asset, now: left.pop(0) if len(left) > 1 else left[0]


def true(asset: Asset, now: float) -> TokenFacts:
    return TokenFacts(asset.decimals, asset.symbol)


def host(name: str, tokens: Facts | None = true, **changes: object) -> Scripted:
    return Scripted(name, good(name), tokens=tokens, **changes)  # type: ignore[arg-type]


def prove(world: World, *assets: Asset) -> TokensProved:
    """The proof to its end."""
    world.pool.begin_token_proof(assets or (COIN, USDT))
    world.run()
    (event,) = [event for event in world.events if isinstance(event, TokensProved)]
    return event


def refused(world: World, *assets: Asset) -> dict[str, str]:
    """Why each token is not read."""
    work = readings(3, COIN, *(assets or (USDT,)))
    world.read(work)
    assert all(result.reading.asset is not COIN for result in world.unread()), "coins are read in any case"
    assert {result.outcome.code for result in world.unread() if result.error} <= {ReadCode.TOKEN_MISMATCH}  # type: ignore[union-attr]
    return {result.reading.asset.symbol: result.error.message for result in world.unread() if result.error}


def test_two_operators_prove_a_token_once_for_all() -> None:
    known: dict[str, TokenFacts] = {}
    world = World(host("a"), host("b"), proved=known)
    assert prove(world) == TokensProved()
    assert known == {USDT.contract: RIGHT}
    assert [len(each.told) for each in world.providers] == [1, 1]
    assert refused(world) == {}
    again = World(host("a"), host("b"), proved=known)
    assert prove(again) == TokensProved()
    assert [(each.told, each.checks) for each in again.providers] == [([], [])] * 2, "no call, not even for their chain"


def test_all_tokens_are_asked_in_one_call_of_an_operator_and_the_coin_never() -> None:
    world = World(host("a"), host("b"))
    prove(world, COIN, USDT, DAI)
    assert [[assets for _, assets in each.told] for each in world.providers] == [[(USDT, DAI)]] * 2
    small = World(host("a", capacity=1), host("b"))
    prove(small, USDT, DAI)
    assert [assets for _, assets in small.providers[0].told] == [(USDT,), (DAI,)]


def test_of_two_providers_of_one_operator_the_second_is_asked_only_where_the_first_fails() -> None:
    known: dict[str, TokenFacts] = {}
    pair = host("a", operator="x", capacity=20), host("b", operator="x")
    world = World(*pair, host("c"), proved=known)
    prove(world)
    assert [len(each.told) for each in world.providers] == [1, 0, 1]
    first = host("a", says(CallError(ReadCode.TIMEOUT, "slow")), operator="x", capacity=20)
    world = World(first, pair[1], host("c"), proved={})
    assert prove(world) == TokensProved()
    assert [len(each.told) for each in world.providers] == [1, 1, 1]


def test_two_that_say_other_decimals_refuse_it_and_the_sentence_names_both() -> None:
    world = World(host("a", says(TokenFacts(6, "USDT"))), host("b", says(TokenFacts(6, "USDT"))))
    assert prove(world) == TokensProved()
    assert refused(world) == {
        "USDT": "USDT of bsc is not read: the configuration says 18 decimals, but by a and b it has 6",
    }
    assert world.providers[0].known == {}, "it will not be read"


def test_where_there_is_no_contract_nothing_is_read() -> None:
    world = World(host("a", says(NO_CONTRACT)), host("b", says(NO_CONTRACT)))
    prove(world)
    (why,) = refused(world).values()
    assert str(USDT.contract) in why
    assert "there is no token" in why


def test_another_symbol_refuses_it_where_two_say_so_and_the_row_can_carry_it() -> None:
    bridged = TokenFacts(18, "USD₮0")
    world = World(host("a", says(bridged)), host("b", says(bridged)))
    prove(world)
    (why,) = refused(world).values()
    assert '"USDT"' in why
    assert 'onchain_symbol = "USD₮0"' in why
    row = Asset("bsc", "USDT", 18, USDT.contract, "usd₮0")
    world = World(host("a", says(bridged)), host("b", says(bridged)))
    prove(world, COIN, row)
    assert refused(world, row) == {}
    any_name = Asset("bsc", "USDT", 18, USDT.contract, "*")
    for facts, reads in ((bridged, True), (TokenFacts(6, "USDT"), False)):
        world = World(host("a", says(facts)), host("b", says(facts)))
        prove(world, COIN, any_name)
        assert (refused(world, any_name) == {}) == reads
    alone = World(host("a", says(bridged)), host("b", says(TokenFacts(18))))
    prove(alone)
    assert refused(alone) == {}, "one that is alone with a symbol refuses nothing"


@pytest.mark.parametrize("wrong", [TokenFacts(6), None, TokenFacts(18, "{x}")])
def test_every_sentence_has_a_place_for_who_says_so(wrong: TokenFacts | None) -> None:
    why = mismatch(USDT, wrong)
    assert why is not None
    assert why.format(who="somebody").count("somebody") == 1


def test_the_only_operator_is_enough() -> None:
    known: dict[str, TokenFacts] = {}
    other = Scripted("b", good("b"))  # reads, but cannot tell of tokens
    prove(World(host("a"), other, proved=known))
    assert known == {USDT.contract: RIGHT}
    world = World(host("a", says(TokenFacts(6))))
    prove(world)
    assert list(refused(world)) == ["USDT"]


def test_of_two_that_contradict_a_third_decides() -> None:
    known: dict[str, TokenFacts] = {}
    world = World(host("liar", says(TokenFacts(6, "USDT"))), host("b"), host("c"), proved=known)
    assert prove(world) == TokensProved()
    assert known == {USDT.contract: RIGHT}


def test_one_that_is_trusted_is_enough_against_one_but_not_against_two_that_agree() -> None:
    other = says(TokenFacts(6, "USDT"))
    known: dict[str, TokenFacts] = {}
    assert prove(World(host("own", trusted=True), host("b", other), proved=known)) == TokensProved()
    assert known == {USDT.contract: RIGHT}
    late = host("own", latency=2.0, trusted=True)
    world = World(late, host("b", other), host("c", other))
    prove(world)
    assert list(refused(world)) == ["USDT"]


def test_what_nobody_decides_is_read_and_told_and_asked_for_again() -> None:
    known: dict[str, TokenFacts] = {}
    world = World(host("liar", says(TokenFacts(6, "USDT"))), host("b"), proved=known)
    (doubt,) = prove(world).doubts
    assert doubt.startswith("USDT of bsc is read, but not proved")
    assert doubt.endswith("the configuration says 18 decimals, but by liar it has 6")
    assert refused(world) == {}
    assert known == {}
    assert world.providers[0].known == {USDT.contract: None}


def test_one_that_hangs_is_waited_for_five_seconds() -> None:
    slow = host("slow")
    slow.hang = lambda now: 60.0 if now > START + 0.05 else None  # it proves its chain, and hangs then
    world = World(host("a"), slow)
    world.pool.begin_token_proof([COIN, USDT])
    world.run(until=5.1)
    assert world.events == []
    world.run(until=5.3)
    assert world.events == [TokensProved()]
    work = readings(3, COIN, USDT)
    world.read(work, until=30.0)
    world.check(work)


def test_where_nobody_answers_the_proof_ends_and_the_outage_begins() -> None:
    down = [Scripted(name, failing(), prove=lambda now: CallError(ReadCode.UNREACHABLE, "no connection")) for name in "ab"]
    for each in down:
        each.token_units, each.facts = 1, true
    world = World(*down)
    assert prove(world) == TokensProved()
    assert world.elapsed < 1.0
    world.read(readings(3, COIN, USDT))
    assert world.halt is not None
    assert world.elapsed > 600


def test_where_every_question_fails_the_tokens_are_read_as_configured() -> None:
    for fault in (ReadCode.SERVER_ERROR, ReadCode.BAD_KEY, ReadCode.QUOTA, ReadCode.MALFORMED):
        world = World(host("a", says(CallError(fault, "no"))), host("b", says(ReadError(ReadCode.REVERTED, "no"))))
        assert prove(world) == TokensProved()
        assert world.upstreams["a"].trust is Trust.TRUSTED, "a method that is not served says nothing of the others"
        assert refused(world) == {} or fault is ReadCode.QUOTA


def test_what_was_too_large_is_asked_in_parts_and_what_came_too_early_again() -> None:
    known: dict[str, TokenFacts] = {}

    def one_by_one(asset: Asset, now: float) -> TokenFacts | CallError:
        return true(asset, now) if len(large.told[-1][1]) == 1 else CallError(ReadCode.TOO_LARGE, "no")

    large = host("large", one_by_one)
    early = host("early", says(CallError(ReadCode.THROTTLED, "429"), TokenFacts(18)))
    world = World(large, early, proved=known)
    assert prove(world, USDT, DAI) == TokensProved()
    assert [assets for _, assets in large.told] == [(USDT, DAI), (USDT,), (DAI,)]
    assert len(known) == 2
    never = World(host("a", says(CallError(ReadCode.TOO_LARGE, "no"))), host("b"))
    prove(never)
    assert len(never.providers[0].told) == 2


def test_an_answer_of_another_length_is_no_answer() -> None:
    odd = host("odd")
    odd.answer = lambda call, now: () if odd.checks else Scripted.answer(odd, call, now)  # type: ignore[method-assign]
    known: dict[str, TokenFacts] = {}
    assert prove(World(odd, host("b"), proved=known)) == TokensProved()
    assert known == {}


def test_a_proof_that_a_row_does_not_fit_any_more_is_asked_anew() -> None:
    known = {str(USDT.contract): TokenFacts(6, "USDT")}
    world = World(host("a"), host("b"), proved=known)
    prove(world)
    assert known == {USDT.contract: RIGHT}
    assert refused(world) == {}


def test_providers_learn_the_programs_of_what_is_read() -> None:
    def mint(asset: Asset, now: float) -> TokenFacts:
        return TokenFacts(18, program="Token")

    world = World(host("a", mint), host("b", mint), Scripted("c", good("c")))
    prove(world)
    assert [each.known for each in world.providers] == [{USDT.contract: "Token"}] * 3
