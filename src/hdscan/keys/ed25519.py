"""Derives ed25519 keys (SLIP-0010), of which there are hardened ones only."""

import hmac

from hdscan.keys.extended import HARDENED


def ed25519_master(seed: bytes) -> tuple[bytes, bytes]:
    """Private key and chain code (32 bytes each) of a seed's ed25519 root (SLIP-0010)."""
    node = hmac.digest(b"ed25519 seed", seed, "sha512")
    return node[:32], node[32:]


def hardened_child(parent: tuple[bytes, bytes], index: int) -> tuple[bytes, bytes]:
    """Private key and chain code of the hardened ed25519 child `index`' (SLIP-0010)."""
    node = hmac.digest(parent[1], b"\x00" + parent[0] + (HARDENED + index).to_bytes(4), "sha512")
    return node[:32], node[32:]
