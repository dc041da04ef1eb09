"""Multicall3's aggregate3: the balances of hundreds of addresses at one block, in one eth_call (github.com/mds1/multicall3).

The ABI is sliced by hand, since the shapes are fixed: each subcall is (target, allowFailure, 4 or 36 bytes), each result
(success, bytes). The first subcalls ask for block number, chain id and block hashes, the last for the time, so that a reply
names its block, and a list that lost or gained an item does not fit.
"""

from collections.abc import Sequence
from functools import lru_cache
from struct import iter_unpack

import msgspec

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import TokenFacts
from hdscan.model.reading import ReadError, Reading
from hdscan.wire.erc20 import DECIMALS, EMPTY, SYMBOL, facts, returned
from hdscan.wire.evm import BALANCE_OF, LATEST
from hdscan.wire.jsonrpc import Call
from hdscan.wire.revert import reverted
from hdscan.wire.strict import below_63_bits, malformed

MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11"
AGGREGATE3 = "82ad56cb"
GET_BLOCK_NUMBER = "42cbb15c"
GET_CHAIN_ID = "3408e470"
GET_LAST_BLOCK_HASH = "27e86d6e"
GET_BLOCK_HASH = "ee82ac5e"
GET_TIMESTAMP = "0f28c97d"
GET_ETH_BALANCE = "4d2301cc"

SHORT, LONG = 160, 192  # bytes of a subcall with 4 and with 36 bytes of calldata
HEADERS = 4
LONGEST_REVERT = 4096  # bytes of a subcall's revert that are read
KNOWN = 256  # blocks below its own whose hash a contract is told (Ethereum Yellow Paper, BLOCKHASH)


class Block(msgspec.Struct, frozen=True):
    """The block that a multicall was answered at; `time` in unix seconds, `hashes` of blocks below it by height."""

    number: int
    chain_id: int
    time: int
    hashes: dict[int, str]


def _words(*values: int) -> str:
    return "".join(f"{value:064x}" for value in values)


def _short(selector: str, target: str = MULTICALL3) -> str:
    return f"{target[2:].lower():0>64}{_words(1, 96, 4)}{selector:0<64}"


_FIRST = _short(GET_BLOCK_NUMBER) + _short(GET_CHAIN_ID) + _short(GET_LAST_BLOCK_HASH)
_BLOCK_HASH = f"{MULTICALL3[2:].lower():0>64}{_words(1, 96, 36)}{GET_BLOCK_HASH}"
_LAST = _short(GET_TIMESTAMP)
_ADDRESS_PAD = "0" * 24
_DATA_PAD = "0" * 56


@lru_cache(maxsize=4096)
def _head(contract: str | None) -> str:
    """A subcall up to the 20 bytes of the address it asks for."""
    target, selector = (MULTICALL3, GET_ETH_BALANCE) if contract is None else (contract, BALANCE_OF)
    return f"{target[2:].lower():0>64}{_words(1, 96, 36)}{selector}{_ADDRESS_PAD}"


@lru_cache(maxsize=64)
def _prologue(count: int) -> str:
    """Selector, list offset, length and item offsets of `count` hashes and balances between the headers."""
    table = 32 * (count + HEADERS)
    first = [table + SHORT * n for n in range(HEADERS - 1)]
    offsets = [*first, *(first[-1] + SHORT + LONG * n for n in range(count + 1))]
    return f"0x{AGGREGATE3}{_words(32, count + HEADERS, *offsets)}{_FIRST}"


def call(readings: Sequence[Reading], former: Sequence[int] = (), tag: str = LATEST) -> Call:
    """The eth_call that reads these balances, with block number, chain id, time, and the hashes at the heights `former`."""
    items = [f"{_BLOCK_HASH}{height:064x}{_DATA_PAD}" for height in former]
    items += [f"{_head(reading.asset.contract)}{reading.address[2:]}{_DATA_PAD}" for reading in readings]
    data = f"{_prologue(len(items))}{''.join(items)}{_LAST}"
    return "eth_call", ({"to": MULTICALL3, "data": data}, tag)


def decode(answer: msgspec.Raw, count: int, former: Sequence[int] = ()) -> tuple[Block, list[int | ReadError]]:
    """Decode the result of `call` for `count` readings: the block, and an amount or error for each.

    Hashes that the node doesn't know are left out. Raises CallError MALFORMED for anything that is not exactly the ABI encoding
    of such a list, EMPTY where no contract answered.
    """
    data = _returned(answer)
    try:
        results = _results(data, len(former) + count + HEADERS)
    except ValueError as error:
        raise malformed(f"aggregate3: {error}") from None
    number, chain_id, last, *items, time = results
    if isinstance(number, ReadError) or isinstance(chain_id, ReadError) or isinstance(time, ReadError):
        raise malformed("aggregate3: block number, chain id or time could not be read")
    below_63_bits(max(number, chain_id, time), "aggregate3: block number, chain id or time")
    told = zip((number - 1, *former), (last, *items[: len(former)]), strict=True)
    hashes = {height: f"0x{known:064x}" for height, known in told if isinstance(known, int) and known}
    return Block(number, chain_id, time, hashes), items[len(former) :]


def token_call(contracts: Sequence[str], tag: str = LATEST) -> Call:
    """The eth_call that asks contracts what their tokens are."""
    items = [_short(selector, contract) for contract in contracts for selector in (DECIMALS, SYMBOL)]
    offsets = [32 * len(items) + SHORT * n for n in range(len(items))]
    data = f"0x{AGGREGATE3}{_words(32, len(items), *offsets)}{''.join(items)}"
    return "eth_call", ({"to": MULTICALL3, "data": data}, tag)


def token_facts(answer: msgspec.Raw, count: int) -> list[TokenFacts | ReadError]:
    """Decode the result of `token_call` for `count` contracts; raises CallError as `decode` does."""
    data = _returned(answer)
    try:
        items = _items(data, 2 * count)
    except ValueError as error:
        raise malformed(f"aggregate3: {error}") from None
    pairs = zip(items[::2], items[1::2], strict=True)
    return [facts(decimals, symbol if known else b"") if done else _REVERTED for (done, decimals), (known, symbol) in pairs]


def _returned(answer: msgspec.Raw) -> bytes:
    data = returned(answer)
    if not data:
        raise CallError(ReadCode.EMPTY, "no data: there is no Multicall3 contract on this chain")
    return data


_WORD_RESULT = bytes.fromhex(_words(1, 64, 32))  # success, offset and length of a result of one word
_LIST = bytes.fromhex(_words(32))
_REVERTED = ReadError(ReadCode.REVERTED, "the contract call failed")


@lru_cache(maxsize=64)
def _table(count: int) -> bytes:
    """The length and item offsets of a list whose every result is one word, as nearly all are."""
    return _LIST + bytes.fromhex(_words(count, *(32 * count + 128 * n for n in range(count))))


def _results(data: bytes, count: int) -> list[int | ReadError]:
    """Read a list of (bool, bytes) as amounts; raises ValueError."""
    at = 64 + 32 * count
    if len(data) == at + 128 * count and data[:at] == _table(count):
        heads, words = zip(*iter_unpack("96s32s", data[at:]), strict=True)
        if all(head == _WORD_RESULT for head in heads):
            return [int.from_bytes(word) for word in words]
    return [_amount(success, value) for success, value in _items(data, count)]


def _items(data: bytes, count: int) -> list[tuple[bool, bytes]]:
    """Walk the canonical encoding of (bool, bytes)[]; raises ValueError."""
    at = 64 + 32 * count
    if len(data) < at or data[:32] != _LIST or int.from_bytes(data[32:64]) != count:
        raise ValueError(f"not a list of {count} results")
    found: list[tuple[bool, bytes]] = []
    for slot in range(64, at, 32):
        if int.from_bytes(data[slot : slot + 32]) != at - 64:
            raise ValueError("the items are not where the list says")
        head = data[at : at + 96]
        success, offset, size = int.from_bytes(head[:32]), int.from_bytes(head[32:64]), int.from_bytes(head[64:])
        if len(head) < 96 or success > 1 or offset != 64 or size > 2**20:
            raise ValueError("an item is not (bool, bytes)")
        found.append((success == 1, data[at + 96 : at + 96 + size]))
        at += 96 + (size + 31) // 32 * 32
    if at != len(data):
        raise ValueError("the list is cut short or followed by something else")
    return found


def _amount(success: bool, value: bytes) -> int | ReadError:
    if not success:
        return ReadError(ReadCode.REVERTED, f"the contract call {reverted(value[:LONGEST_REVERT])}") if value else _REVERTED
    if len(value) == 32:
        return int.from_bytes(value)
    return ReadError(ReadCode.MALFORMED, f"not one 32-byte word but {len(value)} bytes") if value else EMPTY
