"""The ABI shapes of a simulated EVM node, from the specification.

Source: https://docs.soliditylang.org/en/latest/abi-spec.html and https://github.com/mds1/multicall3
"""

from collections.abc import Sequence
from itertools import accumulate

import msgspec

BALANCE_OF = bytes.fromhex("70a08231")
DECIMALS = bytes.fromhex("313ce567")
SYMBOL = bytes.fromhex("95d89b41")
AGGREGATE3 = bytes.fromhex("82ad56cb")
GET_ETH_BALANCE = bytes.fromhex("4d2301cc")
GET_BLOCK_NUMBER = bytes.fromhex("42cbb15c")
GET_CHAIN_ID = bytes.fromhex("3408e470")
GET_LAST_BLOCK_HASH = bytes.fromhex("27e86d6e")
GET_BLOCK_HASH = bytes.fromhex("ee82ac5e")
GET_TIMESTAMP = bytes.fromhex("0f28c97d")


class Subcall(msgspec.Struct, frozen=True, gc=False):
    """One Call3 of aggregate3: `target` is 20 bytes, `data` the call data with its selector."""

    target: bytes
    allow_failure: bool
    data: bytes


def word(number: int) -> bytes:
    """Write an unsigned integer as one 32-byte word."""
    return number.to_bytes(32, "big")


def text(value: str) -> bytes:
    """Write a string as a function returns it."""
    data = value.encode()
    return word(32) + word(len(data)) + data + bytes(-len(data) % 32)


def decode_aggregate3(data: bytes) -> list[Subcall]:
    """Read the call data of aggregate3((address,bool,bytes)[]); ValueError where an offset points outside."""

    def number(at: int) -> int:
        if at + 32 > len(data):
            raise ValueError("an offset points outside the call data")
        return int.from_bytes(data[at : at + 32], "big")

    array = 4 + number(4)
    length = number(array)
    base = array + 32
    calls = []
    for item in range(length):
        at = base + number(base + 32 * item)
        inner = at + number(at + 64)
        size = number(inner)
        if inner + 32 + size > len(data):
            raise ValueError("call data ends early")
        calls.append(Subcall(data[at + 12 : at + 32], number(at + 32) != 0, data[inner + 32 : inner + 32 + size]))
    return calls


def encode_results(results: Sequence[tuple[bool, bytes]]) -> bytes:
    """Write the return value of aggregate3: (bool success, bytes returnData)[]."""
    tails = [word(success) + word(64) + word(len(data)) + data + bytes(-len(data) % 32) for success, data in results]
    offsets = accumulate(map(len, tails[:-1]), initial=32 * len(results))
    heads = [word(offset) for offset in offsets]
    return word(32) + word(len(results)) + b"".join(heads + tails)
