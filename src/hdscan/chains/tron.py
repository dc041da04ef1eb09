"""Tron: an address is the 20 bytes of an EVM one in base58check after 0x41, and a chain is known by its eth_chainId."""

import re
from collections.abc import Callable

import wallycore

from hdscan.chains.bitcoin import base58check
from hdscan.chains.evm import key_hash
from hdscan.chains.family import BASE58, IS_BASE58, NOT_BASE58, ChainFamily, Script, stranger
from hdscan.model.chain import Chain
from hdscan.model.errors import ConfigError, InputError

PREFIX = b"\x41"  # of Nile's and Shasta's addresses, too

_HEXADECIMAL = re.compile(r"41[0-9a-fA-F]{40}")


class Tron(ChainFamily):
    """The family of Tron."""

    article = "a Tron"
    form = re.compile(rf"T{BASE58}{{33}}")
    decimals = 6
    head_tolerance = 20  # a minute of blocks: a node's solidified state is 19 behind its head
    coin_type = 195

    def canonical(self, chain: Chain, text: str) -> str:
        """T… in base58check; 41 and 40 hexadecimal digits, as Tron's own HTTP API writes it, are read, too."""
        if _HEXADECIMAL.fullmatch(text):
            return _encode(bytes.fromhex(text[2:]))
        data = base58check(text)
        if data is None:
            raise InputError(_fault(text))
        if len(data) != 21:
            raise InputError(f"holds {len(data)} bytes where a Tron address holds 21")
        if data[:1] != PREFIX:
            raise InputError(f"is an address of another coin (version byte 0x{data[0]:02x})")
        return text

    def identity(self, chain_id: int | None, genesis: str | None) -> str:
        if chain_id is None or genesis is not None:
            raise ConfigError("a tron chain is known by its chain_id (and has no genesis here)")
        return str(chain_id)

    def check_contract(self, text: str) -> None:
        data = base58check(text) or b""
        if len(data) != 21 or data[:1] != PREFIX:
            raise ConfigError("contract has to be the token's address, T… in base58check")

    def encoder(self, chain: Chain, script: Script | None) -> Callable[[bytes], str]:
        """0x41 and what is an EVM chain's address, in base58check (developers.tron.network/docs/account)."""
        return lambda key: _encode(key_hash(key))


def hexadecimal(address: str) -> str:
    """A canonical address as Ethereum's JSON-RPC has it: 0x and 40 digits, without the 41."""
    return "0x" + bytes(wallycore.base58check_to_bytes(address))[1:].hex()


def _encode(account: bytes) -> str:
    return str(wallycore.base58check_from_bytes(PREFIX + account))


def _fault(text: str) -> str:
    """What keeps a text from being base58check."""
    if not text:
        return "is empty"
    return "has a wrong checksum: mistyped or cut off" if IS_BASE58.fullmatch(text) else stranger(text, NOT_BASE58, "base58")
