"""Extended keys, descriptors and mnemonics as people paste them."""

import re
from collections.abc import Callable

import wallycore

from hdscan.keys.account import of_key
from hdscan.keys.derive import derive
from hdscan.keys.descriptor import of_descriptor
from hdscan.keys.options import Options
from hdscan.keys.seed import of_seed
from hdscan.model.chain import Chain
from hdscan.model.errors import InputError, KeyFault
from hdscan.model.wallet import Found
from tests.fuzz.target import Target, refused
from tests.keys.given import MNEMONIC, XPUB, ZPUB, H, exported, vectors
from tests.provider.server import BSC, BTC, SOLANA, TRON

_ACCOUNT = [H + 84, H, H]
_VECTORS = vectors("descriptors")
_DESCRIPTORS = [
    *(text for text, _ in (*_VECTORS["scripts"], *_VECTORS["expanded"])),
    *_VECTORS["invalid"],
    f"wpkh([73c5da0a/84h/0h/0h]{exported(_ACCOUNT)}/**)",
    f"wsh(or_d(pk({exported(_ACCOUNT)}/<0;1>/*),and_v(v:pkh({exported([H])}/<0;1>/*),older(100))))",
]


def _extended(data: bytes) -> str:
    """A key as it is written, or as bytes in hexadecimal, which get the checksum that lets them in."""
    text = data.decode("utf-8", "surrogateescape")
    if re.fullmatch("([0-9a-f]{2}){1,200}", text):
        text = str(wallycore.base58check_from_bytes(bytes.fromhex(text)))
    return " ".join(_wallet(of_key, text, chain) for chain in (BTC, BSC, SOLANA, TRON))


def _descriptor(data: bytes) -> str:
    return _wallet(of_descriptor, data.decode("utf-8", "surrogateescape"), BTC)


def _wallet(read: Callable[[str, Options], Found], text: str, chain: Chain) -> str:
    try:
        found = read(text, Options(chains={chain.id: chain}, only=(chain.id,), count=1))
    except (KeyFault, InputError) as error:
        assert_kept(text, str(error))
        return refused(error)
    for branch in found.branches:
        assert branch.source is not None
        assert derive(chain, branch.source, 0, 1) == list(branch.addresses)
    for sentence in (*found.said, found.what):
        assert_kept(text, sentence)
    return f"{found.what} {len(found.branches)} {len(list(found.listed))}"


def _mnemonic(data: bytes) -> str:
    text, _, passphrase = data.decode("utf-8", "surrogateescape").partition("\n")
    try:
        found = of_seed(text, passphrase, Options(chains={BTC.id: BTC}, count=1, accounts=1))
    except KeyFault as error:
        assert_kept(text, str(error))
        return refused(error)
    assert found.branches[0].addresses[0].startswith("bc1q")
    return "address"


def assert_kept(secret: str, sentence: str) -> None:
    """That a sentence has no run of eight characters of a key's."""
    for key in re.findall("[0-9A-Za-z]{40,}", secret):
        assert not any(key[start : start + 8] in sentence for start in range(len(key) - 7))


TARGETS = (
    Target(
        "extended-key",
        [
            *(bytes(wallycore.base58check_to_bytes(exported(_ACCOUNT, version))).hex().encode() for version in (XPUB, ZPUB)),
            exported(_ACCOUNT).encode(),
            f"[73c5da0a/84h/0h/0h]{exported(_ACCOUNT)}/<0;1>/*".encode(),
            MNEMONIC.encode(),
        ],
        _extended,
        1 << 10,
    ),
    Target("descriptor", [text.encode() for text in _DESCRIPTORS], _descriptor, 1 << 12),
    Target("mnemonic", [MNEMONIC.encode(), f"{MNEMONIC}\nTREZOR".encode()], _mnemonic),
)
