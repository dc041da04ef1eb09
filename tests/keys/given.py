"""What the tests of keys share: chains, published vectors, and how to look for a secret in an error."""

import json
import traceback
from pathlib import Path
from typing import Any

from hdscan.model.chain import Chain, Family, Network

VECTORS = Path(__file__).parent.parent / "data" / "keys"


def vectors(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def chain(family: Family, network: Network = Network.MAINNET) -> Chain:
    id_, symbol, decimals = {
        Family.BITCOIN: ("btc", "BTC", 8),
        Family.EVM: ("bsc", "BNB", 18),
        Family.SOLANA: ("sol", "SOL", 9),
        Family.TRON: ("tron", "TRX", 6),
    }[family]
    return Chain(id_, family, network, symbol, decimals, "", 1)


BTC = chain(Family.BITCOIN)
BTC_TESTNET = chain(Family.BITCOIN, Network.TESTNET)
BSC = chain(Family.EVM)
BSC_TESTNET = chain(Family.EVM, Network.TESTNET)
SOL = chain(Family.SOLANA)
TRON = chain(Family.TRON)


def repeats(error: BaseException, secret: str, length: int = 6) -> bool:
    """Whether anything that an error prints, its causes included, holds a piece of the secret."""
    printed = "".join(traceback.format_exception_only(error)) + repr(error)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    pieces = [secret[start : start + length] for start in range(max(1, len(secret) - length + 1))]
    return any(piece and piece in printed for piece in pieces) or (cause is not None and repeats(cause, secret, length))
