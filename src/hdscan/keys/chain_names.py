"""What people, wallets and standards call the chains that are built in."""

import re
from collections.abc import Mapping, Sequence

from hdscan.model.chain import Chain, Family, Network

EVERY_EVM = "evm"

# beside their ids; EIP-3770's short names (ethereum-lists/chains) and the symbols are among them
USUAL: Mapping[str, tuple[str, ...]] = {
    "btc": ("bitcoin", "xbt"),
    "eth": ("ethereum", "ether", "erc 20", "erc20"),
    "bsc": ("bnb", "bnb smart", "binance", "binance smart", "bep 20", "bep20"),
    "polygon": ("matic", "pol", "polygon pos"),
    "arbitrum": ("arbitrum one", "arb", "arb1"),
    "optimism": ("op", "oeth"),
    "avalanche": ("avax", "avalanche c", "avax c"),
    "gnosis": ("xdai", "gno"),
    "sol": ("solana",),
    "tron": ("trx", "trc 20", "trc20"),
    "ltc": ("litecoin",),
    "doge": ("dogecoin",),
}
TESTNETS: Mapping[str, tuple[str, ...]] = {
    "eth": ("sep", "sepolia"),
    "bsc": ("bnbt",),
    "polygon": ("amoy",),
    "arbitrum": ("arb sep",),
    "optimism": ("opsep",),
    "base": ("basesep",),
    "avalanche": ("fuji",),
    "gnosis": ("chi", "chiado"),
}
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])|[\W_]+")
_EMPTY_WORDS = re.compile(r"( (?:mainnet|testnet|network|blockchain|chain))+$")


def words(name: str) -> str:
    """A name in lower case with single spaces between its words: `walletAddress` and `Wallet_Address` are `wallet address`."""
    return _WORDS.sub(" ", name).strip().lower()


class ChainNames:
    """The configured chains by their names, those of EIP-155 by their number, too."""

    def __init__(self, chains: Sequence[Chain]) -> None:
        self._by_name: dict[str, tuple[Chain, ...]] = {}
        for chain in chains:  # an id is worth more than what another chain is called
            self._by_name[words(chain.id)] = (chain,)
        for chain in chains:
            names = (*USUAL.get(chain.id, ()), *(TESTNETS.get(chain.id, ()) if chain.network is Network.TESTNET else ()))
            numbers = (chain.identity,) if chain.family in (Family.EVM, Family.TRON) else ()
            for name in (*names, *numbers):
                self._by_name.setdefault(name, (chain,))
        evm = tuple(chain for chain in chains if chain.family is Family.EVM)
        if evm:
            self._by_name.setdefault(EVERY_EVM, evm)

    def find(self, text: str) -> tuple[Chain, ...]:
        """The chains that a text names; none if it names no configured one."""
        name = words(text)
        return self._by_name.get(name) or self._by_name.get(_EMPTY_WORDS.sub("", name), ())
