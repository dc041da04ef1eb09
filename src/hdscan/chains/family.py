"""What every family of chains has to define."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, ClassVar

from hdscan.model.chain import Chain, ChainParams, Finality
from hdscan.model.errors import ConfigError

BASE58 = "[1-9A-HJ-NP-Za-km-z]"
IS_BASE58 = re.compile(f"{BASE58}+")
NOT_BASE58 = re.compile("[^1-9A-HJ-NP-Za-km-z]")


class Script(StrEnum):
    """What a Bitcoin address pays to; each has its purpose in the derivation path."""

    P2PKH = "p2pkh"
    P2SH_P2WPKH = "p2sh-p2wpkh"
    P2WPKH = "p2wpkh"
    P2TR = "p2tr"


class ChainFamily(ABC):
    """One family of chains; `form` is the shape of its addresses, whatever their checksum."""

    article: ClassVar[str]  # its name with its article, as in "looks like an EVM address"
    form: ClassVar[re.Pattern[str]]
    decimals: ClassVar[int]  # of the chain's own coin, unless its row says otherwise
    head_tolerance: ClassVar[int]  # blocks or slots
    coin_type: ClassVar[int]  # SLIP-0044, on mainnet
    only_hardened: ClassVar[bool] = False  # keys are ed25519 (SLIP-0010), where public keys have no children
    finality: ClassVar[Finality] = Finality()

    @abstractmethod
    def canonical(self, chain: Chain, text: str) -> str:
        """The one form in which an address is kept; raises InputError, whose sentence never holds the text."""

    @abstractmethod
    def identity(self, chain_id: int | None, genesis: str | None) -> str:
        """What a provider has to prove; ConfigError unless the right one of the two is given, and valid."""

    @abstractmethod
    def check_contract(self, text: str) -> None:
        """ConfigError unless a token's contract may be this text."""

    def encoder(self, chain: Chain, script: Script | None) -> Callable[[bytes], str]:
        """A function from public keys (secp256k1, compressed, 33 bytes) to addresses."""
        raise NotImplementedError

    def same_contract(self, one: str, other: str) -> bool:
        """Whether two texts name one token contract."""
        return one == other

    def stated_params(self, stated: Mapping[str, Any], decimals: int) -> ChainParams | None:
        """The parameters of a row that states these keys, None if it states none; ConfigError if they don't belong there."""
        if foreign := next((key for key in stated if key != "slip44"), None):
            raise ConfigError(f"{foreign} is for chains of the bitcoin family only")
        return ChainParams(stated["slip44"]) if stated else None

    def read_at(self, stated: str | None, commitment: str) -> str | None:
        """What amounts are read at: the row's `read_at` or Solana's commitment, where the family has either; ConfigError."""
        if stated is not None:
            raise ConfigError("read_at is for EVM chains only")
        return None

    def l1_blocks(self, stated: bool) -> bool:
        """Whether contracts are told a block of another chain; ConfigError where there are none to ask."""
        if stated:
            raise ConfigError("l1_blocks is for EVM chains only")
        return False

    def tolerance(self, read_at: str | None) -> int:
        """Blocks or slots that a host's head may lie behind its peers', unless the chain's row says otherwise."""
        return self.head_tolerance

    def params(self, chain: Chain) -> ChainParams:
        """The parameters of a chain: its row's, or the family's own."""
        return chain.params or ChainParams(self.coin_type)

    def purposes(self, chain: Chain) -> Mapping[Script, int]:
        """The scripts to choose from and the purpose of their paths, the default first; empty where addresses have one form."""
        return {}


def stranger(text: str, outside: re.Pattern[str], alphabet: str, start: int = 0) -> str:
    """Name the first character of a text that is outside of an alphabet, and no other."""
    found = outside.search(text, start)
    if not found:
        return f"is not {alphabet}"
    character = repr(found[0]) if found[0].isascii() and found[0].isprintable() else f"U+{ord(found[0]):04X}"
    return f"contains {character} as character {found.start() + 1}, which {alphabet} does not have"
