"""The simulated chains, with their mainnet identities, token contracts and block intervals."""

from collections.abc import Mapping

import msgspec

from hdscan.model.chain import Asset, Chain, ChainParams, Family, Network

EPOCH = 1_767_225_600.0  # 2026-01-01 UTC, when every simulated chain is at its `height`


class SimChain(msgspec.Struct, frozen=True):
    """A chain, its assets (native first), its `height` at EPOCH and its `interval` in seconds per block.

    The addresses `burnt` hold a coin that nobody can take from there, as they do on the chain that is played. `contracts` maps
    the symbol of an asset to the (symbol, decimals) that its contract states, where these are others. The headers of a chain
    that is `merged` with another's mining are followed by the proof of it. On Solana, half of what an address holds of a token
    may be in an `auxiliary` account.
    """

    chain: Chain
    assets: tuple[Asset, ...]
    height: int
    interval: float
    burnt: tuple[str, ...] = ()
    contracts: Mapping[str, tuple[str, int]] = {}
    merged: bool = False
    auxiliary: bool = False


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


def _evm(chain_id: int, name: str, symbol: str, interval: float, contracts: tuple[str, str, str]) -> SimChain:
    """A chain with the contracts of its wrapped coin, USDC and USDT (6 decimals each), and a coin wherever one is burnt."""
    wrapped, usdc, usdt = contracts
    played = evm_chain(chain_id, name, symbol, {"USDC": (usdc, 6), "USDT": (usdt, 6)}, interval)
    chain = msgspec.structs.replace(played.chain, l1_blocks=name == "arbitrum")
    return msgspec.structs.replace(played, chain=chain, burnt=(*BSC_BURNT[:2], wrapped))


_ETH = (
    "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
    "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
    "0xdAC17F958D2ee523a2206206994597C13D831ec7",
)
_POLYGON = (
    "0x0d500B1d8E8eF31E21C99d1Db9A6444d3ADf1270",
    "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359",
    "0xc2132D05D31c914a87C6611C10748AEb04B58e8F",
)
_ARBITRUM = (
    "0x82aF49447D8a07e3bd95BD0d56f35241523fBab1",
    "0xaf88d065e77c8cC2239327C5EDb3A432268e5831",
    "0xFd086bC7CD5C481DCC9C85ebE478A1C0b69FCbb9",
)
_OPTIMISM = (
    "0x4200000000000000000000000000000000000006",
    "0x0b2C639c533813f4Aa9D7837CAf62653d097Ff85",
    "0x94b008aA00579c1307B0EF2c499aD98a8ce58e58",
)
_BASE = (
    "0x4200000000000000000000000000000000000006",
    "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
    "0xfde4C96c8593536E31F229EA8f37b2ADa2699bb2",
)
_AVALANCHE = (
    "0xB31f66AA3C1e785363F0875A1B74E27b85FD66c7",
    "0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E",
    "0x9702230A8Ea53601f5cD2dc00fDBc13d4dF4A8c7",
)
_GNOSIS = (
    "0xe91D153E0b41518A2Ce8Dd3D7944Fa863463a97d",
    "0xDDAfbb505ad214D7b80b1f830fcCc89B60fb7A83",
    "0x4ECaBa5870353805a9F068101A40E0f32ed605C6",
)
EVM = (  # every EVM chain that is built in
    _evm(1, "eth", "ETH", 12.0, _ETH),
    BSC,
    _evm(137, "polygon", "POL", 2.0, _POLYGON),
    _evm(42161, "arbitrum", "ETH", 0.25, _ARBITRUM),
    _evm(10, "optimism", "ETH", 2.0, _OPTIMISM),
    _evm(8453, "base", "ETH", 2.0, _BASE),
    _evm(43114, "avalanche", "AVAX", 1.7, _AVALANCHE),
    _evm(100, "gnosis", "XDAI", 5.0, _GNOSIS),
)
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
