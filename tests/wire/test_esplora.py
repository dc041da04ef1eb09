"""Esplora's replies: a balance is stated or it is an error."""

import copy
from typing import Any

import pytest
from hypothesis import given

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.reading import ReadError
from hdscan.wire import esplora
from tests.wire.samples import bodies, load, reply

RECORDED: dict[str, Any] = load("esplora.json")
SUPPLY = 21 * 10**14
ADDRESS: str = RECORDED["address"]
FUNDED: dict[str, Any] = RECORDED["funded"]
KEYS = ["chain_stats", "mempool_stats", "funded_txo_sum", "spent_txo_sum", "tx_count", "address"]


def changed(stats: str, **sums: object) -> dict[str, Any]:
    body = copy.deepcopy(FUNDED)
    body[stats] |= sums
    return body


def emptied(confirmed: int, waiting: int) -> dict[str, Any]:
    """The statistics of an address that holds nothing, with these numbers of transactions."""
    counts = {"chain_stats": confirmed, "mempool_stats": waiting}
    return FUNDED | {name: {"funded_txo_sum": 0, "spent_txo_sum": 0, "tx_count": count} for name, count in counts.items()}


def test_confirmed_and_unconfirmed_are_told_apart() -> None:
    assert esplora.stats(reply(FUNDED), ADDRESS, SUPPLY) == (RECORDED["confirmed"], RECORDED["unconfirmed"], 6)


def test_an_unused_address_holds_nothing() -> None:
    assert esplora.stats(reply(emptied(0, 0)), ADDRESS, SUPPLY) == (0, 0, 0)


@pytest.mark.parametrize("counts", [(1, 0), (0, 1), (70_000, 3)])
def test_an_emptied_address_is_used_also_where_its_only_transaction_waits(counts: tuple[int, int]) -> None:
    found = esplora.stats(reply(emptied(*counts)), ADDRESS, SUPPLY)
    assert found == (0, 0, sum(counts))


@pytest.mark.parametrize("stats", ["chain_stats", "mempool_stats"])
def test_what_counts_no_transactions_tells_nothing_of_use(stats: str) -> None:
    body = emptied(5, 5)
    del body[stats]["tx_count"]
    assert esplora.stats(reply(body), ADDRESS, SUPPLY) == (0, 0, None)


def test_nothing_moves_without_a_transaction() -> None:
    body = emptied(0, 0)
    body["chain_stats"] |= {"funded_txo_sum": 7, "spent_txo_sum": 7}
    with pytest.raises(CallError, match="without a transaction"):
        esplora.stats(reply(body), ADDRESS, SUPPLY)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "",
        "null",
        "0",
        {"chain_stats": {}, "mempool_stats": {}},
        {"chain_stats": FUNDED["chain_stats"]},
        {"mempool_stats": FUNDED["mempool_stats"]},
        changed("chain_stats", funded_txo_sum=None),
        changed("chain_stats", funded_txo_sum="5"),
        changed("chain_stats", funded_txo_sum=5.0),
        changed("chain_stats", funded_txo_sum=True),
        changed("chain_stats", funded_txo_sum=-5, spent_txo_sum=-9),
        changed("chain_stats", spent_txo_sum=10**16),
        changed("chain_stats", funded_txo_sum=2**257),
        *(changed("chain_stats", tx_count=count) for count in (None, "3", 3.0, True, -1, 2**40)),
        FUNDED | {"address": "bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3"},
        b'{"chain_stats":{"funded_txo_sum":NaN}}',
        b"[" * 500_000,
    ],
)
def test_what_states_no_balance_is_malformed(body: object) -> None:
    with pytest.raises(CallError) as caught:
        esplora.stats(reply(body), ADDRESS, SUPPLY)
    assert caught.value.fault is ReadCode.MALFORMED


@pytest.mark.parametrize("stats", ["chain_stats", "mempool_stats"])
def test_no_address_holds_more_than_there_is(stats: str) -> None:
    """A sum of all receipts may be more than there is; a balance may not."""
    most = SUPPLY
    body = changed("chain_stats", funded_txo_sum=3 * most, spent_txo_sum=2 * most)
    assert esplora.stats(reply(body), ADDRESS, SUPPLY) == (most, RECORDED["unconfirmed"], 6)
    with pytest.raises(CallError) as caught:
        esplora.stats(reply(changed(stats, funded_txo_sum=10**40, spent_txo_sum=0)), ADDRESS, SUPPLY)
    assert caught.value.fault is ReadCode.MALFORMED


def test_a_repeated_member_is_no_balance() -> None:
    twice = reply(FUNDED).body[:-1] + b',"chain_stats":{"funded_txo_sum":0,"spent_txo_sum":0}}'
    with pytest.raises(CallError, match="more than once"):
        esplora.stats(reply(twice), ADDRESS, SUPPLY)
    twice = reply(FUNDED).body.replace(b'"tx_count": 3', b'"tx_count": 0, "tx_count": 3', 1)
    with pytest.raises(CallError, match="more than once"):
        esplora.stats(reply(twice), ADDRESS, SUPPLY)


def test_a_400_is_about_the_address_alone() -> None:
    found = esplora.stats(reply("Invalid Bitcoin address", 400), ADDRESS, SUPPLY)
    assert isinstance(found, ReadError)
    assert found.code is ReadCode.ITEM_ERROR


def test_tip_and_hash_are_plain() -> None:
    assert esplora.height(reply(RECORDED["height"])) == 977072
    assert esplora.block_hash(reply(RECORDED["genesis"] + "\n")) == RECORDED["genesis"]


@pytest.mark.parametrize("body", ["", "-1", "1.0", "0x1", "1e5", "\u0661", "9" * 30, "{}", "null", "true"])
def test_a_tip_is_digits(body: str) -> None:
    with pytest.raises(CallError) as caught:
        esplora.height(reply(body))
    assert caught.value.fault is ReadCode.MALFORMED


def test_prose_where_a_hash_belongs_is_a_throttle() -> None:
    with pytest.raises(CallError) as caught:
        esplora.block_hash(reply("Too many requests, rate limit"))
    assert caught.value.fault is ReadCode.THROTTLED


@given(bodies(reply(FUNDED).body, KEYS))
def test_any_bytes_are_a_balance_or_a_call_error(body: bytes) -> None:
    for decode in (lambda r: esplora.stats(r, ADDRESS, SUPPLY), esplora.height, esplora.block_hash):
        try:
            found = decode(reply(body))
        except CallError:
            continue
        if isinstance(found, tuple):
            assert found[0] >= 0
