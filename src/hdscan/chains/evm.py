"""EVM chains: an address is 20 bytes in hexadecimal with the checksum of EIP-55, and a chain is known by its EIP-155 id."""

import re
from collections.abc import Callable

import wallycore

from hdscan.chains.family import ChainFamily, Script, stranger
from hdscan.chains.keccak import checksummed, keccak256
from hdscan.model.chain import Chain
from hdscan.model.errors import ConfigError, InputError

WRONG_CASE = "has a wrong EIP-55 checksum (its upper and lower case): mistyped"
_NOT_HEX = re.compile(r"[^0-9a-fA-F]")


class Evm(ChainFamily):
    """The family of Ethereum."""

    article = "an EVM"
    form = re.compile(r"0x[0-9a-fA-F]{40}")
    decimals = 18
    head_tolerance = 20
    coin_type = 60
    steps = 64  # blocks by which `safe` and `finalized` may move at once: two of Ethereum's epochs

    def canonical(self, chain: Chain, text: str) -> str:
        """0x and 40 hexadecimal digits in the case of EIP-55; one case throughout is read, too."""
        if not self.form.fullmatch(text):
            raise InputError(_fault(text))
        body = text[2:]
        lower = body.lower()
        whole = checksummed(lower)
        if text != whole and body not in (lower, body.upper()):
            raise InputError(WRONG_CASE)
        return whole

    def identity(self, chain_id: int | None, genesis: str | None) -> str:
        if chain_id is None or genesis is not None:
            raise ConfigError("an EVM chain is known by its chain_id (and has no genesis here)")
        return str(chain_id)

    def check_contract(self, text: str) -> None:
        if not self.form.fullmatch(text):
            raise ConfigError("contract has to be 0x and 40 hexadecimal digits")
        if not _in_case(text):
            raise ConfigError(f"contract {WRONG_CASE}")

    def same_contract(self, one: str, other: str) -> bool:
        """Hexadecimal digits have no case."""
        return one.lower() == other.lower()

    def read_at(self, stated: str | None, commitment: str) -> str | None:
        """The block tag of the chain's row."""
        return stated

    def l1_blocks(self, stated: bool) -> bool:
        """As the chain's row says."""
        return stated

    def tolerance(self, read_at: str | None) -> int:
        """Wider where hosts move on in steps, each at a moment of its own."""
        return self.head_tolerance if read_at in (None, "latest") else self.steps

    def encoder(self, chain: Chain, script: Script | None) -> Callable[[bytes], str]:
        """The `key_hash` in the form of EIP-55."""
        return lambda key: checksummed(key_hash(key).hex())


def key_hash(key: bytes) -> bytes:
    """The last 20 bytes of the Keccak-256 of a public key, uncompressed (Ethereum yellow paper, appendix F)."""
    return keccak256(wallycore.ec_public_key_decompress(key)[1:])[12:]


def _in_case(text: str) -> bool:
    """Whether an address is in the case of EIP-55, or in one case throughout."""
    body = text[2:]
    return body in (body.lower(), body.upper()) or text == checksummed(body.lower())


def _fault(text: str) -> str:
    """What keeps a text from being 0x and 40 hexadecimal digits."""
    if not text.startswith("0x"):
        return "does not begin with 0x" if text else "is empty"
    if _NOT_HEX.search(text, 2):
        return stranger(text, _NOT_HEX, "a hexadecimal number", 2)
    return f"has {len(text) - 2} hexadecimal digits where an EVM address has 40"
