"""Solana: an address is any 32 bytes in base58, on the curve or off it; what is read there is final."""

import re

import wallycore

from hdscan.chains.family import BASE58, IS_BASE58, NOT_BASE58, ChainFamily, stranger
from hdscan.model.chain import Chain, Finality
from hdscan.model.errors import ConfigError, InputError


class Solana(ChainFamily):
    """The family of Solana."""

    article = "a Solana"
    form = re.compile(rf"{BASE58}{{43,44}}")
    decimals = 9
    head_tolerance = 150
    coin_type = 501
    only_hardened = True
    finality = Finality(reorganises=False)

    def canonical(self, chain: Chain, text: str) -> str:
        """The text itself; without a checksum, a mistyped address may be another valid one."""
        if not text:
            raise InputError("is empty")
        if not IS_BASE58.fullmatch(text):
            raise InputError(stranger(text, NOT_BASE58, "base58"))
        if not _is_32_bytes(text):
            raise InputError("is not base58 of 32 bytes, as a Solana address is: mistyped or cut off")
        return text

    def identity(self, chain_id: int | None, genesis: str | None) -> str:
        if genesis is None or chain_id is not None or not _is_32_bytes(genesis):
            raise ConfigError("a solana chain is known by the hash of its first block: genesis, base58 of 32 bytes")
        return genesis

    def read_at(self, stated: str | None, commitment: str) -> str | None:
        """The commitment of [scan]."""
        super().read_at(stated, commitment)
        return commitment

    def check_contract(self, text: str) -> None:
        if not _is_32_bytes(text):
            raise ConfigError("contract has to be the mint's address, base58 of 32 bytes")


def _is_32_bytes(text: str) -> bool:
    # 32 bytes take 32 to 44 characters
    return 32 <= len(text) <= 44 and bool(IS_BASE58.fullmatch(text)) and len(wallycore.base58_to_bytes(text, 0)) == 32
