"""What a text is recognised as, and that nothing of a wallet is repeated in a sentence."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdscan.keys.source import MAX_BYTES, decode, recognise
from hdscan.model.errors import HdscanError, InputError
from hdscan.model.wallet import Found, Role, WalletKind
from tests.keys.exports.test_bsms import record
from tests.keys.exports.test_caravan import caravan
from tests.keys.exports.test_core import listed
from tests.keys.exports.test_electrum import standard
from tests.keys.exports.test_generic import coldcard, wasabi
from tests.keys.exports.test_ledger import table
from tests.keys.exports.test_signers import setup
from tests.keys.wallets import OPTIONS, TESTNET, Signer, refusal

REAL = Path(__file__).parents[3] / "shared/wallet-exports"  # beside the project, where there are any
ALICE = Signer(1)
KEYS = [ALICE.key("m/84'/0'/0'", prefix) for prefix in ("xpub", "zpub", "xprv", "zprv")]


def of_file(name: str) -> list[Found]:
    path = REAL / name
    if not path.exists():
        pytest.skip("there are no real files beside the project")
    found = recognise(decode(path.read_bytes()), TESTNET if name.startswith("cc-singlesig") else OPTIONS)
    assert found is not None
    return found


REAL_FILES = {  # the kind, and the first receiving addresses where the file or its publisher states them
    "caravan-multisig-export-1.json": (WalletKind.MULTISIG, "Test Wallet", ()),
    "cc-multisig-export-1.txt": (WalletKind.MULTISIG, "CC-2-of-4", ()),
    "descriptor-labelled.txt": (WalletKind.DESCRIPTOR, None, ()),
    "descriptor-receive-change1.txt": (WalletKind.DESCRIPTOR, None, ()),
    "electrum-singlesig-wallet.json": (WalletKind.KEY, "trezortest", ()),
    "keystone-singlesig-keystore-1.txt": (WalletKind.DESCRIPTOR, None, ()),
    "krux.txt": (WalletKind.KEY, None, ()),
    "ledger-live-operations.csv": (WalletKind.KEY, "Bitcoin 1", ()),
    "multisig-1.bsms": (WalletKind.MULTISIG, None, ("bc1qfagqa83vrv9phj0886rlx6d68zzd7gejtr0ns8xxfeckve27397q6vq47w",)),
    "multisig-2.bsms": (WalletKind.MULTISIG, None, ("bc1qrgc6p3kylfztu06ysl752gwwuekhvtfh9vr7zg43jvu60mutamcsv948ej",)),
    "new-wasabi.json": (WalletKind.KEY, None, ()),
    "specter-wallet.json": (WalletKind.DESCRIPTOR, "specter-wallet", ()),
}


@pytest.mark.parametrize("name", REAL_FILES)
def test_a_real_file_is_a_wallet_with_both_branches(name: str) -> None:
    kind, called, stated = REAL_FILES[name]
    (found,) = of_file(name)
    assert (found.kind, found.name) == (kind, called)
    assert {branch.role for branch in found.branches} == {Role.RECEIVE, Role.CHANGE}
    assert all(len(branch.addresses) == 20 and branch.source for branch in found.branches)
    assert tuple(branch.addresses[0] for branch in found.branches if branch.role is Role.RECEIVE)[: len(stated)] == stated


def test_a_real_generic_export_has_the_accounts_that_it_states() -> None:
    found = of_file("cc-singlesig-keystore-1.json")
    firsts = {wallet.branches[0].style: wallet.branches[0].addresses[0] for wallet in found}
    assert firsts == {
        "bip84": "tb1qc58ys2dphtphg6yuugdf3d0kufmk0tye044g3l",
        "bip49": "2N87V39riUUCd4vmXfDjMWAu9gUCiBji5jB",
        "bip44": "n44vs1Rv7T8SANrg2PFGQhzVkhr5Q6jMMD",
    }


@pytest.mark.parametrize("name", ["multisig-5.bsms", "multisig-address-mismatch.bsms"])
def test_a_real_record_with_another_first_address_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="first receiving address"):
        of_file(name)


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


@pytest.mark.parametrize("magic", ["QklFMQ", "QklFMg"])
def test_an_encrypted_wallet_is_named_with_what_to_do(magic: str) -> None:
    text = magic + "NI/quQo9N7RtbygK+yhlrMNxkSnXtlaC9Ia5trm7AufOtbKhGqrtv5bQ/YcRVVaj=="
    assert "encrypted" in refusal(text, text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"a": 1}', "no wallet's file that is known"),
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
def test_json_that_is_no_wallet_is_refused(text: str, sentence: str) -> None:
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
        assert all(wallet.name is None or wallet.name.isprintable() for wallet in found)
    except HdscanError as error:
        sentences = [str(error)]
    for sentence in sentences:
        assert sentence.isprintable()
        assert len(sentence) < 1000
        assert not any(key[at : at + 8] in sentence for key in SECRETS for at in range(len(key) - 7))
