"""Bitcoin through blockchain.info."""

from typing import Any

import pytest

from hdscan.model.chain import Asset
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head
from hdscan.model.reading import Balance, Kind, ReadError, Reading, use_of
from tests.provider.server import BTC_GENESIS, NOW, Asked, conversation, http
from tests.wire.multiaddr import GOOD, NAMES

READINGS = [Reading(at, name, Asset("btc", "BTC", 8)) for at, name in enumerate(NAMES)]


def ask(call: Any, reply: bytes) -> tuple[Any, list[Asked]]:
    return conversation("blockchain-info", lambda _: reply, call)


def test_balances_are_confirmed_at_the_stated_height() -> None:
    reply, asked = ask(lambda provider: provider.read(READINGS, 5), http(GOOD))
    assert reply.head == Head(930_000)
    assert reply.outcomes[0] == Balance(0, 0, 930_000, NOW, "host", used=False)
    assert [each.used for each in reply.outcomes] == [False, True, True, True]
    assert [(each.amount, each.unconfirmed) for each in reply.outcomes] == [(0, 0), (1000, 0), (500, -500), (0, 70)]
    assert [(each.method, each.path) for each in asked] == [("GET", "/multiaddr")]
    assert asked[0].query == {"active": ["|".join(NAMES)], "n": ["100"]}
    assert "%7C" in asked[0].target


def test_use_is_told_by_the_same_reply() -> None:
    uses = [Reading(at, name, use_of("btc")) for at, name in enumerate(NAMES)]
    reply, asked = ask(lambda provider: provider.read(uses, 5), http(GOOD))
    assert reply.head == Head(930_000)
    assert reply.outcomes[:2] == tuple(Balance(n, None, 930_000, NOW, "host", used=n > 0) for n in (0, 1))
    assert asked[0].query == {"active": ["|".join(NAMES)], "n": ["100"]}


def test_an_answer_that_asks_for_a_pause_is_taken_and_the_pause_kept() -> None:
    held: list[tuple[str, str | None]] = []

    async def read(provider: Any) -> Any:
        provider.held = lambda wait, date: held.append((wait, date))
        return await provider.read(READINGS, None)

    reply, _ = ask(read, http(GOOD, Retry_After="60"))
    assert isinstance(reply.outcomes[0], Balance)
    assert held == [("60", None)]


def test_an_address_that_is_refused_alone_has_no_height() -> None:
    reply, _ = ask(lambda provider: provider.read(READINGS[:1], None), http({"message": "Item not found"}, 404))
    assert reply.head is None
    assert isinstance(reply.outcomes[0], ReadError)


def test_it_takes_two_hundred_a_call_or_fewer() -> None:
    async def sizes(provider: Any) -> Any:
        return provider.capacity, set(provider.methods), provider.states_head, provider.costs_items

    for batch, most in ((None, 200), (50, 50), (1000, 200)):
        found, _ = conversation("blockchain-info", lambda _: b"", sizes, batch=batch)
        assert found == ({Kind.NATIVE: most, Kind.USE: most}, {Kind.NATIVE, Kind.USE}, True, False)


def test_the_first_block_proves_the_chain() -> None:
    block = {"hash": BTC_GENESIS, "height": 0, "tx": []}
    _, asked = ask(lambda provider: provider.prove(), http({"blocks": [block]}))
    assert [each.target for each in asked] == ["/block-height/0?format=json"]
    with pytest.raises(CallError) as caught:
        ask(lambda provider: provider.prove(), http({"blocks": [block | {"hash": "00" * 32}]}))
    assert caught.value.fault is ReadCode.WRONG_CHAIN


def test_the_tip_is_the_latest_block() -> None:
    head, asked = ask(lambda provider: provider.tip(), http({"hash": "00", "height": 930_000}))
    assert head == Head(930_000)
    assert [each.path for each in asked] == ["/latestblock"]
