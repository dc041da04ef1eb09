"""Electrum's wallet files."""

import json
from typing import Any

import msgspec
import pytest

from hdscan.chains import Script
from hdscan.keys.options import Options
from hdscan.keys.source import recognise
from tests.keys.given import SOL
from tests.keys.wallets import OPTIONS, TESTNET, Signer, firsts, multi, only, refusal, single

SIGNERS = [Signer(seed) for seed in (1, 2, 3)]
ALICE = SIGNERS[0]
WORDS = "coach fan denial rifle frost rival join install one wasp cool antique"
ADDRESSES = ["1DgrwN2JCDZ6uPMSvSz8dPeUtaxLxWM2kf", "1H3mPXHFzA8UbvhQVabcDjYw3CPb3djvxs", "1HocPduHmQUJerpdaLG8DnmxvnDCVQwWsa"]
FIRST = single(ALICE, Script.P2WPKH, "m/84'/0'/0'")[0]
REST: dict[str, Any] = {"seed_version": 18, "transactions": {}, "tx_fees": {}, "use_encryption": False, "txi": {}}


def standard(path: str, prefix: str, **members: Any) -> dict[str, Any]:
    keystore = {"type": "hardware", "hw_type": "trezor", "label": "trezor one", "derivation": path}
    keystore |= {"root_fingerprint": ALICE.fingerprint, "xpub": ALICE.key(path, prefix)}
    return REST | {"wallet_type": "standard", "keystore": keystore} | members


@pytest.mark.parametrize(
    ("path", "prefix", "script"),
    [
        ("m/84'/0'/0'", "zpub", Script.P2WPKH),
        ("m/49'/0'/0'", "ypub", Script.P2SH_P2WPKH),
        ("m/44'/0'/0'", "xpub", Script.P2PKH),
        ("m", "xpub", Script.P2PKH),
        ("m/0'", "zpub", Script.P2WPKH),
        ("m/1'/2'/3'/4'/5'", "zpub", Script.P2WPKH),
    ],
)
def test_a_standard_wallet_has_the_script_of_its_prefix(path: str, prefix: str, script: Script) -> None:
    found = only(json.dumps(standard(path, prefix)))
    assert firsts(found) == single(ALICE, script, path)
    assert (found.name, found.what) == ("trezor one", "an Electrum wallet file")


def test_seed_and_private_key_are_not_read() -> None:
    path = "m/0'"
    keystore = {"type": "bip32", "seed": WORDS, "passphrase": "thisisapassphrase", "pw_hash_version": 1}
    keystore |= {"xprv": ALICE.key(path, "zprv"), "xpub": ALICE.key(path, "zpub")}
    found = only(json.dumps(standard(path, "zpub", keystore=keystore)))
    assert firsts(found) == single(ALICE, Script.P2WPKH, path)
    del keystore["xpub"]
    sentence = refusal(json.dumps(standard(path, "zpub", keystore=keystore)), WORDS, keystore["xprv"], "thisisapassphrase")
    assert "neither an extended public key nor an address" in sentence


@pytest.mark.parametrize(("prefix", "form"), [("Zpub", "wsh({})"), ("Ypub", "sh(wsh({}))"), ("xpub", "sh({})")])
def test_a_multisig_wallet_has_the_script_of_its_prefixes(prefix: str, form: str) -> None:
    path = "m/48'/0'/0'/2'"
    file = REST | {"wallet_type": "2of3"}
    for number, signer in enumerate(SIGNERS, 1):
        little = int.from_bytes(bytes.fromhex(signer.fingerprint), "little")
        file[f"x{number}/"] = {"type": "hardware", "derivation": path, "ckcc_xfp": little, "xpub": signer.key(path, prefix)}
    found = only(json.dumps(file))
    assert firsts(found) == multi(form, [signer.key(path) for signer in SIGNERS])
    assert all(f"[{signer.fingerprint}/48h/0h/0h/2h]" in str(found.branches[0].source) for signer in SIGNERS)
    del file["x2/"]
    assert "says that there are 3 signers, and has the keys of 2" in refusal(json.dumps(file))
    file["x2/"] = {"xpub": SIGNERS[1].key(path, "Ypub" if prefix == "Zpub" else "Zpub")}
    assert "several kinds of script" in refusal(json.dumps(file), file["x2/"]["xpub"])


def test_a_wallet_with_two_factors_has_three_keys() -> None:
    file = REST | {"wallet_type": "2fa", "x1/": {"xpub": ALICE.key("m/1'")}, "x2/": {"xpub": SIGNERS[1].key("m/1'")}}
    assert "neither an extended public key nor an address" in refusal(json.dumps(file))
    file["x3/"] = {"xpub": SIGNERS[2].key("m/1'")}
    assert firsts(only(json.dumps(file))) == multi("sh({})", [signer.key("m/1'") for signer in SIGNERS])


@pytest.mark.parametrize(
    "addresses",
    [ADDRESSES, {address: {"type": "p2pkh"} for address in ADDRESSES}, {"receiving": ADDRESSES[:2], "change": ADDRESSES[2:]}],
)
def test_imported_addresses_are_listed(addresses: Any) -> None:
    keypairs = {"02" * 33: "L2sED74axVXC4H8szBJ4rQJrkfem7UMc6usLCPUoEWxDCFGUaGUM"}
    file = REST | {"wallet_type": "imported", "addresses": addresses, "keystore": {"type": "imported", "keypairs": keypairs}}
    found = only(json.dumps(file))
    assert [(entry.chain, entry.address) for entry in found.listed] == [("btc", address) for address in ADDRESSES]
    assert found.kind == "addresses"
    assert len(found.said) == 1
    more = json.dumps(file).replace(ADDRESSES[0], "nothing")
    assert "left out: 1 of its 3 addresses, which no configured chain has" in only(more).said
    assert "no configured chain" in refusal(json.dumps(file), options=Options(chains={"sol": SOL}))


def test_another_first_address_than_the_files_is_refused() -> None:
    other = single(ALICE, Script.P2WPKH, "m/84'/0'/0'", 1)[0]
    text = json.dumps(standard("m/84'/0'/0'", "zpub", addresses={"receiving": [other], "change": []}))
    assert "first receiving address" in refusal(text, ALICE.key("m/84'/0'/0'", "zpub"))


def test_an_old_wallet_without_an_extended_key_has_the_addresses_that_it_lists() -> None:
    file = {"wallet_type": "standard", "seed_version": 13, "keystore": {"type": "old", "mpk": "ab" * 64, "seed": "cd" * 16}}
    found = only(json.dumps(file | {"addresses": {"receiving": ADDRESSES, "change": []}}))
    assert [entry.address for entry in found.listed] == ADDRESSES


def test_every_address_that_was_given_out_is_in_the_wallet() -> None:
    file = standard("m/84'/0'/0'", "zpub", gap_limit=50, addresses={"receiving": [FIRST, *["x"] * 139], "change": ["x"] * 6})
    (receive, change) = only(json.dumps(file)).branches
    assert (len(receive.addresses), len(change.addresses), receive.gap) == (190, 56, 50)


def test_labels_of_addresses_are_kept() -> None:
    address = single(ALICE, Script.P2WPKH, "m/84'/0'/0'")[0]
    labels = {address: "rent \n 2024", "f" * 64: "a transaction", ADDRESSES[0]: 3}
    (label,) = only(json.dumps(standard("m/84'/0'/0'", "zpub", labels=labels))).labels
    assert (label.address, label.text) == (address, "rent 2024")


def test_patches_at_the_end_are_applied_to_addresses() -> None:
    file = REST | {"wallet_type": "imported", "addresses": {ADDRESSES[0]: {}, ADDRESSES[1]: {}}}
    patches = [
        {"op": "add", "path": f"/addresses/{ADDRESSES[2]}", "value": {}},
        {"op": "remove", "path": f"/addresses/{ADDRESSES[0]}"},
        {"op": "add", "path": "/transactions/ab", "value": "00"},
    ]
    text = json.dumps(file, indent=4) + "".join(f",\n{json.dumps(patch)}" for patch in patches)
    assert [entry.address for entry in only(text).listed] == [ADDRESSES[1], ADDRESSES[2]]
    assert "follows its end" in refusal(json.dumps(file) + " and more")
    assert "damaged or cut off" in refusal(text[:-3])


def test_patches_count_addresses() -> None:
    text = json.dumps(standard("m/84'/0'/0'", "zpub", addresses={"receiving": [FIRST] * 20, "change": []}))
    text += ',\n{"op": "add", "path": "/addresses/receiving/-", "value": "x"}'
    assert len(only(text).branches[0].addresses) == 41


def test_files_of_the_first_versions_are_read() -> None:
    keys = {"x1/": ALICE.key("m"), "x2/": SIGNERS[1].key("m")}
    old = {"wallet_type": "2of2", "seed_version": 11, "seed": WORDS, "master_public_keys": keys, "accounts": {}}
    assert firsts(only(json.dumps(old))) == multi("sh({})", list(keys.values()))
    seeded = old | {"wallet_type": "standard", "master_public_keys": {"x/": ALICE.key("m")}}
    assert firsts(only(json.dumps(seeded))) == single(ALICE, Script.P2PKH, "m")
    paths = ["m/44'/0'/0'", "m/44'/0'/1'"]
    trezor = {"wallet_type": "trezor", "labels": {"0": "Main account"}, "accounts": {}}
    trezor["master_public_keys"] = {f"x/{number}'": ALICE.key(path) for number, path in enumerate(paths)}
    found = recognise(json.dumps(trezor), OPTIONS)
    assert found is not None
    assert [firsts(wallet) for wallet in found] == [single(ALICE, Script.P2PKH, path) for path in paths]
    assert [wallet.name for wallet in found] == ["Main account", None]


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"keystore": {"xpub": 3}}, "`keystore.xpub` is not text"),
        ({"keystore": {"xpub": "zpub1234"}}, "extended public key"),
        ({"keystore": []}, "`keystore` is not an object"),
        ({"wallet_type": "99of99"}, "has 0 keys"),
        ({"wallet_type": "xprv9s21ZrQH143K\n", "keystore": {}}, "neither an extended public key"),
        ({"gap_limit": "20"}, "`gap_limit` is not a whole number"),
        ({"gap_limit": 10**12}, "`gap_limit` is not a whole number"),
    ],
)
def test_a_damaged_file_is_refused(members: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(json.dumps(standard("m/84'/0'/0'", "zpub", **members)), "xprv9s21ZrQH143K")


def test_a_file_of_another_network_is_refused() -> None:
    text = json.dumps(standard("m/84'/0'/0'", "zpub"))
    assert "mainnet" in refusal(text, ALICE.key("m/84'/0'/0'", "zpub"), options=TESTNET)


def test_nothing_is_kept_that_more_could_be_derived_from_if_so_asked() -> None:
    file = standard("m/84'/0'/0'", "zpub", addresses={"receiving": [FIRST] * 140, "change": []})
    found = only(json.dumps(file), msgspec.structs.replace(OPTIONS, forget=True))
    assert [(branch.source, len(branch.addresses)) for branch in found.branches] == [(None, 160), (None, 20)]
