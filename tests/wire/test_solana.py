"""Solana's accounts count only where they provably stand for what was asked."""

import json
from base64 import b64encode
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.pubkey import Pubkey

from hdscan.model.chain import Asset
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import MISSING, TokenFacts
from hdscan.model.reading import ReadError, Reading
from hdscan.wire import solana
from tests.wire.samples import SOL, USDC, bodies, load

RECORDED: dict[str, Any] = load("solana.json")
SLOT = 341197247
MINT = USDC.contract or ""
OFF_CURVE = str(Pubkey.find_program_address([b"vault"], Pubkey.from_string(solana.TOKEN))[0])
KEYS = ["context", "slot", "value", "data", "lamports", "owner", "base64"]


def owner(index: int) -> str:
    return str(Pubkey.from_bytes((index + 1).to_bytes(32, "big")))


def native(index: int) -> Reading:
    return Reading(index, owner(index), SOL)


def token(index: int) -> Reading:
    return Reading(index, owner(index), USDC)


def account(lamports: int, program: str = solana.SYSTEM, data: bytes = b"") -> dict[str, Any]:
    return {
        "data": [b64encode(data).decode(), "base64"],
        "executable": False,
        "lamports": lamports,
        "owner": program,
        "rentEpoch": 2**64 - 1,
        "space": 165,
    }


def holding(units: int, index: int, program: str = solana.TOKEN, mint: str = MINT) -> dict[str, Any]:
    data = bytes(Pubkey.from_string(mint)) + bytes(Pubkey.from_string(owner(index))) + units.to_bytes(8, "little")
    return account(2_039_280, program, data)


def clock(slot: int = SLOT) -> dict[str, Any]:
    return account(1_169_280, solana.SYSVAR, slot.to_bytes(8, "little") + bytes(32))


def result(*value: object, slot: int = SLOT) -> msgspec.Raw:
    return msgspec.Raw(json.dumps({"context": {"apiVersion": "3.0.6", "slot": slot}, "value": value}).encode())


def read(answer: msgspec.Raw, *readings: Reading) -> list[object]:
    """Amounts, error codes and MISSING."""
    found = solana.read(answer, solana.ask(readings, "finalized"))
    assert len(found.outcomes) == len(readings)
    return [outcome.code if isinstance(outcome, ReadError) else outcome for outcome in found.outcomes]


def fails(answer: msgspec.Raw, *readings: Reading) -> str:
    with pytest.raises(CallError) as caught:
        read(answer, *readings)
    assert caught.value.fault is ReadCode.MALFORMED
    return caught.value.message


def test_a_call_asks_owners_both_token_accounts_and_the_clock() -> None:
    asked = solana.ask([native(0), token(1)], "confirmed")
    method, (keys, options) = asked.call
    assert method == "getMultipleAccounts"
    assert keys == [owner(0), *solana.token_accounts(owner(1), MINT), solana.CLOCK]
    assert options == {"commitment": "confirmed", "encoding": "base64", "dataSlice": {"offset": 0, "length": 72}}


@pytest.mark.parametrize("address", [owner(0), OFF_CURVE])
def test_token_accounts_are_the_program_addresses_of_owner_program_and_mint(address: str) -> None:
    program = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
    derived = [
        str(Pubkey.find_program_address([bytes(Pubkey.from_string(seed)) for seed in (address, by, MINT)], program)[0])
        for by in (solana.TOKEN, solana.TOKEN_2022)
    ]
    assert solana.token_accounts(address, MINT) == derived


def test_recorded_accounts_are_lamports() -> None:
    value = RECORDED["getMultipleAccounts"]["result"]["value"]
    assert read(result(*value, clock()), native(0), native(1)) == [88849814690250, 998763433]
    assert solana.slot(msgspec.Raw(b"1234")) == 1234
    answer = json.dumps(RECORDED["getGenesisHash"]["result"]).encode()
    assert solana.genesis_hash(msgspec.Raw(answer)) == "GH7ome3EiwEr7tu9JuTh2dpYWBJK3z69Xm1ZE3MEE6JC"


def test_an_absent_account_holds_nothing() -> None:
    assert read(result(None, None, None, clock()), native(0), token(1)) == [0, 0]


def test_units_of_both_token_programs_are_added() -> None:
    old, new = pair(1)
    assert read(result(old, new, clock()), token(1)) == [12]
    assert read(result(old, None, clock()), token(1)) == [5]
    assert read(result(None, new, clock()), token(1)) == [7]


def test_an_address_that_was_only_sent_lamports_holds_no_token() -> None:
    assert read(result(account(890_880), None, clock()), token(1)) == [0]


@pytest.mark.parametrize(
    "wrong",
    [
        holding(5, 2),
        holding(5, 1, solana.SYSVAR),
        account(1, solana.SYSTEM, b"x"),
        account(1, solana.TOKEN),
        account(1, solana.TOKEN, bytes(71)),
        account(1, solana.TOKEN, bytes(73)),
        holding(5, 1) | {"data": ["!!", "base64"]},
        holding(5, 1) | {"data": ["AAAA=", "base64"]},
        holding(5, 1) | {"data": ["", "base58"]},
    ],
)
def test_an_account_that_is_not_ours_is_an_error(wrong: dict[str, Any]) -> None:
    assert read(result(wrong, None, account(9), clock()), token(1), native(3)) == [ReadCode.MALFORMED, 9]


@pytest.mark.parametrize("wrong", [holding(5, 1, mint=solana.SYSVAR), holding(5, 1, solana.TOKEN_2022), holding(5, 3)])
def test_a_token_account_in_anothers_place_makes_every_place_unsure(wrong: dict[str, Any]) -> None:
    """The clock shows the length; a permutation before it would else give the neighbours false zeros."""
    assert "not in place" in fails(result(wrong, None, account(9), clock()), token(1), native(3))


def test_a_rotation_before_the_clock_is_malformed() -> None:
    asked = [native(0), token(0), native(1), token(1)]
    value = [account(7), holding(5, 0), None, account(8), holding(6, 1), None]
    assert read(result(*value, clock()), *asked) == [7, 5, 8, 6]
    for turn in range(1, len(value)):
        fails(result(*value[turn:], *value[:turn], clock()), *asked)


def test_a_token_account_that_was_imported_is_read_as_an_address() -> None:
    own = solana.token_accounts(owner(1), MINT)[0]
    answer = result(holding(5, 1), holding(5, 1), None, holding(3, 4), clock())
    assert read(answer, Reading(0, own, SOL), token(1), native(2)) == [2_039_280, 5, 2_039_280]


@pytest.mark.parametrize("lamports", [2**64, 10**30])
def test_more_than_64_bits_of_lamports_is_an_error(lamports: int) -> None:
    assert read(result(account(lamports), account(1), clock()), native(0), native(1)) == [ReadCode.MALFORMED, 1]


@pytest.mark.parametrize(
    "last",
    [
        None,
        account(1),
        account(1, solana.SYSVAR),
        account(1, solana.SYSVAR, bytes(72)),
        account(1, solana.SYSVAR, bytes(39)),
        clock(SLOT - 151),
        clock(SLOT + 151),
        clock() | {"owner": solana.SYSTEM},
    ],
)
def test_a_full_reply_without_its_clock_is_malformed(last: object) -> None:
    assert "not in place" in fails(result(account(1), last), native(0))


def test_a_shifted_reply_is_malformed() -> None:
    fails(result(account(2), clock(), account(1)), native(0), native(1))


def test_a_longer_reply_is_malformed() -> None:
    fails(result(account(1), None, clock()), native(0))


def test_of_a_short_reply_no_native_account_counts() -> None:
    assert read(result(account(1), clock()), native(0), native(1)) == [MISSING, MISSING]
    assert read(result(), native(0)) == [MISSING]


def pair(index: int) -> list[dict[str, Any]]:
    return [holding(5, index), holding(7, index, solana.TOKEN_2022)]


@pytest.mark.parametrize("programs", [{}, {MINT: solana.TOKEN}])
def test_of_a_short_reply_no_token_account_counts_either(programs: dict[str, str]) -> None:
    """The owner of an account can be changed, so that one that names an owner may be another one's that was asked for."""
    asked = solana.ask([token(0), token(1)], "finalized", programs)
    found = solana.read(result(holding(5, 0), clock()), asked)
    assert found.outcomes == (MISSING, MISSING)
    assert (found.received, found.slot) == (2, SLOT)


# tokens whose program is proved

PROVED = {MINT: solana.TOKEN_2022}


def test_a_token_whose_program_is_proved_takes_one_key() -> None:
    asked = solana.ask([native(0), token(1), token(2)], "finalized", PROVED)
    accounts = [solana.token_accounts(owner(n), MINT)[1] for n in (1, 2)]
    assert asked.keys == [owner(0), *accounts, solana.CLOCK]
    answer = result(account(9), holding(7, 1, solana.TOKEN_2022), None, clock())
    assert solana.read(answer, asked).outcomes == (9, 7, 0)
    other = Reading(3, owner(3), Asset("sol", "OTHER", 6, solana.SYSVAR))
    assert len(solana.ask([token(1), other], "finalized", PROVED).keys) == 4, "of the other one both are asked"


@pytest.mark.parametrize(
    "wrong",
    [
        [holding(5, 2, solana.TOKEN_2022), holding(5, 1, solana.TOKEN_2022)],
        [None, holding(5, 1, solana.TOKEN_2022)],
        [holding(5, 1), None],
        [holding(5, 1, solana.TOKEN_2022, mint=solana.SYSVAR), None],
    ],
)
def test_with_one_key_a_token_they_have_to_be_in_their_places_too(wrong: list[object]) -> None:
    asked = solana.ask([token(1), token(2)], "finalized", PROVED)
    with pytest.raises(CallError, match="not in place"):
        solana.read(result(*wrong, clock()), asked)


# mints


def mint(decimals: int = 6, program: str = solana.TOKEN, initialized: int = 1, more: bytes = b"") -> dict[str, Any]:
    data = bytes(44) + bytes([decimals, initialized]) + bytes(36)
    return account(1_461_600, program, data.ljust(solana.ACCOUNT_TYPE, b"\0") + more if more else data)


def test_a_mints_account_states_its_program_and_decimals() -> None:
    method, (keys, options) = solana.mints_call([MINT, owner(1)], "confirmed")
    assert method == "getMultipleAccounts"
    assert keys == [MINT, owner(1), solana.CLOCK]
    assert options == {"commitment": "confirmed", "encoding": "base64", "dataSlice": {"offset": 0, "length": 166}}
    found = solana.mints(result(mint(), mint(9, solana.TOKEN_2022), mint(2, solana.TOKEN_2022, more=b"\1"), clock()), 3)
    assert found == [
        TokenFacts(6, program=solana.TOKEN),
        TokenFacts(9, program=solana.TOKEN_2022),
        TokenFacts(2, program=solana.TOKEN_2022),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        account(890_880),
        mint(program=solana.SYSVAR),
        mint(initialized=0),
        mint(more=b"\1"),
        mint(program=solana.TOKEN_2022, more=b"\2"),
        holding(5, 1),
        account(1, solana.TOKEN, bytes(165)),
        account(1, solana.TOKEN) | {"data": ["", "base58"]},
    ],
)
def test_what_is_no_mint_is_no_token(wrong: object) -> None:
    (found,) = solana.mints(result(wrong, clock()), 1)
    assert isinstance(found, ReadError)
    assert found.code is ReadCode.EMPTY


@pytest.mark.parametrize("value", [[mint()], [mint(), None], [clock(), mint()], [mint(), mint(), clock()], [mint(), clock(1)]])
def test_mints_without_the_clock_in_its_place_prove_nothing(value: list[object]) -> None:
    with pytest.raises(CallError) as caught:
        solana.mints(result(*value), 1)
    assert caught.value.fault is ReadCode.MALFORMED


@pytest.mark.parametrize("count", [0, 1, 98, 99, 100])
def test_readings_out_are_readings_in(count: int) -> None:
    readings = [native(n) for n in range(count)]
    assert read(result(*(account(n) for n in range(count)), clock()), *readings) == list(range(count))
    short = [] if count == 0 else read(result(*(account(n) for n in range(count))), *readings)
    assert short == [MISSING] * count


@pytest.mark.parametrize(
    "answer",
    [
        b"null",
        b"{}",
        b"[]",
        b'{"context":{},"value":[]}',
        b'{"context":{"slot":1}}',
        b'{"context":{"slot":-1},"value":[]}',
        b'{"context":{"slot":true},"value":[]}',
        b'{"context":{"slot":9223372036854775808},"value":[]}',
        b'{"context":{"slot":1},"value":null}',
        b'{"context":{"slot":1},"value":[{}]}',
        b'{"context":{"slot":1},"value":[0]}',
        b'{"context":{"slot":1},"context":{"slot":2},"value":[]}',
    ],
)
def test_what_is_no_list_of_accounts_is_malformed(answer: bytes) -> None:
    fails(msgspec.Raw(answer), native(0))


def test_a_repeated_member_of_an_account_is_refused() -> None:
    twice = bytes(result(account(5), clock())).replace(b'"lamports": 5', b'"lamports": 5, "lamports": 0')
    assert "more than once" in fails(msgspec.Raw(twice), native(0))


GOOD = bytes(result(account(5), holding(5, 1), None, clock()))


@settings(max_examples=300)
@given(
    st.one_of(
        bodies(GOOD, KEYS),
        st.lists(
            st.sampled_from([None, account(5), holding(5, 1), holding(9, 0), clock(), clock(1), account(0)]), max_size=6
        ).map(lambda value: bytes(result(*value))),
    )
)
def test_any_bytes_are_one_outcome_per_reading_or_a_call_error(answer: bytes) -> None:
    for readings, programs in product(([native(0), token(1)], [token(1)], []), ({}, PROVED)):
        try:
            found = solana.read(msgspec.Raw(answer), solana.ask(readings, "finalized", programs))
        except CallError:
            continue
        assert len(found.outcomes) == len(readings)
    for decode in (solana.slot, solana.genesis_hash, lambda answer: solana.mints(answer, 1)):
        try:
            decode(msgspec.Raw(answer))
        except CallError:
            continue


def test_the_owner_of_an_account_is_shown_without_what_cannot_be_printed() -> None:
    answer = result(holding(5, 1) | {"owner": "Token\x08\ufeff\u202e"}, None, clock())
    (outcome,) = solana.read(answer, solana.ask([token(1)], "finalized")).outcomes
    assert isinstance(outcome, ReadError)
    assert outcome.message.isprintable()
