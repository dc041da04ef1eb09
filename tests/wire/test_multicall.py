"""Our slicing of aggregate3 is the ABI's, and nothing that isn't exactly that is a balance."""

from typing import Any

import msgspec
import pytest
from eth_abi import decode, encode
from hypothesis import given
from hypothesis import strategies as st

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.reading import ReadError, Reading
from hdscan.wire import multicall
from tests.wire.samples import BNB, USDT, evm

CALLS = ["(address,bool,bytes)[]"]
RESULTS = ["(bool,bytes)[]"]
AMOUNTS = st.integers(0, 2**256 - 1)
READINGS = st.lists(st.builds(evm, st.integers(0, 2**80), st.sampled_from([BNB, USDT])), max_size=40)


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def results(*items: tuple[bool, bytes], number: int = 9, last: tuple[bool, bytes] = (False, b"")) -> bytes:
    head, tail = [(True, word(number)), (True, word(56)), last], [(True, word(1_700_000_000))]
    encoded: bytes = encode(RESULTS, [[*head, *items, *tail]])
    return encoded


def read(data: bytes, count: int, *former: int) -> tuple[multicall.Block, list[int | ReadError]]:
    return multicall.decode(msgspec.Raw(msgspec.json.encode("0x" + data.hex())), count, former)


def codes(found: list[int | ReadError]) -> list[object]:
    return [item.code if isinstance(item, ReadError) else item for item in found]


def asked(readings: list[Reading], *former: int) -> list[tuple[str, bool, bytes]]:
    """Decode our call with eth-abi."""
    method, (call, block) = multicall.call(readings, former)
    assert (method, block) == ("eth_call", "latest")
    assert isinstance(call, dict)
    assert call["to"] == multicall.MULTICALL3
    assert call["data"].startswith("0x82ad56cb")
    data = bytes.fromhex(call["data"][10:])
    calls: list[tuple[str, bool, bytes]] = list(decode(CALLS, data)[0])
    assert encode(CALLS, [calls]) == data
    return calls


@given(READINGS, st.lists(st.integers(0, 2**63), max_size=5))
def test_the_call_is_what_eth_abi_encodes(readings: list[Reading], former: list[int]) -> None:
    calls = asked(readings, *former)
    own = multicall.MULTICALL3.lower()
    first = ["42cbb15c", "3408e470", "27e86d6e", *("ee82ac5e" + encode(["uint256"], [height]).hex() for height in former)]
    assert [(target, data.hex()) for target, _, data in calls[: len(first)]] == [(own, data) for data in first]
    assert (calls[-1][0], calls[-1][2].hex()) == (own, "0f28c97d")
    assert all(allowed for _, allowed, _ in calls)
    for reading, (target, _, data) in zip(readings, calls[len(first) : -1], strict=True):
        contract = reading.asset.contract
        selector = "4d2301cc" if contract is None else "70a08231"
        assert target == (contract or multicall.MULTICALL3).lower()
        assert data.hex() == selector + encode(["address"], [reading.address]).hex()


@given(st.lists(AMOUNTS, max_size=40), st.integers(0, 2**62))
def test_what_eth_abi_encodes_is_decoded(amounts: list[int], number: int) -> None:
    block, found = read(results(*((True, word(amount)) for amount in amounts), number=number), len(amounts))
    assert block == multicall.Block(number, 56, 1_700_000_000, {})
    assert found == amounts


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=100)), max_size=20))
def test_each_result_is_an_amount_or_its_own_error(items: list[tuple[bool, bytes]]) -> None:
    _, found = read(results(*items), len(items))
    for (success, data), outcome in zip(items, codes(found), strict=True):
        if not success:
            assert outcome is ReadCode.REVERTED
        elif len(data) == 32:
            assert outcome == int.from_bytes(data, "big")
        else:
            assert outcome is (ReadCode.MALFORMED if data else ReadCode.EMPTY)


def test_a_reverted_or_empty_subcall_is_not_zero() -> None:
    _, found = read(results((True, word(5)), (False, b""), (True, b""), (False, word(0)), (True, word(0))), 5)
    assert codes(found) == [5, ReadCode.REVERTED, ReadCode.EMPTY, ReadCode.REVERTED, 0]


def test_a_subcalls_revert_is_said() -> None:
    panic = bytes.fromhex("4e487b71") + (0x12).to_bytes(32)
    _, (found,) = read(results((False, panic)), 1)
    assert found == ReadError(ReadCode.REVERTED, "the contract call reverted: panic 0x12, division by zero")


@pytest.mark.parametrize("count", [0, 1, 599, 600, 601])
def test_readings_out_are_readings_in(count: int) -> None:
    assert len(asked([evm(n) for n in range(count)])) == count + multicall.HEADERS
    _, found = read(results(*((True, word(n)) for n in range(count))), count)
    assert found == list(range(count))


def test_hashes_that_the_node_knows_are_stated_with_the_balances() -> None:
    unknown: list[tuple[bool, bytes]] = [(True, word(0)), (False, b""), (True, b"")]
    items = [(True, word(7)), *unknown, (True, word(5)), (True, word(0))]
    block, found = read(results(*items, number=9, last=(True, word(8))), 2, 7, 4, 5, 6)
    assert block.hashes == {8: f"0x{8:064x}", 7: f"0x{7:064x}"}
    assert found == [5, 0]
    block, found = read(results((True, word(5)), last=(True, word(0))), 1)
    assert (block.hashes, found) == ({}, [5])


def test_a_list_of_another_length_is_malformed() -> None:
    data = results((True, word(1)), (True, word(2)))
    for count in (0, 1, 3):
        with pytest.raises(CallError) as caught:
            read(data, count)
        assert caught.value.fault is ReadCode.MALFORMED


def test_block_number_chain_id_and_time_must_be_readable() -> None:
    for broken in (0, 1, 3):
        headers = [(n != broken, word(n)) for n in range(4)]
        with pytest.raises(CallError, match="could not be read"):
            read(encode(RESULTS, [headers]), 0)
    with pytest.raises(CallError, match="63 bits"):
        read(results(number=2**63), 0)


def test_no_contract_is_the_whole_calls_error() -> None:
    with pytest.raises(CallError) as caught:
        read(b"", 5)
    assert caught.value.fault is ReadCode.EMPTY


@pytest.mark.parametrize("value", ["", "0x0", "0xzz", "0x 00", "00", "0x\u0661\u0661", None, 5, [], {}, "0x" + "00" * 64])
def test_what_is_no_data_is_malformed(value: object) -> None:
    with pytest.raises(CallError) as caught:
        multicall.decode(msgspec.Raw(msgspec.json.encode(value)), 1)
    assert caught.value.fault is ReadCode.MALFORMED


@given(st.data())
def test_damaged_data_is_never_more_than_its_own_words(data: Any) -> None:
    """A cut is malformed; changed bytes can only change what they stand for."""
    amounts = [10**18 + n for n in range(6)]
    good = results(*((True, word(amount)) for amount in amounts))
    cut = data.draw(st.integers(0, len(good) - 1))
    with pytest.raises(CallError):
        read(good[:cut], 6)
    with pytest.raises(CallError):
        read(good + bytes(32), 6)
    at = data.draw(st.integers(0, len(good) - 1))
    changed = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]
    try:
        _, found = read(changed, 6)
    except CallError:
        return
    assert sum(outcome != amount for outcome, amount in zip(found, amounts, strict=True)) <= 1


@given(st.binary(max_size=800), st.integers(0, 4))
def test_any_bytes_are_one_outcome_per_reading_or_a_call_error(data: bytes, count: int) -> None:
    try:
        _, found = read(data, count)
    except CallError:
        return
    assert len(found) == count
