"""What the tests of keys share: chains, published vectors, and how to look for a secret in an error."""

import json
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import wallycore

from hdscan.keys.options import Options
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


H = 0x80000000  # a hardened step
MNEMONIC = vectors("accounts")["mnemonic"]
XPUB, TPUB = 0x0488B21E, 0x043587CF
YPUB, ZPUB, VPUB = 0x049D7CB2, 0x04B24746, 0x045F1CF6


def exported(path: Sequence[int], version: int = XPUB) -> str:
    """The extended public key of a path below the mnemonic, as a wallet exports it."""
    seed = wallycore.bip39_mnemonic_to_seed512(MNEMONIC, None)
    root = wallycore.bip32_key_from_seed(seed, wallycore.BIP32_VER_MAIN_PRIVATE, 0)
    key = wallycore.bip32_key_from_parent_path(root, list(path), 0) if path else root
    return versioned(wallycore.bip32_key_to_base58(key, wallycore.BIP32_FLAG_KEY_PUBLIC), version)


def versioned(text: str, version: int) -> str:
    """The same key with other version bytes."""
    return str(wallycore.base58check_from_bytes(version.to_bytes(4) + wallycore.base58check_to_bytes(text)[4:]))


def options(*chains: Chain, **chosen: Any) -> Options:
    """Bitcoin and an EVM chain, unless others are given."""
    return Options(chains={chain.id: chain for chain in chains or (BTC, BSC)}, **chosen)
