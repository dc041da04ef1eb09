"""Reads extended public keys (BIP-32, SLIP-0132, and the coins' own) and refuses private ones, without repeating either."""

import msgspec
import wallycore

from hdscan.chains import Script
from hdscan.chains.bitcoin import base58check
from hdscan.keys.secret import recognise
from hdscan.model.chain import Network
from hdscan.model.errors import KeyFault

HARDENED = 0x80000000


class ExtendedKey(msgspec.Struct, frozen=True):
    """An extended public key.

    `prefix` is how it begins (`zpub`), `script` the script that this implies (None for `xpub` and `tpub`), `coin` the coin type
    (SLIP-0044; None where many coins have the prefix), `child` the index of its last step, with HARDENED added if hardened,
    `wally` libwally's key, `core` the key as Bitcoin Core writes it (xpub or tpub), and `multisig` the functions of a
    descriptor of which a key with such a prefix (Ypub, Zpub, Upub, Vpub) is one of several.
    """

    prefix: str
    network: Network
    script: Script | None
    coin: int | None
    depth: int
    child: int
    wally: object
    core: str
    multisig: str | None = None

    @property
    def named(self) -> str:
        """Its prefix with the article."""
        return f"{'an' if self.prefix[0] in 'xLM' else 'a'} {self.prefix}"

    def __repr__(self) -> str:
        return f"<extended public key of depth {self.depth}>"


_PUBLIC = {  # SLIP-0132
    0x0488B21E: ("xpub", Network.MAINNET, None, None),
    0x049D7CB2: ("ypub", Network.MAINNET, Script.P2SH_P2WPKH, None),
    0x04B24746: ("zpub", Network.MAINNET, Script.P2WPKH, None),
    0x043587CF: ("tpub", Network.TESTNET, None, None),
    0x044A5262: ("upub", Network.TESTNET, Script.P2SH_P2WPKH, None),
    0x045F1CF6: ("vpub", Network.TESTNET, Script.P2WPKH, None),
    0x019DA462: ("Ltub", Network.MAINNET, None, 2),  # Litecoin
    0x01B26EF6: ("Mtub", Network.MAINNET, Script.P2SH_P2WPKH, 2),
    0x0436F6E1: ("ttub", Network.TESTNET, None, 1),
    0x02FACAFD: ("dgub", Network.MAINNET, None, 3),  # Dogecoin
    0x0432A9A8: ("tgub", Network.TESTNET, None, 1),
    0x0295B43F: ("Ypub", Network.MAINNET, None, None),
    0x02AA7ED3: ("Zpub", Network.MAINNET, None, None),
    0x024289EF: ("Upub", Network.TESTNET, None, None),
    0x02575483: ("Vpub", Network.TESTNET, None, None),
}
_MULTISIG = {"Ypub": "sh(wsh", "Upub": "sh(wsh", "Zpub": "wsh", "Vpub": "wsh"}
_BEGINNINGS = ("pub", "tub", "gub")  # after the first character
_REFUSAL = (
    "this is an extended private key, and hdscan only watches: give the public one (xpub, ypub, zpub), "
    "and treat this one as exposed if it was typed on a command line"
)


def parse(text: str) -> ExtendedKey:
    """Read an extended public key. Raises KeyFault, which never repeats it, if it is private or invalid."""
    text = text.strip()
    if text[1:4] in ("prv", "tpv", "gpv"):  # as the version bytes of every private key make it begin
        raise KeyFault(_REFUSAL)
    if not (data := base58check(text)):
        damaged = "the extended public key has a wrong checksum: mistyped or cut off"
        raise KeyFault(damaged if text[1:4] in _BEGINNINGS else _other_form(text))
    version = int.from_bytes(data[:4])
    if len(data) != 78 or version not in _PUBLIC:
        raise KeyFault(_other_form(text))
    prefix, network, script, coin = _PUBLIC[version]
    depth, parent, child = data[4], data[5:9], int.from_bytes(data[9:13])
    if depth == 0 and (child or any(parent)):
        raise KeyFault("the extended public key is not valid: a key of depth 0 has no parent")
    try:
        key = wallycore.bip32_key_unserialize(wallycore.BIP32_VER_MAIN_PUBLIC.to_bytes(4) + data[4:])
    except ValueError:
        raise KeyFault("the extended public key is not valid: it is not a point of secp256k1") from None
    return ExtendedKey(prefix, network, script, coin, depth, child, key, core(data, network), _MULTISIG.get(prefix))


def core(data: bytes, network: Network) -> str:
    """An extended public key of 78 bytes as Bitcoin Core writes it: xpub or tpub."""
    version = wallycore.BIP32_VER_MAIN_PUBLIC if network is Network.MAINNET else wallycore.BIP32_VER_TEST_PUBLIC
    return str(wallycore.base58check_from_bytes(version.to_bytes(4) + data[4:]))


def _other_form(text: str) -> str:
    if text[1:4] in _BEGINNINGS:
        return "this is an extended public key of another coin"
    return recognise(text) or "this is not an extended public key (xpub, ypub, zpub, tpub, upub or vpub, or a coin's own)"
