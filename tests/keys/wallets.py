"""Keys of wallets made here, in the forms that files have them, and the addresses that libwally's descriptors give them."""

from collections.abc import Sequence

import pytest
import wallycore

from hdscan.chains import Script
from hdscan.keys.options import Options
from hdscan.keys.source import recognise
from hdscan.model.chain import Network
from hdscan.model.errors import HdscanError
from hdscan.model.wallet import Found, Role
from tests.keys.given import BSC, BTC, BTC_TESTNET, SOL, TRON, repeats

VERSIONS = {
    "xpub": 0x0488B21E,
    "ypub": 0x049D7CB2,
    "zpub": 0x04B24746,
    "Ypub": 0x0295B43F,
    "Zpub": 0x02AA7ED3,
    "tpub": 0x043587CF,
    "vpub": 0x045F1CF6,
    "Upub": 0x024289EF,
    "Vpub": 0x02575483,
    "Ltub": 0x019DA462,
    "xprv": 0x0488ADE4,
    "zprv": 0x04B2430C,
    "tprv": 0x04358394,
}
FUNCTIONS = {
    Script.P2WPKH: "wpkh({})",
    Script.P2SH_P2WPKH: "sh(wpkh({}))",
    Script.P2PKH: "pkh({})",
    Script.P2TR: "tr({})",
}
OPTIONS = Options(chains={chain.id: chain for chain in (BTC, BSC, SOL, TRON)})
TESTNET = Options(chains={"btc": BTC_TESTNET})


class Signer:
    """A wallet's root key."""

    def __init__(self, seed: int) -> None:
        self._root = wallycore.bip32_key_from_seed(bytes([seed]) * 32, wallycore.BIP32_VER_MAIN_PRIVATE, 0)
        self.fingerprint = bytes(wallycore.bip32_key_get_fingerprint(self._root)).hex()

    def key(self, path: str, prefix: str = "xpub") -> str:
        """The key at a path, m/84'/0'/0', as it begins with `prefix`."""
        steps = [int(step.rstrip("'")) + (0x80000000 if step.endswith("'") else 0) for step in path.split("/")[1:]]
        key = wallycore.bip32_key_from_parent_path(self._root, steps, 0) if steps else self._root
        flag = wallycore.BIP32_FLAG_KEY_PRIVATE if prefix.endswith("prv") else wallycore.BIP32_FLAG_KEY_PUBLIC
        data = bytes(wallycore.bip32_key_serialize(key, flag))
        return str(wallycore.base58check_from_bytes(VERSIONS[prefix].to_bytes(4) + data[4:]))

    def origin(self, path: str) -> str:
        """The key with its origin, as descriptors have it."""
        return f"[{self.fingerprint}{path[1:].replace(chr(39), 'h')}]{self.key(path)}"


def address(descriptor: str, index: int = 0, network: Network = Network.MAINNET) -> str:
    """What libwally makes of a descriptor with one wildcard."""
    mainnet = network is Network.MAINNET
    parsed = wallycore.descriptor_parse(
        descriptor, None, wallycore.WALLY_NETWORK_BITCOIN_MAINNET if mainnet else wallycore.WALLY_NETWORK_BITCOIN_TESTNET, 0
    )
    return str(wallycore.descriptor_to_address(parsed, 0, 0, index, 0))


def checksummed(descriptor: str) -> str:
    """A descriptor with its checksum."""
    parsed = wallycore.descriptor_parse(descriptor, None, wallycore.WALLY_NETWORK_NONE, 0)
    return f"{descriptor}#{wallycore.descriptor_get_checksum(parsed, 0)}"


def firsts(found: Found) -> tuple[str, str]:
    """The first receiving and change address of a wallet with two branches."""
    by_role = {branch.role: branch.addresses[0] for branch in found.branches}
    assert len(by_role) == len(found.branches)
    return by_role[Role.RECEIVE], by_role[Role.CHANGE]


def single(signer: Signer, script: Script, path: str, index: int = 0) -> tuple[str, str]:
    """The receiving and change address at a position below an account."""
    receive, change = (address(FUNCTIONS[script].format(f"{signer.key(path)}/{branch}/*"), index) for branch in (0, 1))
    return receive, change


def multi(form: str, keys: Sequence[str], threshold: int = 2, function: str = "sortedmulti") -> tuple[str, str]:
    """The first receiving and change address of a multisig wallet; `form` is `wsh({})` or the like."""
    both = (",".join(f"{key}/{branch}/*" for key in keys) for branch in (0, 1))
    receive, change = (address(form.format(f"{function}({threshold},{signers})")) for signers in both)
    return receive, change


def only(text: str, options: Options = OPTIONS) -> Found:
    """The one wallet of a text."""
    found = recognise(text, options)
    assert found is not None
    (wallet,) = found
    return wallet


def refusal(text: str, *secrets: str, options: Options = OPTIONS) -> str:
    """The sentence by which a text is refused, which has to be one plain line without a piece of a secret."""
    with pytest.raises(HdscanError) as refused:
        recognise(text, options)
    sentence = str(refused.value)
    assert sentence.isprintable()
    assert len(sentence) < 500
    assert not any(repeats(refused.value, secret, 8) for secret in secrets)
    return sentence
