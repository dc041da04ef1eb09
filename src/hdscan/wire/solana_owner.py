"""Solana's getTokenAccountsByOwner: every token account of an owner under one token program, associated or not.

solana.com/docs/rpc/http/gettokenaccountsbyowner. A reply names each account, and each account its owner and mint; one that is
left out cannot be noticed.
"""

from collections import Counter
from collections.abc import Container, Mapping, Sequence

import msgspec

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.reading import ReadError, Unlisted
from hdscan.wire.jsonrpc import Answer, Call
from hdscan.wire.solana import PROGRAMS, SLICE, Account, Context, account_data, mint_and_owner
from hdscan.wire.strict import below_63_bits, decode, malformed, refuse_repeats
from hdscan.wire.words import shown

CALLS = len(PROGRAMS)  # that one owner takes
MOST = 10_000  # accounts in a reply
MOST_UNLISTED = 200  # mints of an owner beside the listed ones: anybody can send him more
UNITS = 2**64  # a mint's supply is less


class Holdings(msgspec.Struct, frozen=True):
    """The token units that an owner holds, by mint, and the earliest slot that they are of; what is not named is none."""

    amounts: Mapping[str, int]
    slot: int

    def unlisted(self, listed: Container[str]) -> Unlisted:
        """What is held of other mints than these, at most MOST_UNLISTED, the first in the order of their names."""
        found = sorted((mint, units) for mint, units in self.amounts.items() if units and mint not in listed)
        return Unlisted(tuple(found[:MOST_UNLISTED]), max(0, len(found) - MOST_UNLISTED))


class _Keyed(msgspec.Struct, frozen=True):
    pubkey: str
    account: Account


class _Accounts(msgspec.Struct, frozen=True):
    context: Context
    value: list[_Keyed]


_accounts = msgspec.json.Decoder(_Accounts)


def calls(owner: str, commitment: str) -> list[Call]:
    """The calls for an owner's token accounts, one per token program."""
    options = {"commitment": commitment, "encoding": "base64", "dataSlice": {"offset": 0, "length": SLICE}}
    return [("getTokenAccountsByOwner", (owner, {"programId": program}, options)) for program in PROGRAMS]


def holdings(answers: Sequence[Answer], owners: Sequence[str]) -> list[Holdings | ReadError]:
    """Decode the answers to the `calls` of these owners, in their order.

    MALFORMED for an account twice, of another program, or too many of them. Raises CallError MALFORMED where an account is
    another owner's: then an empty list may be another owner's as well.
    """
    return [_holdings(answers[n * CALLS :][:CALLS], owner) for n, owner in enumerate(owners)]


class _Misplaced(CallError):
    """An account stands among another owner's."""


def _holdings(answers: Sequence[Answer], owner: str) -> Holdings | ReadError:
    amounts: Counter[str] = Counter()
    named: set[str] = set()
    slots = []
    for program, answer in zip(PROGRAMS, answers, strict=True):
        if isinstance(answer, ReadError):
            return answer
        try:
            slots.append(_add(amounts, named, answer, owner, program))
        except _Misplaced:
            raise
        except CallError as error:
            return ReadError(error.fault, error.message)
    return Holdings(amounts, min(slots))


def _add(amounts: Counter[str], named: set[str], answer: msgspec.Raw, owner: str, program: str) -> int:
    """Add what one answer states, and the accounts that it names; return its slot."""
    reply = decode(_accounts, answer, "the result")
    count = len(reply.value)
    names = dict.fromkeys((b'"pubkey"', b'"account"', b'"lamports"', b'"owner"', b'"data"'), count)
    refuse_repeats(bytes(answer), names | {b'"value"': 1, b'"slot"': 1})
    if count > MOST:
        raise malformed(f"{count} token accounts of one owner")
    before = len(named)
    named |= {each.pubkey for each in reply.value}
    if len(named) < before + count:
        raise malformed("a token account stands there twice")
    for each in reply.value:
        if each.account.owner != program:
            raise malformed(f"a token account belongs to program {shown(each.account.owner[:44])}")
        data = account_data(each.account)
        if len(data) != SLICE:
            raise malformed(f"{len(data)} bytes where {SLICE} of a token account belong")
        mint, its_owner = mint_and_owner(data)
        if its_owner != owner:
            raise _Misplaced(ReadCode.MALFORMED, "a token account names another owner: no answer is surely in its place")
        amounts[mint] += int.from_bytes(data[64:SLICE], "little")
        if amounts[mint] >= UNITS:
            raise malformed("an owner holds more of a token than there can be")
    return below_63_bits(reply.context.slot, "the slot")
