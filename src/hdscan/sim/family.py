"""What differs between families of chains: address codecs, independent of the product's, and sizes."""

from collections.abc import Callable, Mapping

import msgspec
import wallycore
from solders.pubkey import Pubkey

from hdscan.chains.keccak import keccak256
from hdscan.model.chain import Chain, ChainParams, Family, Network

KEY_LENGTH = 20  # bytes of a HASH160
BITCOIN = {
    Network.MAINNET: ChainParams(0, ("bc",), (0x00,), (0x05,)),
    Network.TESTNET: ChainParams(1, ("tb",), (0x6F,), (0xC4,)),
}

TRON = b"\x41"


class SimFamily(msgspec.Struct, frozen=True, kw_only=True):
    """One family.

    Addresses of `key_length` bytes are encoded as P2WPKH (P2PKH without segwit), EIP-55, base58 or base58check; `decode` reads
    any address and raises ValueError for others. Balances have up to `amount_bits` bits; a stale node is `stale_blocks` behind.
    """

    key_length: int
    amount_bits: int
    stale_blocks: int
    encode: Callable[[bytes, Chain], str]
    decode: Callable[[str, Chain], bytes]
    fold: Callable[[str], str] = str  # equal for all forms of one address
    another: Callable[[str], str] = lambda genesis: genesis[:-4] + genesis[-4:][::-1]  # the identity of another chain
    unconfirmed: bool = False


def checksummed(raw: bytes) -> str:
    """Write a 20-byte EVM address with its EIP-55 checksum."""
    text = raw.hex()
    digest = keccak256(text.encode()).hex()
    return "0x" + "".join(c.upper() if d > "7" else c for c, d in zip(text, digest, strict=False))


def script(text: str, chain: Chain) -> bytes:
    """Read the scriptPubKey of an address of a Bitcoin-like chain; ValueError for anything else."""
    params = chain.params or BITCOIN[chain.network]
    for hrp in params.hrps:
        if text.lower().startswith(f"{hrp}1"):
            return bytes(wallycore.addr_segwit_to_bytes(text, hrp, 0))
    version, *hashed = bytes(wallycore.base58check_to_bytes(text))
    if len(hashed) == KEY_LENGTH and version in params.p2pkh:
        return bytes(wallycore.scriptpubkey_p2pkh_from_bytes(bytes(hashed), 0))
    if len(hashed) == KEY_LENGTH and version in params.p2sh:
        return bytes(wallycore.scriptpubkey_p2sh_from_bytes(bytes(hashed), 0))
    raise ValueError(text)


def _output(raw: bytes, chain: Chain) -> str:
    params = chain.params or BITCOIN[chain.network]
    if params.hrps:
        return str(wallycore.addr_segwit_from_bytes(b"\x00\x14" + raw, params.hrps[0], 0))
    return str(wallycore.base58check_from_bytes(bytes(params.p2pkh[:1]) + raw))


def _paid(text: str, chain: Chain) -> bytes:
    """The key hash of an address in the form of `_output`, and the whole script of any other."""
    paid = script(text, chain)
    before, after = (b"\x00\x14", b"") if (chain.params or BITCOIN[chain.network]).hrps else (b"\x76\xa9\x14", b"\x88\xac")
    return paid.removeprefix(before).removesuffix(after) if paid.startswith(before) else paid


def _hexadecimal(text: str, _: Chain) -> bytes:
    if len(text) != 42:
        raise ValueError(text)
    return bytes.fromhex(text[2:])


def _tron(text: str, chain: Chain | None = None) -> bytes:
    """Read T… or what a node is asked with."""
    if text.startswith("0x") and len(text) == 42:
        return bytes.fromhex(text[2:])
    raw = bytes(wallycore.base58check_to_bytes(text))
    if len(raw) != 21 or raw[0] != TRON[0]:
        raise ValueError(text)
    return raw[1:]


def _tron_fold(text: str) -> str:
    try:
        return _tron(text).hex()
    except ValueError:
        return text


def _another_id(chain_id: str) -> str:
    return str(int(chain_id) + 41)


FAMILIES: Mapping[Family, SimFamily] = {
    Family.BITCOIN: SimFamily(
        key_length=KEY_LENGTH,
        amount_bits=44,
        stale_blocks=12,
        encode=_output,
        decode=_paid,
        unconfirmed=True,
    ),
    Family.EVM: SimFamily(
        key_length=20,
        amount_bits=88,
        stale_blocks=2_000,
        encode=lambda raw, _: checksummed(raw),
        decode=_hexadecimal,
        fold=str.lower,
        another=_another_id,
    ),
    Family.SOLANA: SimFamily(
        key_length=32,
        amount_bits=60,
        stale_blocks=3_000,
        encode=lambda raw, _: str(Pubkey.from_bytes(raw)),
        decode=lambda text, _: bytes(Pubkey.from_string(text)),
    ),
    Family.TRON: SimFamily(
        key_length=20,
        amount_bits=56,
        stale_blocks=300,
        encode=lambda raw, _: str(wallycore.base58check_from_bytes(TRON + raw)),
        decode=_tron,
        fold=_tron_fold,
        another=_another_id,
    ),
}
