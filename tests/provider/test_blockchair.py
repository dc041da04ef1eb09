"""Bitcoin through Blockchair."""

from typing import Any

import pytest

from hdscan.model.chain import Asset
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head
from hdscan.model.reading import Balance, Kind, ReadError, Reading
from tests.provider.server import BTC_GENESIS, NOW, Asked, conversation, http
from tests.wire.samples import load

RECORDED: dict[str, Any] = load("blockchair.json")
READINGS = [Reading(at, RECORDED[name], Asset("btc", "BTC", 8)) for at, name in enumerate(("funded", "other"))]
BASE = "/bitcoin?key=canary-0123456789abcdef"


def read(reply: bytes) -> tuple[Any, list[Asked]]:
    return conversation("blockchair", lambda _: reply, lambda provider: provider.read(READINGS, None), BASE)


def test_balances_have_the_stated_height_and_absent_addresses_an_error() -> None:
    reply, asked = read(http(RECORDED["balances"]))
    funded, absent = reply.outcomes
    assert funded == Balance(699_999_999_999_999, None, 977_072, NOW, "host")
    assert isinstance(absent, ReadError)
    assert absent.code is ReadCode.ABSENT
    assert reply.head == Head(977_072)
    assert [(each.method, each.path) for each in asked] == [("POST", "/bitcoin/addresses/balances")]
    assert asked[0].headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked[0].query == {"key": ["canary-0123456789abcdef"]}


def test_it_takes_a_hundred_native_readings_a_call_or_fewer() -> None:
    async def sizes(provider: Any) -> Any:
        return provider.capacity, set(provider.methods), provider.states_head, provider.costs_items

    for batch, most in ((None, 100), (20, 20), (1000, 100)):
        found, _ = conversation("blockchair", lambda _: b"", sizes, batch=batch)
        assert found == ({Kind.NATIVE: most}, {Kind.NATIVE}, True, False)


def test_the_first_block_proves_the_chain_and_names_the_head() -> None:
    head, asked = conversation("blockchair", lambda _: http(RECORDED["genesis"]), lambda provider: provider.prove(), "/bitcoin")
    assert head == Head(977_072)
    assert [each.path for each in asked] == ["/bitcoin/dashboards/block/0"]


def test_another_genesis_is_the_wrong_chain() -> None:
    other = http(RECORDED["genesis"] | {"data": {"0": {"block": {"id": 0, "hash": "00" * 32}}}})
    with pytest.raises(CallError) as caught:
        conversation("blockchair", lambda _: other, lambda provider: provider.prove())
    assert caught.value.fault is ReadCode.WRONG_CHAIN
    assert BTC_GENESIS in caught.value.message


def test_the_tip_is_the_best_block() -> None:
    height, asked = conversation("blockchair", lambda _: http(RECORDED["stats"]), lambda provider: provider.tip(), "/bitcoin")
    assert height == Head(977_072)
    assert [each.path for each in asked] == ["/bitcoin/stats"]


def test_a_refusal_is_read_by_its_code_and_shows_no_key() -> None:
    body = {"data": None, "context": {"code": 430, "error": "blacklisted: canary-0123456789abcdef"}}
    with pytest.raises(CallError) as caught:
        read(http(body, 430))
    assert caught.value.fault is ReadCode.QUOTA
    assert "canary" not in caught.value.message
