"""Ethereum's JSON-RPC methods for balances, nonces, head and chain id (ethereum.org/developers/docs/apis/json-rpc)."""

import re
from collections.abc import Mapping

import msgspec

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.reading import Kind, ReadError, Reading
from hdscan.wire.erc20 import EMPTY
from hdscan.wire.failure import Codes
from hdscan.wire.jsonrpc import Call
from hdscan.wire.strict import below_63_bits, decode, malformed, refuse_repeats

BALANCE_OF = "70a08231"
METHODS: Mapping[Kind, str] = {
    Kind.NATIVE: "eth_getBalance",
    Kind.TOKEN: "eth_call",
    Kind.USE: "eth_getTransactionCount",
}
CHAIN_ID: Call = ("eth_chainId", ())
BLOCK_NUMBER: Call = ("eth_blockNumber", ())
LATEST = "latest"
CODES: Codes = {
    30: ReadCode.TIMEOUT,  # dRPC: request timeout on the free tier
    31: ReadCode.TOO_LARGE,  # dRPC, 1RPC: batch of more than 3
    429: ReadCode.THROTTLED,  # Alchemy
    -32003: ReadCode.TOO_LARGE,  # geth: response too large
    -32052: ReadCode.BAD_KEY,  # Ankr: key not allowed on this chain
}

_HASH = re.compile(r"0x[0-9a-f]{64}", re.ASCII)
_QUANTITY = re.compile(r"0x(?:0|[1-9a-fA-F][0-9a-fA-F]{0,63})", re.ASCII)
_WORD = re.compile(r"0x[0-9a-fA-F]{64}", re.ASCII)
_text = msgspec.json.Decoder(str)


class _Block(msgspec.Struct, frozen=True):
    number: str
    hash: str


_blocks = msgspec.json.Decoder(_Block | None)


def balance_call(reading: Reading, tag: str = LATEST) -> Call:
    """The call of one reading: eth_getBalance, eth_call of ERC-20's balanceOf, or for its use eth_getTransactionCount."""
    if reading.kind is not Kind.TOKEN:
        return METHODS[reading.kind], (reading.address, tag)
    data = f"0x{BALANCE_OF}{reading.address[2:].lower():0>64}"
    return "eth_call", ({"to": reading.asset.contract, "data": data}, tag)


def head_call(tag: str) -> Call:
    """The call for the number of the block that a tag names."""
    return BLOCK_NUMBER if tag == LATEST else ("eth_getBlockByNumber", (tag, False))


def head(answer: msgspec.Raw, tag: str) -> int:
    """Decode the result of `head_call`; raises CallError, SERVER_ERROR where the node knows no block by this tag."""
    if tag == LATEST:
        return number(answer, "eth_blockNumber")
    block: _Block | None = decode(_blocks, answer, "the block")
    refuse_repeats(bytes(answer), {b'"number"': 1})
    if block is None:
        raise CallError(ReadCode.SERVER_ERROR, f"has no {tag} block")
    return _number(block.number, f"the number of the {tag} block")


def block_call(height: int) -> Call:
    """The call for a block, without its transactions."""
    return "eth_getBlockByNumber", (hex(height), False)


def block_hash(answer: msgspec.Raw, height: int) -> str:
    """Decode the hash, 0x and 64 digits, of the block at a height; raises CallError, UNAVAILABLE where there is none yet."""
    block: _Block | None = decode(_blocks, answer, "the block")
    refuse_repeats(bytes(answer), {b'"number"': 1, b'"hash"': 1})
    if block is None:
        raise CallError(ReadCode.UNAVAILABLE, f"has no block at {height}")
    if not _HASH.fullmatch(block.hash) or block.number != hex(height):
        raise malformed(f"not the block at {height} with its hash")
    return block.hash


def quantity(text: str) -> int:
    """Read a QUANTITY: 0x, no leading zeros, at most 256 bits; raises CallError MALFORMED."""
    if not _QUANTITY.fullmatch(text):
        raise malformed("not a hexadecimal quantity")
    return int(text, 16)


def balance(answer: msgspec.Raw, reading: Reading) -> int | ReadError:
    """Decode the result of `balance_call`: wei, token units or a nonce; no data is EMPTY (no contract), not zero."""
    try:
        text = decode(_text, answer, "the result")
        if reading.kind is Kind.USE:
            return nonce(text)
        if reading.kind is Kind.NATIVE:
            return quantity(text)
        if text == "0x":
            return EMPTY
        if not _WORD.fullmatch(text):
            raise malformed(f"not one 32-byte word but {max(len(text) - 2, 0) // 2} bytes")
        return int(text, 16)
    except CallError as error:
        return ReadError(error.fault, error.message)


def nonce(text: str) -> int:
    """Read a nonce, which is below 2**64 - 1 (EIP-2681); raises CallError MALFORMED."""
    value = quantity(text)
    if value >= 2**64 - 1:
        raise malformed("a nonce beyond 64 bits")
    return value


def number(answer: msgspec.Raw, what: str) -> int:
    """Decode a chain id or block number, below 2**63; raises CallError MALFORMED."""
    return _number(decode(_text, answer, what), what)


def _number(text: str, what: str) -> int:
    try:
        value = quantity(text)
    except CallError as error:
        raise malformed(f"{what}: {error}") from None
    return below_63_bits(value, what)
