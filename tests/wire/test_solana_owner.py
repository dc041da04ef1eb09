"""getTokenAccountsByOwner: all accounts of an owner are added, and a list that cannot be his is none."""

from base64 import b64encode
from typing import Any

import msgspec
import pytest
from solders.pubkey import Pubkey

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.reading import ReadError, Unlisted
from hdscan.wire.solana_owner import MOST, MOST_UNLISTED, Holdings, calls, holdings

TOKEN = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
TOKEN_2022 = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"
WRAPPED = "So11111111111111111111111111111111111111112"
OWNER, OTHER, MINT, ACCOUNT, SECOND = (str(Pubkey.from_bytes(bytes([n]) * 32)) for n in range(1, 6))


def account(key: str = ACCOUNT, mint: str = MINT, owner: str = OWNER, units: int = 5, program: str = TOKEN) -> dict[str, Any]:
    """An account with only its first 72 bytes, as asked."""
    data = bytes(Pubkey.from_string(mint)) + bytes(Pubkey.from_string(owner)) + units.to_bytes(8, "little")
    shape = {"lamports": 2039280, "owner": program, "data": [b64encode(data).decode(), "base64"], "executable": False}
    return {"pubkey": key, "account": shape | {"rentEpoch": 2**64 - 1, "space": 165}}


def answer(*accounts: Any, slot: int = 400_000_000) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode({"context": {"apiVersion": "3.0.6", "slot": slot}, "value": accounts}))


def read(*accounts: Any, of_2022: tuple[Any, ...] = ()) -> Holdings | ReadError:
    (found,) = holdings([answer(*accounts), answer(*of_2022, slot=399_999_999)], [OWNER])
    return found


def test_an_owner_is_asked_for_under_both_programs() -> None:
    (first, (method, second)) = calls(OWNER, "confirmed")
    options = {"commitment": "confirmed", "encoding": "base64", "dataSlice": {"offset": 0, "length": 72}}
    assert first == ("getTokenAccountsByOwner", (OWNER, {"programId": TOKEN}, options))
    assert (method, second) == ("getTokenAccountsByOwner", (OWNER, {"programId": TOKEN_2022}, options))


def test_all_accounts_of_a_mint_are_added_at_the_earlier_slot() -> None:
    found = read(
        account(units=2**63),
        account(SECOND, units=7),
        account(OTHER, WRAPPED),
        of_2022=(account(MINT, mint=OTHER, program=TOKEN_2022),),
    )
    assert found == Holdings({MINT: 2**63 + 7, WRAPPED: 5, OTHER: 5}, 399_999_999)


def test_no_accounts_are_no_units() -> None:
    assert read() == Holdings({}, 399_999_999)


@pytest.mark.parametrize(
    ("accounts", "why"),
    [
        ([account(), account()], "twice"),
        ([account(program=TOKEN_2022)], "belongs to program"),
        ([account(units=2**64 - 1), account(SECOND, units=1)], "more of a token than there can be"),
        ([account() | {"account": account()["account"] | {"data": ["AAAA", "base64"]}}], "3 bytes where 72"),
        ([account() | {"account": account()["account"] | {"data": ["AAAA", "base58"]}}], "not base64"),
        ([{"pubkey": ACCOUNT}], "account"),
        ([None], "the result"),
        ([account(str(n)) for n in range(MOST + 1)], "token accounts of one owner"),
    ],
)
def test_a_list_that_cannot_be_right_is_malformed(accounts: list[Any], why: str) -> None:
    found = read(*accounts)
    assert isinstance(found, ReadError)
    assert found.code is ReadCode.MALFORMED
    assert why in found.message


def test_one_account_of_another_owner_spoils_every_answer() -> None:
    answers = [answer(), answer(), answer(account(owner=OTHER)), answer()]
    with pytest.raises(CallError, match="names another owner") as raised:
        holdings(answers, [OTHER, OWNER])
    assert raised.value.fault is ReadCode.MALFORMED


def test_an_account_is_of_one_program_only() -> None:
    found = read(account(), of_2022=(account(program=TOKEN_2022),))
    assert isinstance(found, ReadError)
    assert "twice" in found.message


def test_an_error_of_one_program_is_that_owners_alone() -> None:
    excluded = ReadError(ReadCode.ITEM_ERROR, "excluded from account secondary indexes")
    found = holdings([answer(account()), excluded, answer(), answer()], [OWNER, OTHER])
    assert found == [excluded, Holdings({}, 400_000_000)]


def test_a_name_that_stands_there_twice_is_malformed() -> None:
    raw = bytes(answer(account())).replace(b'"lamports":', b'"lamports":1,"lamports":', 1)
    (found,) = holdings([msgspec.Raw(raw), answer()], [OWNER])
    assert isinstance(found, ReadError)


def test_what_is_held_of_other_mints_is_told_apart_and_bounded() -> None:
    held = Holdings({MINT: 5, WRAPPED: 7, OTHER: 0, SECOND: 2**64 - 1}, 1)
    assert held.unlisted({MINT}) == Unlisted(tuple(sorted({WRAPPED: 7, SECOND: 2**64 - 1}.items())))
    assert held.unlisted({MINT, WRAPPED, SECOND}) == Unlisted()
    spam = Holdings({f"{n:044}": 1 for n in range(MOST_UNLISTED + 3)}, 1).unlisted(())
    assert (len(spam.amounts), spam.left_out) == (MOST_UNLISTED, 3)
