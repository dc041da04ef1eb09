"""What sets families of chains apart (addresses, coin types, identity, finality): a file for each family, and a row here."""

from collections.abc import Mapping

from hdscan.chains.bitcoin import Bitcoin
from hdscan.chains.evm import Evm
from hdscan.chains.family import ChainFamily, Script
from hdscan.chains.solana import Solana
from hdscan.chains.tron import Tron
from hdscan.model.chain import Chain, Family

__all__ = ["FAMILIES", "ChainFamily", "Script", "family_of"]

FAMILIES: Mapping[Family, ChainFamily] = {
    Family.BITCOIN: Bitcoin(),
    Family.EVM: Evm(),
    Family.SOLANA: Solana(),
    Family.TRON: Tron(),
}


def family_of(chain: Chain) -> ChainFamily:
    """The rules of a chain's family."""
    return FAMILIES[chain.family]
