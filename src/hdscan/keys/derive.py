"""Derives the addresses of a branch from its source."""

import re
from collections.abc import Callable

import wallycore

from hdscan.chains import Script, family_of
from hdscan.chains.bitcoin import address_of
from hdscan.keys.expression import read
from hdscan.keys.extended import HARDENED, core
from hdscan.model.chain import Chain, Family
from hdscan.model.errors import InputError, KeyFault

CHILD = wallycore.BIP32_FLAG_KEY_PUBLIC | wallycore.BIP32_FLAG_SKIP_HASH
FUNCTIONS = {  # of descriptors with one key (BIP-381, 382, 386)
    Script.P2PKH: ("pkh(", ")"),
    Script.P2SH_P2WPKH: ("sh(wpkh(", "))"),
    Script.P2WPKH: ("wpkh(", ")"),
    Script.P2TR: ("tr(", ")"),
}
_NOT_VALID = "the descriptor is not valid: an expression in it is unknown, or where it may not stand (BIP-380)"
_KEY = re.compile(r"(?:\[[0-9a-f/h]+\])?[xt]pub[0-9A-Za-z]+(?:/[0-9]+)+/\*")
_TESTNET_KEY = re.compile(r"(?<![0-9A-Za-z])tpub")


def derive(chain: Chain, source: str, start: int, count: int) -> list[str]:
    """The addresses of a branch at `count` positions from `start`; `source` is a Branch's.

    Raises InputError unless all positions are from 0 to 2^31 - 1 (BIP-32), KeyFault for a source that is none.
    """
    if start < 0 or count < 0 or start + count > HARDENED:
        raise InputError("the positions of addresses go from 0 to 2147483647")
    address = _one_key(chain, source) or _any_script(chain, source)
    return [address(position) for position in range(start, start + count)]


def _one_key(chain: Chain, source: str) -> Callable[[int], str] | None:
    """The address at a position of a branch with one key, at the speed of libwally's keys; None for other descriptors."""
    script, expression = (None, source) if chain.family is not Family.BITCOIN else _taken_apart(source)
    if not expression.endswith("/*"):
        return None
    found = read(expression)
    key = found.key.wally
    for step in found.paths[0]:
        key = wallycore.bip32_key_from_parent(key, step, CHILD)
    child, public = wallycore.bip32_key_from_parent, wallycore.bip32_key_get_pub_key
    encode = family_of(chain).encoder(chain, script)
    return lambda position: encode(public(child(key, position, CHILD)))


def _branch_key(found: re.Match[str]) -> str:
    """A key expression with the key of its branch: its fixed steps are taken once, not for every address."""
    expression = read(found[0])
    key = expression.key.wally
    for step in expression.paths[0]:
        key = wallycore.bip32_key_from_parent(key, step, wallycore.BIP32_FLAG_KEY_PUBLIC)
    data = wallycore.bip32_key_serialize(key, wallycore.BIP32_FLAG_KEY_PUBLIC)
    return f"{core(data, expression.key.network)}/*"


def _taken_apart(source: str) -> tuple[Script | None, str]:
    """The script of a descriptor with one key, and that key's expression; nothing for other descriptors."""
    for script, (before, after) in FUNCTIONS.items():
        expression = source[len(before) : -len(after)]
        if source.startswith(before) and source.endswith(after) and not set(expression) & set("(,)"):
            return script, expression
    return None, ""


def _any_script(chain: Chain, source: str) -> Callable[[int], str]:
    """The address at a position of a descriptor of any kind: libwally makes the script, and the chain its address."""
    descriptor, to_script = _parsed(_KEY.sub(_branch_key, source)), wallycore.descriptor_to_script

    def address(position: int) -> str:
        try:
            script = bytes(to_script(descriptor, 0, 0, 0, 0, position, 0))
        except ValueError:
            raise KeyFault(_NOT_VALID) from None
        if (found := address_of(chain, script)) is None:
            raise KeyFault(f"the descriptor's script has no address on {chain.id}")
        return found

    return address


def _parsed(source: str) -> object:
    """libwally's form of a descriptor in the common form (xpub or tpub, one path). Raises KeyFault."""
    if not (source.isascii() and source.isprintable()):  # libwally ends a string at NUL
        raise KeyFault(_NOT_VALID)
    testnet = _TESTNET_KEY.search(source)
    network = wallycore.WALLY_NETWORK_BITCOIN_TESTNET if testnet else wallycore.WALLY_NETWORK_BITCOIN_MAINNET
    try:
        return wallycore.descriptor_parse(source, None, network, 0)
    except ValueError:
        raise KeyFault(_NOT_VALID) from None
