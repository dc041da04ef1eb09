"""The simulated chains, with their mainnet identities, token contracts and block intervals."""

from collections.abc import Mapping

import msgspec

from hdscan.model.chain import Asset, Chain, ChainParams, Family, Network

EPOCH = 1_767_225_600.0  # 2026-01-01 UTC, when every simulated chain is at its `height`


class SimChain(msgspec.Struct, frozen=True):
    """A chain, its assets (native first), its `height` at EPOCH and its `interval` in seconds per block.

    The addresses `burnt` hold a coin that nobody can take from there, as they do on the chain that is played. `contracts` maps
    the symbol of an asset to the (symbol, decimals) that its contract states, where these are others. The headers of a chain
    that is `merged` with another's mining are followed by the proof of it.
    """

    chain: Chain
    assets: tuple[Asset, ...]
    height: int
    interval: float
    burnt: tuple[str, ...] = ()
    contracts: Mapping[str, tuple[str, int]] = {}
    merged: bool = False


def evm_chain(chain_id: int, name: str, symbol: str, tokens: dict[str, tuple[str, int]], interval: float = 2.0) -> SimChain:
    """Make an EVM chain; `tokens` maps symbol to (contract, decimals), `interval` is seconds per block."""
    chain = Chain(name, Family.EVM, Network.MAINNET, symbol, 18, str(chain_id), 40)
    assets = [Asset(name, symbol, 18), *(Asset(name, token, decimals, at) for token, (at, decimals) in tokens.items())]
    return SimChain(chain, tuple(assets), 70_000_000, interval)


BTC_GENESIS = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
SOL_GENESIS = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"
BTC = SimChain(
    Chain("btc", Family.BITCOIN, Network.MAINNET, "BTC", 8, BTC_GENESIS, 2),
    (Asset("btc", "BTC", 8),),
    930_000,
    600.0,
    ("1CounterpartyXXXXXXXXXXXXXXXUWLpVr", "1BitcoinEaterAddressDontSendf59kuE"),
)
LTC_GENESIS = "12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2"
LTC_PARAMS = ChainParams(2, ("ltc",), (0x30,), (0x32, 0x05), 84_000_000 * 10**8)
LTC = SimChain(
    Chain("ltc", Family.BITCOIN, Network.MAINNET, "LTC", 8, LTC_GENESIS, 2, params=LTC_PARAMS),
    (Asset("ltc", "LTC", 8),),
    3_000_000,
    150.0,
)
DOGE_GENESIS = "1a91e3dace36e2be3bf030a65679fe821aa1d6ef92e7c9902eb318182c355691"
DOGE = SimChain(
    Chain("doge", Family.BITCOIN, Network.MAINNET, "DOGE", 8, DOGE_GENESIS, 3, params=ChainParams(3, (), (0x1E,), (0x16,))),
    (Asset("doge", "DOGE", 8),),
    6_000_000,
    60.0,
    ("DDogepartyxxxxxxxxxxxxxxxxxxw1dfzr",),
    merged=True,
)
BSC_TOKENS = {
    "USDC": ("0x8AC76a51cc950d9822D68b83fE1Ad97B32Cd580d", 18),
    "USDT": ("0x55d398326f99059fF775485246999027B3197955", 18),
}
BSC_BURNT = (
    "0x000000000000000000000000000000000000dEaD",
    "0x0000000000000000000000000000000000000000",
    "0xbb4CdB9CBd36B01bD1cBaEBF2De08d9173bc095c",  # WBNB
)
BSC = msgspec.structs.replace(evm_chain(56, "bsc", "BNB", BSC_TOKENS, 0.45), burnt=BSC_BURNT)
USDC, USDT = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB"
TOKEN_PROGRAM = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
SOL = SimChain(
    Chain("sol", Family.SOLANA, Network.MAINNET, "SOL", 9, SOL_GENESIS, 150),
    (
        Asset("sol", "SOL", 9),
        Asset("sol", "USDC", 6, USDC),
        Asset("sol", "USDT", 6, USDT),
    ),
    390_000_000,
    0.4,
    (TOKEN_PROGRAM, USDC, USDT),
)
TRON = SimChain(
    Chain("tron", Family.TRON, Network.MAINNET, "TRX", 6, "728126428", 20),
    (
        Asset("tron", "TRX", 6),
        Asset("tron", "USDT", 6, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
        Asset("tron", "USDD", 18, "TXDk8mbtRbXeYuMNS83CfKPaYYT8XWv9Hz"),
    ),
    79_000_000,
    3.0,
    ("T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb", "TNUC9Qb1rRpS5CbWLmNMxXBjyFoydXjWFR"),
)
MAINNET = (BTC, BSC, SOL)
