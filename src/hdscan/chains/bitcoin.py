"""Bitcoin, and coins whose addresses differ from its by prefix and version bytes only (Litecoin, Dogecoin)."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import wallycore

from hdscan.chains.bech32 import refusal
from hdscan.chains.family import BASE58, IS_BASE58, NOT_BASE58, ChainFamily, Script, stranger
from hdscan.model.chain import Chain, ChainParams, Finality, Network
from hdscan.model.errors import ConfigError, InputError

OWN = {  # Bitcoin's parameters: BIP-13, BIP-173 (signet shares tb), SLIP-0044, consensus/amount.h
    Network.MAINNET: ChainParams(0, ("bc",), (0x00,), (0x05,), 21_000_000 * 10**8),
    Network.TESTNET: ChainParams(1, ("tb", "bcrt"), (0x6F,), (0xC4,), 21_000_000 * 10**8),
}
PURPOSES = {Script.P2WPKH: 84, Script.P2PKH: 44, Script.P2SH_P2WPKH: 49, Script.P2TR: 86}  # BIP-84, 44, 49, 86

_ANY_BECH32 = re.compile(r"([a-z]{1,10})1[ac-hj-np-z02-9]{8,}", re.IGNORECASE)
_GENESIS = re.compile("[0-9a-f]{64}")


class Bitcoin(ChainFamily):
    """The family of Bitcoin."""

    article = "a Bitcoin"
    form = re.compile(rf"(?:bcrt|bc|tb)1[a-z0-9]{{6,87}}|[123mn]{BASE58}{{25,34}}")
    decimals = 8
    head_tolerance = 1
    finality = Finality(rereads_mempool=True)

    def canonical(self, chain: Chain, text: str) -> str:
        """Segwit in lower case (BIP-173, BIP-350); base58check under the chain's first version byte of its kind."""
        return _decode(chain, text)[0]

    def identity(self, chain_id: int | None, genesis: str | None) -> str:
        if genesis is None or chain_id is not None or not _GENESIS.fullmatch(genesis):
            raise ConfigError("a bitcoin chain is known by the hash of its first block: genesis, 64 hexadecimal digits")
        return genesis

    def check_contract(self, text: str) -> None:
        raise ConfigError("a bitcoin chain has no tokens")

    def encoder(self, chain: Chain, script: Script | None) -> Callable[[bytes], str]:
        """P2PKH, P2SH-P2WPKH, P2WPKH or P2TR (BIP-341, key path only)."""
        params = self.params(chain)
        hrp = params.hrps[0] if params.hrps else ""
        p2pkh, p2sh = bytes(params.p2pkh[:1]), bytes(params.p2sh[:1])
        hash160, segwit, tweak = wallycore.hash160, wallycore.addr_segwit_from_bytes, wallycore.ec_public_key_bip341_tweak
        base58check = wallycore.base58check_from_bytes
        encoders: dict[Script, Callable[[bytes], str]] = {
            Script.P2PKH: lambda key: str(base58check(p2pkh + hash160(key))),
            Script.P2SH_P2WPKH: lambda key: str(base58check(p2sh + hash160(b"\x00\x14" + hash160(key)))),
            Script.P2WPKH: lambda key: str(segwit(b"\x00\x14" + hash160(key), hrp, 0)),
            Script.P2TR: lambda key: str(segwit(b"\x51\x20" + tweak(key, None, 0)[1:], hrp, 0)),
        }
        return encoders[script or next(iter(self.purposes(chain)))]

    def stated_params(self, stated: Mapping[str, Any], decimals: int) -> ChainParams | None:
        """A coin other than Bitcoin states all of them, so that no Bitcoin address is taken for its own."""
        if not stated:
            return None
        if missing := [key for key in ("hrps", "p2pkh", "p2sh", "slip44") if key not in stated]:
            raise ConfigError(f"a coin other than Bitcoin needs hrps, p2pkh, p2sh and slip44: {missing[0]} is missing")
        p2pkh, p2sh, supply = stated["p2pkh"], stated["p2sh"], stated.get("supply")
        if not p2pkh or not p2sh or set(p2pkh) & set(p2sh):
            raise ConfigError("p2pkh and p2sh need at least one version byte each, and none in common")
        return ChainParams(
            coin_type=stated["slip44"],
            hrps=stated["hrps"],
            p2pkh=p2pkh,
            p2sh=p2sh,
            supply=None if supply is None else supply * 10**decimals,
        )

    def params(self, chain: Chain) -> ChainParams:
        return params_of(chain)

    def purposes(self, chain: Chain) -> Mapping[Script, int]:
        """All four scripts, or P2PKH alone without segwit."""
        return PURPOSES if self.params(chain).hrps else {Script.P2PKH: PURPOSES[Script.P2PKH]}


def params_of(chain: Chain) -> ChainParams:
    """The parameters of a chain of this family: its row's, or Bitcoin's own."""
    return chain.params or OWN[chain.network]


def script_pubkey(chain: Chain, address: str) -> bytes:
    """The scriptPubKey of an address; raises InputError, which never holds the text."""
    return _decode(chain, address)[1]


def address_of(chain: Chain, script: bytes) -> str | None:
    """The address of a scriptPubKey: P2PKH, P2SH, P2WPKH, P2WSH or P2TR; None for any other."""
    params, size = params_of(chain), len(script)
    if size == 25 and script[:3] == b"\x76\xa9\x14" and script[23:] == b"\x88\xac":
        return str(wallycore.base58check_from_bytes(bytes(params.p2pkh[:1]) + script[3:23]))
    if size == 23 and script[:2] == b"\xa9\x14" and script[22:] == b"\x87":
        return str(wallycore.base58check_from_bytes(bytes(params.p2sh[:1]) + script[2:22]))
    if params.hrps and (size, script[:2]) in ((22, b"\x00\x14"), (34, b"\x00\x20"), (34, b"\x51\x20")):
        return str(wallycore.addr_segwit_from_bytes(script, params.hrps[0], 0))
    return None


def _decode(chain: Chain, text: str) -> tuple[str, bytes]:
    """An address's canonical form and its script."""
    params = params_of(chain)
    # only of Bitcoin is the other network known, and named in the error
    known = tuple(OWN.values()) if chain.params is None else (params,)
    data = base58check(text)  # first, since LTC1… may be either
    if data is None:
        hrp = next((hrp for each in known for hrp in each.hrps if text[: len(hrp) + 1].lower() == f"{hrp}1"), None)
        if hrp is None:
            raise InputError(_refusal(known, text))
        return text.lower(), _segwit(chain, text, hrp)
    if len(data) != 21:
        raise InputError(f"holds {len(data)} bytes where a Bitcoin address holds 21")
    version, hashed = data[0], data[1:]
    for versions, before, after in ((params.p2pkh, b"\x76\xa9\x14", b"\x88\xac"), (params.p2sh, b"\xa9\x14", b"\x87")):
        if version == versions[0]:
            return text, before + hashed + after
        if version in versions:  # an older form of the same script: kept as it is, it would be counted twice
            return str(wallycore.base58check_from_bytes(bytes(versions[:1]) + hashed)), before + hashed + after
    if any(version in (*each.p2pkh, *each.p2sh) for each in known):
        raise InputError(_other_network(chain))
    raise InputError(f"is an address of another coin (version byte 0x{version:02x})")


def _other_network(chain: Chain) -> str:
    return f"is an address of another network than {chain.network}, which HDSCAN_NETWORK chooses"


def base58check(text: str) -> bytes | None:
    """What a base58check text holds, None if it is none or its checksum is wrong."""
    try:
        return bytes(wallycore.base58check_to_bytes(text)) if IS_BASE58.fullmatch(text) else None
    except ValueError:
        return None


def _segwit(chain: Chain, text: str, hrp: str) -> bytes:
    try:
        # libwally ends a string at NUL, so what is not printable never gets there
        script = bytes(wallycore.addr_segwit_to_bytes(text, hrp, 0)) if text.isprintable() else b""
    except ValueError:
        script = b""
    if not script:
        raise InputError(refusal(text, len(hrp) + 1))
    if hrp not in params_of(chain).hrps:
        raise InputError(_other_network(chain))
    if script[0] == 0x51 and len(script) != 34:  # OP_1: BIP-341 gives a meaning to 32 bytes only
        raise InputError(f"holds {len(script) - 2} bytes where witness version 1 holds 32 (BIP-341)")
    return script


def _refusal(known: Sequence[ChainParams], text: str) -> str:
    """What is wrong with a text that has no known prefix and is not base58check."""
    if not text:
        return "is empty"
    if other := _ANY_BECH32.fullmatch(text):
        prefixes = ", ".join(f"{hrp}1" for each in known for hrp in each.hrps)
        return (
            f"has the prefix {other[1].lower()}1, but this coin has {f'only {prefixes}' if prefixes else 'no segwit addresses'}"
        )
    return "has a wrong checksum: mistyped or cut off" if IS_BASE58.fullmatch(text) else stranger(text, NOT_BASE58, "base58")
