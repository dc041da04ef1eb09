"""Etherscan's API V2, the shape that BscScan had: balancemulti, tokenbalance, proxy (docs.etherscan.io)."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import TokenFacts
from hdscan.model.reading import ReadError, Reading
from hdscan.wire.erc20 import DECIMALS, facts, from_hex
from hdscan.wire.evm import block_hash, nonce, quantity
from hdscan.wire.failure import NO_CODES, OwnError, decode_reply, failure, or_prose
from hdscan.wire.http import Request, Response
from hdscan.wire.strict import below_63_bits, decode, malformed, read_decimal, refuse_repeats
from hdscan.wire.words import message

MOST = 20
T = TypeVar("T")


class _Account(msgspec.Struct, frozen=True):
    account: str
    balance: str


class _Node(msgspec.Struct, frozen=True):
    result: msgspec.Raw


class _Reply(msgspec.Struct, frozen=True):
    result: list[msgspec.Raw] | str | None
    status: str | None = None


_LEFT_OUT = ReadError(ReadCode.MISSING, "the reply left this address out")
_nodes = msgspec.json.Decoder(_Node)
_replies = msgspec.json.Decoder(_Reply)
_accounts = msgspec.json.Decoder(_Account)


def balances_request(readings: Sequence[Reading], chain_id: str) -> Request:
    """Ask for up to 20 native balances (balancemulti) or one token balance (tokenbalance)."""
    addresses = ",".join(reading.address for reading in readings)
    contract = readings[0].asset.contract
    query = {"chainid": chain_id, "module": "account", "action": "balancemulti", "address": addresses, "tag": "latest"}
    if contract is not None:
        query |= {"action": "tokenbalance", "contractaddress": contract}
    return Request(query=query)


def proxy_request(action: str, chain_id: str, **parameters: str) -> Request:
    """Ask a node through Etherscan: eth_chainId or eth_blockNumber."""
    return Request(query={"chainid": chain_id, "module": "proxy", "action": action, **parameters})


def block_request(height: int, chain_id: str) -> Request:
    """Ask a node through Etherscan for a block, without its transactions."""
    return proxy_request("eth_getBlockByNumber", chain_id, tag=hex(height), boolean="false")


def block(response: Response, height: int) -> str:
    """Decode the hash of the block at a height; raises CallError."""
    if response.status != 200:
        raise failure(response)
    refuse_repeats(response.body, {b'"result"': 1})
    try:
        return block_hash(decode(_nodes, response.body, "the reply").result, height)
    except CallError as error:
        raise or_prose(error, response) from None


def balances(response: Response, readings: Sequence[Reading]) -> list[int | ReadError]:
    """Decode native balances in wei, one per reading, matched by address.

    An address that is missing or has no decimal balance is that reading's error. Raises CallError where `result` is a
    sentence (one about a single address is its own error), and where accounts are repeated or foreign, since then no
    balance is surely in its place.
    """
    reply = _reply(response)
    if not isinstance(reply.result, list):
        return [_refused(response, len(readings))]
    found: dict[str, int | ReadError] = {reading.address.lower(): _LEFT_OUT for reading in readings}
    for raw in reply.result:
        item = decode(_accounts, raw, "an account")
        if found.get(item.account.lower()) is not _LEFT_OUT:
            raise malformed("an account that was not asked, or one twice: no balance is surely in its place")
        found[item.account.lower()] = read_decimal(item.balance)
    if all(balance is _LEFT_OUT for balance in found.values()):
        raise malformed("the reply has none of the accounts that were asked")
    once = len(reply.result)
    refuse_repeats(response.body, {b'"status"': 1, b'"result"': 1, b'"account"': once, b'"balance"': once})
    return [found[reading.address.lower()] for reading in readings]


def token_balance(response: Response) -> int | ReadError:
    """Decode one token balance in its base units; raises CallError for a refusal."""
    reply = _reply(response)
    if isinstance(reply.result, str) and reply.status == "1":
        refuse_repeats(response.body, {b'"status"': 1, b'"result"': 1})
        return read_decimal(reply.result)
    return _refused(response, 1)


def number(response: Response) -> int:
    """Decode the chain id or block number of a proxy reply; raises CallError."""
    return below_63_bits(_proxied(response, quantity), "the number")


def nonce_request(address: str, chain_id: str) -> Request:
    """Ask a node through Etherscan for an address's nonce."""
    return proxy_request("eth_getTransactionCount", chain_id, address=address, tag="latest")


def transactions(response: Response) -> int:
    """Decode the reply to `nonce_request`; raises CallError."""
    return _proxied(response, nonce)


def decimals_request(contract: str, chain_id: str) -> Request:
    """Ask a token's contract for its decimals, through a node behind Etherscan."""
    return proxy_request("eth_call", chain_id, to=contract, data=f"0x{DECIMALS}", tag="latest")


def token_facts(response: Response) -> TokenFacts | ReadError:
    """Decode the reply to `decimals_request`; raises CallError."""
    return facts(_proxied(response, from_hex))


def _proxied(response: Response, read: Callable[[str], T]) -> T:
    """What a node's result says; where it can't be read, the reply is a refusal."""
    reply = _reply(response)
    try:
        value = read(reply.result if isinstance(reply.result, str) else "")
    except CallError:
        raise _refusal(response) from None
    refuse_repeats(response.body, {b'"status"': 1, b'"result"': 1})
    return value


def _reply(response: Response) -> _Reply:
    if response.status != 200:
        raise failure(response)
    reply = decode_reply(_replies, response)
    if reply.result is None and reply.status != "0":
        raise malformed("there is no result")
    if isinstance(reply.result, list) and reply.status != "1":
        raise _refusal(response)
    return reply


def _refusal(response: Response) -> CallError:
    return failure(response, NO_CODES, OwnError(None, message(response.body)))


def _refused(response: Response, asked: int) -> ReadError:
    error = _refusal(response)
    if asked > 1 or error.fault is not ReadCode.ITEM_ERROR:
        raise error
    return ReadError(error.fault, error.message)
