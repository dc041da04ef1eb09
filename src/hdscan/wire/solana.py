"""Solana's getMultipleAccounts: lamports and associated token accounts in one call, with the clock as the last key.

solana.com/docs/rpc/http/getmultipleaccounts. Replies are positional, and items don't name their address: a reply of full
length counts only with the Clock sysvar in its place, and of a short one nothing does. (A token account names its owner, but
owners can be changed: it may be another one's that was asked for.)
"""

from binascii import a2b_base64
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated, Any

import msgspec

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import MISSING, Missing, TokenFacts
from hdscan.model.reading import ReadError, Reading
from hdscan.wire.failure import Codes
from hdscan.wire.jsonrpc import Call
from hdscan.wire.strict import below_63_bits, decode, malformed, refuse_repeats
from hdscan.wire.words import shown

CLOCK = "SysvarC1ock11111111111111111111111111111111"
SYSVAR = "Sysvar1111111111111111111111111111111111111"
SYSTEM = "11111111111111111111111111111111"
TOKEN = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
TOKEN_2022 = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"
GENESIS: Call = ("getGenesisHash", ())
CODES: Codes = {
    429: ReadCode.THROTTLED,  # public RPC
    -32001: ReadCode.SERVER_ERROR,  # block cleaned up
    -32004: ReadCode.SERVER_ERROR,  # block not available
    -32005: ReadCode.SERVER_ERROR,  # node is unhealthy
    -32014: ReadCode.SERVER_ERROR,  # block status not yet available
    -32016: ReadCode.STALE,  # minContextSlot not reached
    -32401: ReadCode.BAD_KEY,  # Helius
    -32429: ReadCode.THROTTLED,  # Helius
}

SLICE = 72  # bytes of an account that are asked: mint, owner, amount; the clock has 40
CLOCK_SIZE = 40
CLOCK_DRIFT = 150  # slots, about a minute, between a reply's context and its clock
PROGRAMS = (TOKEN, TOKEN_2022)
MINT_SIZE, DECIMALS, INITIALIZED = 82, 44, 45  # bytes of a mint, and where in it
ACCOUNT_TYPE = 165  # where Token-2022 says what an account with extensions is; 1 is a mint

NONE_PROVED: Mapping[str, str] = MappingProxyType({})

U64 = Annotated[int, msgspec.Meta(ge=0)]


class Asked(msgspec.Struct, frozen=True):
    """A call, and the `keys` to match its reply with, the clock last; `programs` are those of proved mints."""

    readings: Sequence[Reading]
    keys: Sequence[str]
    commitment: str
    programs: Mapping[str, str]

    @property
    def call(self) -> Call:
        return _call(self.keys, self.commitment, SLICE)

    def programs_of(self, reading: Reading) -> Sequence[str | None]:
        """The token program of each key of a reading, None for the address itself."""
        return (None,) if reading.asset.contract is None else programs_of(reading.asset.contract, self.programs)


class Found(msgspec.Struct, frozen=True):
    """A decoded reply: one outcome per reading, the slot, and the number of accounts received."""

    outcomes: tuple[int | ReadError | Missing, ...]
    slot: int
    received: int


class Account(msgspec.Struct, frozen=True):
    """An account in a reply; `owner` is the program that it belongs to."""

    lamports: U64
    owner: str
    data: tuple[str, str]


class Context(msgspec.Struct, frozen=True):
    """The slot that a reply is of."""

    slot: U64


class _Accounts(msgspec.Struct, frozen=True):
    context: Context
    value: list[Account | None]


_accounts = msgspec.json.Decoder(_Accounts)
_number = msgspec.json.Decoder(U64)
_string = msgspec.json.Decoder(str)


def ask(readings: Sequence[Reading], commitment: str, programs: Mapping[str, str] = NONE_PROVED) -> Asked:
    """Lay out a call: a key for every reading, two for a token whose program is not in `programs`; then the clock."""
    keys: list[str] = []
    for reading in readings:
        mint = reading.asset.contract
        keys += [reading.address] if mint is None else token_accounts(reading.address, mint, programs_of(mint, programs))
    return Asked(readings, [*keys, CLOCK], commitment, programs)


def programs_of(mint: str, proved: Mapping[str, str]) -> Sequence[str]:
    """The token programs under which a mint's accounts may be."""
    return (proved[mint],) if mint in proved else PROGRAMS


def token_accounts(owner: str, mint: str, programs: Sequence[str] = PROGRAMS) -> list[str]:
    """Derive the associated token accounts of an owner under token programs; the owner may be off the curve."""
    from solders.token.associated import get_associated_token_address as derived

    return [str(derived(_key(owner), _key(mint), _key(program))) for program in programs]


@lru_cache(maxsize=256)  # mints and programs, and an owner for all of his tokens
def _key(text: str) -> Any:
    from solders.pubkey import Pubkey

    return Pubkey.from_string(text)


def mints_call(mints: Sequence[str], commitment: str) -> Call:
    """The call for the accounts of mints, and the clock."""
    return _call([*mints, CLOCK], commitment, ACCOUNT_TYPE + 1)


def _call(keys: Sequence[str], commitment: str, length: int) -> Call:
    options = {"commitment": commitment, "encoding": "base64", "dataSlice": {"offset": 0, "length": length}}
    return "getMultipleAccounts", (keys, options)


def mint_and_owner(data: bytes) -> tuple[str, str]:
    """The mint and the owner that a token account's data name."""
    from solders.pubkey import Pubkey

    return str(Pubkey(data[:32])), str(Pubkey(data[32:64]))


def read(answer: msgspec.Raw, asked: Asked) -> Found:
    """Decode a reply to `asked`: an amount or error per reading; MISSING where a short reply proves nothing.

    Raises CallError MALFORMED for anything else: too many accounts, no clock at its place, a clock of another time.
    """
    slot, value = _decoded(answer, len(asked.keys))
    if len(value) < len(asked.keys):
        return Found((MISSING,) * len(asked.readings), slot, len(value))
    _check_clock(value[-1], slot)
    _check_places(value, asked)
    accounts = iter(value)
    return Found(tuple(_outcome(reading, asked.programs_of(reading), accounts) for reading in asked.readings), slot, len(value))


def mints(answer: msgspec.Raw, count: int) -> list[TokenFacts | ReadError]:
    """Decode a reply to `mints_call` for `count` mints; raises CallError MALFORMED, also for a short one."""
    slot, value = _decoded(answer, count + 1)
    _check_clock(value[-1] if len(value) > count else None, slot)
    return [_facts(account) for account in value[:-1]]


def _decoded(answer: msgspec.Raw, most: int) -> tuple[int, Sequence[Account | None]]:
    reply = decode(_accounts, answer, "the result")
    slot, value = reply.context.slot, reply.value
    present = sum(account is not None for account in value)
    refuse_repeats(
        bytes(answer), {b'"lamports"': present, b'"owner"': present, b'"data"': present, b'"value"': 1, b'"slot"': 1}
    )
    below_63_bits(slot, "the slot")
    if len(value) > most:
        raise malformed(f"{len(value)} accounts for {most} keys")
    return slot, value


def _facts(account: Account | None) -> TokenFacts | ReadError:
    if account is None:
        return ReadError(ReadCode.EMPTY, "there is no mint at the token's address")
    data = _data(account)
    plain = len(data) == MINT_SIZE
    extended = account.owner == TOKEN_2022 and len(data) > ACCOUNT_TYPE and data[ACCOUNT_TYPE] == 1
    if account.owner not in PROGRAMS or not (plain or extended) or data[INITIALIZED] != 1:
        owner = shown(account.owner[:44])
        return ReadError(ReadCode.EMPTY, f"the token's address is no mint, but an account of program {owner}")
    return TokenFacts(data[DECIMALS], program=account.owner)


def slot(answer: msgspec.Raw) -> int:
    """Decode getSlot's result; raises CallError MALFORMED."""
    return below_63_bits(decode(_number, answer, "the slot"), "the slot")


def genesis_hash(answer: msgspec.Raw) -> str:
    """Decode getGenesisHash's result, base58; raises CallError MALFORMED."""
    return decode(_string, answer, "the genesis hash")


def _check_clock(account: Account | None, slot: int) -> None:
    try:
        if account is None or account.owner != SYSVAR:
            raise malformed("another account")
        data = account_data(account)
        if len(data) != CLOCK_SIZE:
            raise malformed(f"{len(data)} bytes")
        if abs(int.from_bytes(data[:8], "little") - slot) > CLOCK_DRIFT:
            raise malformed(f"slot {int.from_bytes(data[:8], 'little')} in a reply of slot {slot}")
    except CallError as error:
        raise malformed(f"where the clock belongs stands {error}: the accounts are not in place") from None


def _check_places(value: Sequence[Account | None], asked: Asked) -> None:
    """Refuse a reply in which a token account stands in another's place: then its neighbours may be out of place too.

    The mint and program of an associated token account never change. Its owner can, but one who was asked for as well looks
    like a shift, and so does the token account of such an owner in place of a wallet.
    """
    owners = {reading.address for reading in asked.readings}
    accounts = iter(value)
    for reading in asked.readings:
        for program in asked.programs_of(reading):
            account = next(accounts)
            if account is not None and account.owner in PROGRAMS and _is_misplaced(account, reading, program, owners):
                raise malformed("a token account stands in another's place: the accounts are not in place")


def _is_misplaced(account: Account, reading: Reading, program: str | None, owners: Collection[str]) -> bool:
    """Whether a token program's account cannot be that of `reading`, under `program` or (None) as an address of its own."""
    data = _data(account)
    if len(data) != SLICE:
        return program not in (None, account.owner)
    mint, owner = mint_and_owner(data)
    if program is None:
        return owner in owners and reading.address not in token_accounts(owner, mint)
    return account.owner != program or mint != reading.asset.contract or (owner != reading.address and owner in owners)


def _outcome(reading: Reading, programs: Sequence[str | None], accounts: Iterator[Account | None]) -> int | ReadError:
    own = [(next(accounts), program) for program in programs]
    try:
        return sum(
            _lamports(account) if program is None else _token_units(account, program, reading) for account, program in own
        )
    except CallError as error:
        return ReadError(error.fault, error.message)


def _lamports(account: Account | None) -> int:
    lamports = 0 if account is None else account.lamports
    if lamports >= 2**64:
        raise malformed("more lamports than 64 bits hold")
    return lamports


def _token_units(account: Account | None, program: str, reading: Reading) -> int:
    """An absent account holds none, nor does an address that was merely sent lamports (System program, no data)."""
    if account is None:
        return 0
    data = account_data(account)
    if account.owner == SYSTEM and not data:
        return 0
    if account.owner != program:
        raise malformed(f"the associated token account belongs to program {shown(account.owner[:44])}")
    if len(data) != SLICE:
        raise malformed(f"{len(data)} bytes where {SLICE} of a token account belong")
    if mint_and_owner(data) != (reading.asset.contract, reading.address):
        raise malformed("the associated token account names another mint or owner")
    return int.from_bytes(data[64:72], "little")


def _data(account: Account) -> bytes:
    try:
        return account_data(account)
    except CallError:
        return b""


def account_data(account: Account) -> bytes:
    """Decode an account's data; raises CallError MALFORMED."""
    text, encoding = account.data
    if encoding != "base64":
        raise malformed("data that is not base64")
    try:
        return a2b_base64(text, strict_mode=True)
    except ValueError:
        raise malformed("data that is not base64") from None
