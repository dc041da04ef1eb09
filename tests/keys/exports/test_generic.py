"""The accounts of one hardware wallet."""

import json
from typing import Any

import msgspec
import pytest
import wallycore

from hdscan.chains import Script
from hdscan.keys.source import recognise
from hdscan.model.chain import Network
from tests.keys.wallets import OPTIONS, TESTNET, Signer, address, firsts, only, refusal, single

ALICE = Signer(1)
SECTIONS = {
    "bip44": (Script.P2PKH, "m/44'/0'/0'", "xpub"),
    "bip49": (Script.P2SH_P2WPKH, "m/49'/0'/0'", "ypub"),
    "bip84": (Script.P2WPKH, "m/84'/0'/0'", "zpub"),
    "bip86": (Script.P2TR, "m/86'/0'/0'", "xpub"),
}


def coldcard(*names: str, **members: Any) -> dict[str, Any]:
    """A generic export with these sections."""
    file: dict[str, Any] = {"chain": "BTC", "xfp": ALICE.fingerprint.upper(), "account": 0, "xpub": ALICE.key("m")}
    for name in names or SECTIONS:
        script, path, prefix = SECTIONS[name]
        first = single(ALICE, script, path)[0]
        section = {"deriv": path, "first": first, "name": script.value, "xfp": "01234567", "xpub": ALICE.key(path)}
        file[name] = section | ({"_pub": ALICE.key(path, prefix)} if prefix != "xpub" else {})
    return file | members


def test_every_account_of_a_generic_export_is_a_wallet() -> None:
    found = recognise(json.dumps(coldcard()), OPTIONS)
    assert found is not None
    by_script = {wallet.branches[0].style: firsts(wallet) for wallet in found}
    assert by_script == {name: single(ALICE, script, path) for name, (script, path, _) in SECTIONS.items()}
    scripts = ("p2wpkh", "p2sh-p2wpkh", "p2pkh", "p2tr")
    assert [(wallet.name, wallet.part) for wallet in found] == [(None, script) for script in scripts]
    named = recognise(json.dumps(coldcard("bip84", "bip86", label="Mine", account=7)), OPTIONS)
    assert [(wallet.name, wallet.part) for wallet in named or ()] == [("Mine", "p2wpkh 7"), ("Mine", "p2tr 7")]
    assert only(json.dumps(coldcard("bip84"))).part is None
    assert "generic JSON" in found[0].what


def test_a_script_chooses_one_account() -> None:
    options = msgspec.structs.replace(OPTIONS, script=Script.P2TR)
    assert firsts(only(json.dumps(coldcard()), options)) == single(ALICE, Script.P2TR, "m/86'/0'/0'")
    assert "has no p2tr account" in refusal(json.dumps(coldcard("bip84")), options=options)


def test_an_account_without_the_xpub_is_read_by_its_other_form() -> None:
    file = coldcard("bip84")
    del file["bip84"]["xpub"]
    assert firsts(only(json.dumps(file))) == single(ALICE, Script.P2WPKH, "m/84'/0'/0'")


def test_a_first_address_that_the_key_does_not_give_is_refused() -> None:
    file = coldcard("bip84")
    file["bip84"]["first"] = single(ALICE, Script.P2WPKH, "m/84'/0'/1'")[0]
    assert "first receiving address" in refusal(json.dumps(file), file["bip84"]["xpub"])
    file["bip84"]["first"] = "no address"
    assert "first receiving address" in refusal(json.dumps(file), file["bip84"]["xpub"])


def test_sections_for_multisig_wallets_are_left_out_and_named() -> None:
    section = {"deriv": "m/48'/0'/0'/2'", "name": "p2wsh", "xfp": "01234567", "xpub": ALICE.key("m/48'/0'/0'/2'")}
    found = only(json.dumps(coldcard("bip84", bip48_1=section, bip48_2=section, bip352={"deriv": "m/352'/0'/0'"})))
    assert len(found.branches) == 2
    assert any("bip352, bip48_1, bip48_2" in sentence for sentence in found.said)


@pytest.mark.parametrize("keys", [("p2wsh", "p2wsh_p2sh", "p2sh"), ("p2wsh",)])
def test_one_signers_multisig_keys_are_refused(keys: tuple[str, ...]) -> None:
    file = {"xfp": ALICE.fingerprint, **{key: ALICE.key("m/48'/0'/0'/2'", "Zpub") for key in keys}}
    assert "one signer's keys" in refusal(json.dumps(file), file["p2wsh"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"xfp": "0F0569"}, "not 8 hexadecimal digits"),
        ({"xfp": 7}, "`xfp` is not text"),
        ({"account": -1}, "`account` is not a whole number"),
        ({"account": 10**30}, "`account` is not a whole number"),
        ({"bip84": {"deriv": "m/84'/0'/0'"}}, "`bip84.xpub` is missing"),
        ({"bip84": {"deriv": "m/84'/0'/0'", "xpub": ["x"]}}, "`bip84.xpub` is not text"),
        ({"bip84": {"deriv": "m/../0'", "xpub": ALICE.key("m/84'/0'/0'")}}, "not one"),
        ({"bip84": {"deriv": "m/84'/0'/99999999999'", "xpub": ALICE.key("m/84'/0'/0'")}}, "2^31"),
        ({"bip84": {"deriv": "m/84'/0'/0'", "xpub": ALICE.key("m/84'/0'/0'", "zprv")}}, "private key"),
        ({"bip84": {"deriv": "m/84'/0'/0'", "xpub": ALICE.key("m/84'/0'/0'")[:-1] + "1"}}, "checksum"),
    ],
)
def test_a_damaged_export_is_refused_without_its_keys(change: dict[str, Any], sentence: str) -> None:
    text = json.dumps(coldcard("bip84") | change)
    assert sentence in refusal(text, ALICE.key("m/84'/0'/0'"), ALICE.key("m/84'/0'/0'", "zprv"))


def wasabi(**members: Any) -> str:
    file = {
        "EncryptedSecret": "6PYNUAZZLS1ShkhHhm9ayiNwXPAPLN669fN5mY2WbGm1Hqc88tomqWXabU",
        "ChainCode": "UoHIB+2mDbZSowo11TfDQbsYK6q1DrZ2H2yqQBxu6m8=",
        "MasterFingerprint": ALICE.fingerprint,
        "ExtPubKey": ALICE.key("m/84'/0'/0'"),
        "AccountKeyPath": "84'/0'/0'",
    }
    return json.dumps(file | members)


def test_a_wasabi_file_has_its_segwit_account() -> None:
    found = only(wasabi(EncryptedSecret=None, ChainCode=None))
    assert firsts(found) == single(ALICE, Script.P2WPKH, "m/84'/0'/0'")
    assert "Wasabi" in found.what


def test_a_wasabi_file_without_paths_has_those_of_its_network() -> None:
    for prefix, coin, options in (("xpub", 0, OPTIONS), ("tpub", 1, TESTNET)):
        found = only(
            json.dumps({"ExtPubKey": ALICE.key("m/84'/0'/0'", prefix), "MasterFingerprint": ALICE.fingerprint}), options
        )
        assert found.branches[0].path == f"m/84'/{coin}'/0'/0/{{}}"


def test_a_newer_wasabi_file_is_one_wallet_with_its_taproot_account() -> None:
    taproot = {"TaprootExtPubKey": ALICE.key("m/86'/0'/0'"), "TaprootAccountKeyPath": "86'/0'/0'"}
    found = only(wasabi(**taproot))
    receive = [branch.addresses[0] for branch in found.branches]
    assert receive == [*single(ALICE, Script.P2WPKH, "m/84'/0'/0'"), *single(ALICE, Script.P2TR, "m/86'/0'/0'")]
    chosen = only(wasabi(**taproot), msgspec.structs.replace(OPTIONS, script=Script.P2TR))
    assert firsts(chosen) == single(ALICE, Script.P2TR, "m/86'/0'/0'")
    nested = msgspec.structs.replace(OPTIONS, script=Script.P2SH_P2WPKH)
    assert "has no p2sh-p2wpkh account" in refusal(wasabi(**taproot), options=nested)


def test_a_wasabi_file_begins_with_the_addresses_that_it_has_given_out() -> None:
    keys = [{"PubKey": "02", "FullKeyPath": f"84'/0'/0'/1/{index}"} for index in (3, 41, 7)]
    (receive, change) = only(wasabi(HdPubKeys=keys, MinGapLimit=30)).branches
    assert (len(receive.addresses), len(change.addresses), receive.gap) == (30, 42 + 30, 30)


def test_the_same_form_of_keystone_may_hold_a_ypub_and_no_path() -> None:
    nested = wasabi(ExtPubKey=ALICE.key("m/49'/0'/0'", "ypub"), AccountKeyPath="m/49'/0'/0'", MasterFingerprint=None)
    assert firsts(only(nested)) == single(ALICE, Script.P2SH_P2WPKH, "m/49'/0'/0'")
    native = wasabi(ExtPubKey=ALICE.key("m/84'/0'/0'", "zpub"), AccountKeyPath=None)
    assert firsts(only(native)) == single(ALICE, Script.P2WPKH, "m/84'/0'/0'")


def test_a_file_of_another_network_is_refused() -> None:
    sentence = refusal(json.dumps(coldcard("bip84")), ALICE.key("m/84'/0'/0'"), options=TESTNET)
    assert "mainnet" in sentence


def test_a_first_address_of_regtest_is_the_same_address() -> None:
    path = "m/84'/1'/0'"
    key = ALICE.key(path, "tpub")
    first = address(f"wpkh({key}/0/*)", network=Network.TESTNET)
    regtest = str(wallycore.addr_segwit_from_bytes(wallycore.addr_segwit_to_bytes(first, "tb", 0), "bcrt", 0))
    file = {"chain": "XRT", "xfp": ALICE.fingerprint, "bip84": {"deriv": path, "xpub": key, "first": regtest}}
    assert firsts(only(json.dumps(file), TESTNET))[0] == first
