"""What a text is recognised as, and that nothing of a wallet is repeated in a sentence."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdscan.keys.source import MAX_BYTES, decode, recognise
from hdscan.model.errors import HdscanError, InputError
from hdscan.model.wallet import Role, WalletKind
from tests.keys.exports.test_bsms import record
from tests.keys.exports.test_caravan import caravan
from tests.keys.exports.test_core import listed
from tests.keys.exports.test_electrum import standard
from tests.keys.exports.test_generic import SECTIONS, coldcard, wasabi
from tests.keys.exports.test_ledger import table
from tests.keys.exports.test_signers import setup
from tests.keys.wallets import OPTIONS, TESTNET, Signer, only, refusal

REAL = Path(__file__).parents[3] / "shared/wallet-exports"  # beside the project, where there are any
ALICE = Signer(1)
PATH = "m/84'/0'/0'"
NESTED = f"sh(wpkh({ALICE.origin(PATH)}))"
KEYS = [ALICE.key(PATH, prefix) for prefix in ("xpub", "zpub", "xprv", "zprv")]


def real(name: str, made: str) -> str:
    """A real file of a form, or the one of the same form that is made here."""
    path = REAL / name
    return decode(path.read_bytes()) if path.exists() else made


FORMS = {  # a form that is made here, and what both are: the kind, and the name in the real file
    "caravan-multisig-export-1.json": (json.dumps(caravan()), WalletKind.MULTISIG, "Test Wallet"),
    "cc-multisig-export-1.txt": (setup(), WalletKind.MULTISIG, "CC-2-of-4"),
    "descriptor-labelled.txt": (f"Receive: wpkh({KEYS[0]}/0/*)", WalletKind.DESCRIPTOR, None),
    "descriptor-receive-change1.txt": (f"wpkh({KEYS[0]}/0/*)\n\nwpkh({KEYS[0]}/1/*)\n", WalletKind.DESCRIPTOR, None),
    "electrum-singlesig-wallet.json": (json.dumps(standard("m/49'/0'/0'", "ypub")), WalletKind.KEY, "trezortest"),
    "keystone-singlesig-keystore-1.txt": (f"wpkh({KEYS[1]}/1/*)", WalletKind.DESCRIPTOR, None),
    "krux.txt": (f"{ALICE.origin(PATH)}\n\n", WalletKind.KEY, None),
    "ledger-live-operations.csv": (table(("BTC", "Bitcoin 1", KEYS[0])), WalletKind.KEY, "Bitcoin 1"),
    "multisig-1.bsms": (record(), WalletKind.MULTISIG, None),
    "multisig-2.bsms": (record(), WalletKind.MULTISIG, None),
    "new-wasabi.json": (wasabi(), WalletKind.KEY, None),
    "specter-wallet.json": (json.dumps({"label": "x", "descriptor": NESTED}), WalletKind.DESCRIPTOR, "specter-wallet"),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_file_of_every_form_is_a_wallet_with_both_branches(name: str) -> None:
    made, kind, called = FORMS[name]
    for text in (made, real(name, made)):
        found = only(text)
        assert found.kind == kind
        assert {branch.role for branch in found.branches} == {Role.RECEIVE, Role.CHANGE}
        assert all(len(branch.addresses) == 20 and branch.source for branch in found.branches)
        assert text is made or found.name == called


def test_a_generic_export_has_the_accounts_that_it_states() -> None:
    text = real("cc-singlesig-keystore-1.json", json.dumps(coldcard()))
    sections = {name: section for name, section in json.loads(text).items() if name in SECTIONS}
    found = recognise(text, TESTNET if json.loads(text)["chain"] == "XTN" else OPTIONS)
    assert found is not None
    assert {wallet.branches[0].style: wallet.branches[0].addresses[0] for wallet in found} == {
        name: section["first"] for name, section in sections.items()
    }


@pytest.mark.parametrize("name", ["multisig-5.bsms", "multisig-address-mismatch.bsms"])
def test_a_record_with_another_first_address_is_refused(name: str) -> None:
    assert "first receiving address" in refusal(real(name, record(paths="/2/*,/3/*")))


def test_bytes_of_any_text_are_decoded() -> None:
    assert decode(b"\xef\xbb\xbfxpub") == "xpub"
    assert decode("xpub é".encode("utf-16")) == "xpub é"
    assert decode(b"\xfe\xff" + "xpub".encode("utf-16-be")) == "xpub"
    assert decode("é".encode()) == "é"
    assert decode(b"M\xfcller,bc1q").endswith("ller,bc1q")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"SQLite format 3\0" + b"x" * 100, "listdescriptors"),
        (b"H:2,block:3,blockSize:1000", "Sparrow"),
        (b"7z\xbc\xaf\x27\x1c\0\0", "backup"),
        (b"PK\x03\x04", "CSV"),
        (b"%PDF-1.7", "PDF"),
        (b"\x89PNG\r\n", "picture"),
        (b"a\0b\0c\0", "not text"),
        (b"\xff\xfea", "UTF-16"),
    ],
)
def test_what_is_no_text_is_named(data: bytes, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        decode(data)


def test_a_file_has_a_size() -> None:
    with pytest.raises(InputError, match="larger than 64 MB"):
        decode(bytes(MAX_BYTES + 1))
    assert "larger than 64 MB" in refusal(" " * (MAX_BYTES + 1))


@pytest.mark.parametrize("magic", ["QklFMQ", "QklFMg"])
def test_an_encrypted_wallet_is_named_with_what_to_do(magic: str) -> None:
    text = magic + "NI/quQo9N7RtbygK+yhlrMNxkSnXtlaC9Ia5trm7AufOtbKhGqrtv5bQ/YcRVVaj=="
    assert "encrypted" in refusal(text, text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"a": 1}', "no wallet's file that is known"),
        (str(list(range(64))), "private key"),
        ("# Coldcard Wallet Summary File\n\nm => xpub", "summary"),
        ("cHNidP8BAHICAAAAAQDo5ey", "PSBT"),
        ("ur:crypto-account/oeadcyemrewytyaolttaadmutaaddloso", "QR code"),
        ("B$ZP0100FMUE4KXZZ7EFU", "QR code"),
        ("sp([0f056943/352h/1h/0h]tspscan1q)", "silent payments"),
        ("[]", "no wallet's file that is known"),
        ("[1, 2]", "no wallet's file that is known"),
        ('{"a": 1', "ends too early"),
        ('{"a": 1} and more', "no wallet's file that is known"),
        ('{"a": }', "line 1, column 7"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ('{"a": ' + "1" * 5000 + "}", "number that is too large"),
        ('{"xfp": "01020304", "xfp": "05060708"}', "twice"),
    ],
)
def test_what_is_no_wallet_is_refused(text: str, sentence: str) -> None:
    assert sentence in refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "Index,Payment Address,Derivation,Label\n0,bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu,m/84'/0'/0'/0/0,rent\n",
        "label,address\nx,bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu\n",
        "bitcoin:bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    ],
)
def test_lists_of_addresses_are_handed_on(text: str) -> None:
    assert recognise(text, OPTIONS) is None


FILES = [
    json.dumps(coldcard()),
    wasabi(),
    json.dumps(caravan()),
    json.dumps(standard("m/84'/0'/0'", "zpub")),
    json.dumps(listed()),
    setup(),
    setup(prefix="Zpub"),
    record(),
    table(("BTC", "Bitcoin 1", KEYS[0])),
    f"wpkh({KEYS[0]}/0/*)",
    KEYS[1],
]
SECRETS = {*KEYS, *(key for text in FILES for key in re.findall(r"[A-Za-z]pub[0-9A-Za-z]{100,}", text))}
PIECES = st.sampled_from(
    ['"', "{", "}", "[", "]", ":", ",", "\n", "null", "-1", "1e999", "\x00", "\u202e", "\ud800", "é", *KEYS]
)


@settings(max_examples=300)
@given(st.sampled_from(FILES), st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 40), PIECES), min_size=1, max_size=4))
def test_a_damaged_file_gives_a_wallet_or_one_plain_sentence_without_its_keys(
    text: str, changes: list[tuple[int, int, str]]
) -> None:
    for start, length, piece in changes:
        at = start % (len(text) + 1)
        text = text[:at] + piece + text[at + length :]
    try:
        found = recognise(text, OPTIONS) or []
        sentences = [sentence for wallet in found for sentence in (*wallet.said, wallet.what)]
        names = [wallet.name for wallet in found if wallet.name]
        assert all(name.isprintable() for name in names)
        assert not any(key[at : at + 20] in name for key in SECRETS for name in names for at in range(len(key) - 19))
    except HdscanError as error:
        sentences = [str(error)]
    for sentence in sentences:
        assert sentence.isprintable()
        assert len(sentence) < 1000
        assert not any(key[at : at + 8] in sentence for key in SECRETS for at in range(len(key) - 7))
