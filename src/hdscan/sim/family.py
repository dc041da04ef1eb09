"""What differs between families of chains: address codecs, independent of the product's, and sizes."""

from collections.abc import Callable, Mapping

import msgspec
import wallycore
from solders.pubkey import Pubkey

from hdscan.chains.keccak import keccak256
from hdscan.model.chain import Family, Network

BITCOIN = {
    Network.MAINNET: ("bc", wallycore.WALLY_NETWORK_BITCOIN_MAINNET),
    Network.TESTNET: ("tb", wallycore.WALLY_NETWORK_BITCOIN_TESTNET),
}


class SimFamily(msgspec.Struct, frozen=True, kw_only=True):
    """One family.

    Addresses of `key_length` bytes are encoded as P2WPKH, EIP-55 or base58; `decode` reads any address and raises ValueError
    for others. Balances have up to `amount_bits` bits; a stale node is `stale_blocks` behind.
    """

    key_length: int
    amount_bits: int
    stale_blocks: int
    encode: Callable[[bytes, Network], str]
    decode: Callable[[str, Network], bytes]
    fold: Callable[[str], str] = str  # equal for all forms of one address
    another: Callable[[str], str] = lambda genesis: genesis[:-4] + genesis[-4:][::-1]  # the identity of another chain
    unconfirmed: bool = False


def checksummed(raw: bytes) -> str:
    """Write a 20-byte EVM address with its EIP-55 checksum."""
    text = raw.hex()
    digest = keccak256(text.encode()).hex()
    return "0x" + "".join(c.upper() if d > "7" else c for c, d in zip(text, digest, strict=False))


def script(text: str, network: Network) -> bytes:
    """Read a Bitcoin address's scriptPubKey; ValueError for anything else."""
    hrp, base58 = BITCOIN[network]
    if text[:3].lower() == f"{hrp}1":
        return bytes(wallycore.addr_segwit_to_bytes(text, hrp, 0))
    return bytes(wallycore.address_to_scriptpubkey(text, base58))


def _hexadecimal(text: str, _: Network) -> bytes:
    if len(text) != 42:
        raise ValueError(text)
    return bytes.fromhex(text[2:])


FAMILIES: Mapping[Family, SimFamily] = {
    Family.BITCOIN: SimFamily(
        key_length=20,
        amount_bits=44,
        stale_blocks=12,
        encode=lambda raw, network: str(wallycore.addr_segwit_from_bytes(b"\x00\x14" + raw, BITCOIN[network][0], 0)),
        decode=lambda text, network: script(text, network).removeprefix(b"\x00\x14"),
        unconfirmed=True,
    ),
    Family.EVM: SimFamily(
        key_length=20,
        amount_bits=88,
        stale_blocks=2_000,
        encode=lambda raw, _: checksummed(raw),
        decode=_hexadecimal,
        fold=str.lower,
        another=lambda chain_id: str(int(chain_id) + 41),
    ),
    Family.SOLANA: SimFamily(
        key_length=32,
        amount_bits=60,
        stale_blocks=3_000,
        encode=lambda raw, _: str(Pubkey.from_bytes(raw)),
        decode=lambda text, _: bytes(Pubkey.from_string(text)),
    ),
}
