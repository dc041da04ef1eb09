"""Makes an address canonical, or raises one sentence that says what is wrong with it."""

import re

import wallycore
from solders.pubkey import Pubkey

from hdscan.keys import fault
from hdscan.keys.keccak import checksummed
from hdscan.model.chain import Chain, Family, Network
from hdscan.model.errors import InputError

HRPS = {Network.MAINNET: ("bc",), Network.TESTNET: ("tb", "bcrt")}  # BIP-173; signet shares tb
VERSIONS = {Network.MAINNET: (0x00, 0x05), Network.TESTNET: (0x6F, 0xC4)}  # P2PKH, P2SH

_SEGWIT = re.compile(r"(bcrt|bc|tb)1", re.IGNORECASE)
_BASE58 = re.compile(r"[1-9A-HJ-NP-Za-km-z]+")
_EVM = re.compile(r"0x[0-9a-fA-F]{40}")


def canonical(chain: Chain, text: str) -> str:
    """The one form in which an address of this chain is kept.

    Bitcoin: base58check P2PKH and P2SH unchanged, segwit in lower case (BIP-173, BIP-350). EVM: 0x and 40 hexadecimal digits,
    EIP-55. Solana: base58 of any 32 bytes, on the curve or off it; it has no checksum, so that a mistyped one may be another
    address. Raises InputError, whose sentence never holds the text.
    """
    try:
        if chain.family is Family.BITCOIN:
            return _bitcoin(chain.network, text)
        return _evm(text) if chain.family is Family.EVM else _solana(text)
    except InputError:
        better = fault.recognise(text) or fault.another_family(chain.family, text)
        if better:
            raise InputError(better) from None
        raise


def _bitcoin(network: Network, text: str) -> str:
    if segwit := _SEGWIT.match(text):
        return _segwit(network, text, segwit[1].lower())
    if not _BASE58.fullmatch(text):
        raise InputError(fault.base58(text))
    try:
        decoded = bytes(wallycore.base58check_to_bytes(text))
    except ValueError:
        raise InputError("has a wrong checksum: mistyped or cut off") from None
    if len(decoded) != 21:
        raise InputError(f"holds {len(decoded)} bytes where a Bitcoin address holds 21")
    if decoded[0] in VERSIONS[network]:
        return text
    if any(decoded[0] in versions for versions in VERSIONS.values()):
        raise InputError(f"is an address of another network than {network}")
    raise InputError(f"is an address of another coin (version byte 0x{decoded[0]:02x})")


def _segwit(network: Network, text: str, hrp: str) -> str:
    try:
        # libwally ends a string at NUL, so what is not printable never gets there
        script = bytes(wallycore.addr_segwit_to_bytes(text, hrp, 0)) if text.isprintable() else b""
    except ValueError:
        script = b""
    if not script:
        raise InputError(fault.segwit(text))
    if hrp not in HRPS[network]:
        raise InputError(f"is an address of another network than {network}")
    if script[0] == 0x51 and len(script) != 34:  # OP_1: BIP-341 gives a meaning to 32 bytes only
        raise InputError(f"holds {len(script) - 2} bytes where witness version 1 holds 32 (BIP-341)")
    return text.lower()


def _evm(text: str) -> str:
    if not _EVM.fullmatch(text):
        raise InputError(fault.evm(text))
    body = text[2:]
    digits = body.lower()
    address = checksummed(digits)
    if text != address and body not in (digits, body.upper()):
        raise InputError("has a wrong EIP-55 checksum (its upper and lower case): mistyped")
    return address


def _solana(text: str) -> str:
    if not _BASE58.fullmatch(text):
        raise InputError(fault.base58(text))
    try:
        Pubkey.from_string(text)
    except ValueError:
        raise InputError("is not base58 of 32 bytes, as a Solana address is: mistyped or cut off") from None
    return text
