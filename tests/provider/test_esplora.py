"""Bitcoin through an Esplora server."""

from typing import Any

import pytest

from hdscan.model.chain import Asset
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head
from hdscan.model.reading import Balance, Kind, ReadError, Reading, use_of
from tests.provider.server import BTC_GENESIS, NOW, Asked, conversation, http

READING = Reading(3, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", Asset("btc", "BTC", 8))
STATS = {"chain_stats": {"funded_txo_sum": 9, "spent_txo_sum": 4}, "mempool_stats": {"funded_txo_sum": 0, "spent_txo_sum": 5}}


def read(reply: bytes, suffix: str = "/api", reading: Reading = READING) -> tuple[Any, list[Asked]]:
    return conversation("esplora", lambda _: reply, lambda provider: provider.read([reading], 977_000), suffix)


def fails(reply: bytes, suffix: str = "/api") -> CallError:
    with pytest.raises(CallError) as caught:
        read(reply, suffix)
    return caught.value


def test_a_balance_has_both_parts_the_given_height_and_the_time() -> None:
    reply, asked = read(http(STATS))
    assert reply.outcomes == (Balance(5, -5, 977_000, NOW, "host"),)
    assert reply.head is None
    assert [each.target for each in asked] == [f"/api/address/{READING.address}"]
    assert asked[0].method == "GET"


@pytest.mark.parametrize(("counts", "used"), [((0, 0), False), ((2, 0), True), ((0, 1), True), ((0,), None)])
def test_the_same_reply_tells_whether_an_address_was_used(counts: tuple[int, ...], used: bool | None) -> None:
    names = ("chain_stats", "mempool_stats")
    stats = {name: {"funded_txo_sum": 0, "spent_txo_sum": 0} for name in names}
    for name, count in zip(names, counts, strict=False):
        stats[name]["tx_count"] = count
    (balance,) = read(http(stats))[0].outcomes
    assert (balance.amount, balance.used, balance.is_used) == (0, used, used)
    (use,) = read(http(stats), reading=Reading(3, READING.address, use_of("btc")))[0].outcomes
    if used is None:
        assert isinstance(use, ReadError)
        assert use.code is ReadCode.MALFORMED
    else:
        assert use == Balance(sum(counts), None, 977_000, NOW, "host", used=used)


def test_a_block_is_known_by_the_hash_at_its_height() -> None:
    found, asked = conversation("esplora", lambda _: http(BTC_GENESIS), lambda provider: provider.block_hash(977), "/api")
    assert found == BTC_GENESIS
    assert [each.target for each in asked] == ["/api/block-height/977"]


def test_it_takes_one_reading_a_call() -> None:
    async def sizes(provider: Any) -> Any:
        return provider.capacity, provider.weight, set(provider.methods), provider.states_head

    found, _ = conversation("esplora", lambda _: b"", sizes)
    assert found == ({Kind.NATIVE: 1, Kind.USE: 1}, {Kind.NATIVE: 1, Kind.USE: 1}, {Kind.NATIVE, Kind.USE}, False)


def test_the_genesis_hash_proves_the_chain_in_one_call() -> None:
    head, asked = conversation("esplora", lambda _: http(BTC_GENESIS), lambda provider: provider.prove(), "/api")
    assert head is None
    assert [each.path for each in asked] == ["/api/block-height/0"]


def test_another_genesis_is_the_wrong_chain() -> None:
    testnet = "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943"
    with pytest.raises(CallError) as caught:
        conversation("esplora", lambda _: http(testnet), lambda provider: provider.prove())
    assert caught.value.fault is ReadCode.WRONG_CHAIN
    assert testnet in caught.value.message
    assert BTC_GENESIS in caught.value.message


def test_the_tip_is_a_height() -> None:
    height, asked = conversation("esplora", lambda _: http("977072"), lambda provider: provider.tip(), "/api")
    assert height == Head(977_072)
    assert [each.path for each in asked] == ["/api/blocks/tip/height"]


@pytest.mark.parametrize("body", [{}, "", [], "null", {"chain_stats": {}}])
def test_a_reply_without_a_balance_is_malformed_and_not_zero(body: object) -> None:
    assert fails(http(body)).fault is ReadCode.MALFORMED


def test_a_throttle_carries_the_headers_raw() -> None:
    date = "Mon, 23 Nov 2026 21:29:24 GMT"
    error = fails(http("Too Many Requests", 429, Retry_After="Mon, 23 Nov 2026 21:30:24 GMT", Date=date))
    assert error.fault is ReadCode.THROTTLED
    assert error.retry_after == "Mon, 23 Nov 2026 21:30:24 GMT"
    assert error.date == date


def test_a_redirect_is_an_error_that_says_so() -> None:
    error = fails(http("", 302, Location="http://169.254.169.254/"))
    assert error.fault is ReadCode.SERVER_ERROR
    assert "redirect" in error.message


def test_an_address_that_the_host_refuses_fails_alone() -> None:
    reply, _ = read(http("Invalid Bitcoin address", 400))
    (outcome,) = reply.outcomes
    assert isinstance(outcome, ReadError)
    assert outcome.code is ReadCode.ITEM_ERROR


def test_a_key_that_the_host_echoes_is_not_shown() -> None:
    key = "canary-0123456789abcdef"
    for body in (f"no such key: {key}", f"/{key}/address rate limit"):
        error = fails(http(body, 403), f"/{key}/api")
        assert key not in error.message
        assert "[key]" in error.message
