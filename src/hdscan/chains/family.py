"""What every family of chains has to define."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, ClassVar

from hdscan.model.chain import Chain, ChainParams, Finality
from hdscan.model.errors import ConfigError


class Script(StrEnum):
    """What a Bitcoin address pays to; each has its purpose in the derivation path."""

    P2PKH = "p2pkh"
    P2SH_P2WPKH = "p2sh-p2wpkh"
    P2WPKH = "p2wpkh"
    P2TR = "p2tr"


class ChainFamily(ABC):
    """One family of chains; `form` recognises its addresses by their shape alone, also where the checksum is wrong."""

    article: ClassVar[str]  # its name with its article, as in "looks like an EVM address"
    form: ClassVar[re.Pattern[str]]
    decimals: ClassVar[int]  # of the chain's own coin, unless its row says otherwise
    head_tolerance: ClassVar[int]  # blocks or slots
    coin_type: ClassVar[int]  # SLIP-0044, on mainnet
    only_hardened: ClassVar[bool] = False  # keys are ed25519 (SLIP-0010), so that no public key has children
    finality: ClassVar[Finality] = Finality()

    @abstractmethod
    def canonical(self, chain: Chain, text: str) -> str:
        """The one form in which an address is kept; raises InputError, whose sentence never holds the text."""

    @abstractmethod
    def identity(self, chain_id: int | None, genesis: str | None) -> str:
        """What a provider has to prove; ConfigError unless the right one of both is given in the right form."""

    @abstractmethod
    def check_contract(self, text: str) -> None:
        """ConfigError unless a token's contract may be this text."""

    def encoder(self, chain: Chain, script: Script | None) -> Callable[[bytes], str]:
        """What makes a public key (secp256k1, compressed, 33 bytes) an address."""
        raise NotImplementedError

    def same_contract(self, one: str, other: str) -> bool:
        """Whether two texts are one token contract."""
        return one == other

    def params(self, stated: Mapping[str, Any], decimals: int) -> ChainParams | None:
        """The parameters of a chain whose row states these keys; None where the family's own hold. Raises ConfigError."""
        if foreign := next((key for key in stated if key != "slip44"), None):
            raise ConfigError(f"{foreign} is for chains of the bitcoin family only")
        return ChainParams(stated["slip44"]) if stated else None

    def coin_type_of(self, chain: Chain) -> int:
        """The coin type in a derivation path (SLIP-0044)."""
        return self.coin_type if chain.params is None else chain.params.coin_type

    def purposes(self, chain: Chain) -> Mapping[Script, int]:
        """The scripts to choose from and the purpose of their paths, the default first; empty where addresses have one form."""
        return {}
