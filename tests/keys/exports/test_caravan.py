"""Caravan's wallet files, and those of Unchained and Lily."""

import json
from typing import Any

import pytest

from tests.keys.wallets import Signer, firsts, multi, only, refusal

SIGNERS = [Signer(seed) for seed in (1, 2, 3)]
PATH = "m/48'/0'/0'/2'"
KEYS = [signer.key(PATH) for signer in SIGNERS]


def caravan(**members: Any) -> dict[str, Any]:
    file = {
        "name": "Family",
        "addressType": "P2WSH",
        "network": "mainnet",
        "client": {"type": "public"},
        "quorum": {"requiredSigners": 2, "totalSigners": 3},
        "extendedPublicKeys": [
            {"name": "a", "bip32Path": PATH, "xpub": signer.key(PATH), "xfp": signer.fingerprint, "method": "trezor"}
            for signer in SIGNERS
        ],
        "startingAddressIndex": 0,
    }
    return file | members


@pytest.mark.parametrize(("form", "script"), [("P2WSH", "wsh({})"), ("P2SH-P2WSH", "sh(wsh({}))"), ("P2SH", "sh({})")])
def test_a_caravan_file_is_a_wallet_of_its_kind(form: str, script: str) -> None:
    found = only(json.dumps(caravan(addressType=form)))
    assert firsts(found) == multi(script, KEYS)
    assert (found.name, found.what) == ("Family", "a Caravan wallet file")


def test_keys_that_were_pasted_have_no_origin() -> None:
    file = caravan()
    file["extendedPublicKeys"][0] |= {"bip32Path": "Unknown", "xfp": "Unknown"}
    del file["extendedPublicKeys"][1]["xfp"]
    found = only(json.dumps(file))
    assert firsts(found) == multi("wsh({})", KEYS)
    source = found.branches[0].source
    assert source is not None
    assert f"(2,{KEYS[0]}/0/*,[00000000/48h/0h/0h/2h]{KEYS[1]}" in source


def test_the_addresses_from_a_later_beginning_are_all_given() -> None:
    found = only(json.dumps(caravan(startingAddressIndex=150)))
    assert [len(branch.addresses) for branch in found.branches] == [170, 170]
    assert firsts(found) == multi("wsh({})", KEYS)
    assert any("begins at address 150" in sentence for sentence in found.said)


def test_lilys_form_has_the_fingerprint_with_the_device() -> None:
    keys = [
        {"bip32Path": PATH, "xpub": signer.key(PATH, "Zpub"), "parentFingerprint": "01020304", "network": "mainnet"}
        | {"device": {"type": "coldcard", "model": "coldcard", "fingerprint": signer.fingerprint}}
        for signer in SIGNERS
    ]
    found = only(json.dumps(caravan(extendedPublicKeys=keys)))
    assert firsts(found) == multi("wsh({})", KEYS)
    assert f"[{SIGNERS[0].fingerprint}/48h" in str(found.branches[0].source)


def test_one_key_of_one_is_a_wallet_with_one_key() -> None:
    path = "m/84'/0'/0'"
    keys = [{"bip32Path": path, "xpub": SIGNERS[0].key(path), "xfp": SIGNERS[0].fingerprint}]
    quorum = {"requiredSigners": 1, "totalSigners": 1}
    found = only(json.dumps(caravan(addressType="p2wpkh", quorum=quorum, extendedPublicKeys=keys)))
    assert found.branches[0].addresses[0].startswith("bc1q")
    assert len(found.branches[0].addresses[0]) == 42


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"quorum": {"requiredSigners": 0, "totalSigners": 3}}, "`quorum.requiredSigners` is not a whole number"),
        ({"quorum": {"requiredSigners": 10**40, "totalSigners": 3}}, "`quorum.requiredSigners` is not a whole number"),
        ({"quorum": {"requiredSigners": True, "totalSigners": 3}}, "`quorum.requiredSigners` is not a whole number"),
        ({"quorum": {"requiredSigners": 2, "totalSigners": 4}}, "has the keys of 3"),
        ({"quorum": {"totalSigners": 3}}, "`quorum.requiredSigners` is missing"),
        ({"quorum": 2}, "`quorum` is not an object"),
        ({"addressType": None}, "`addressType` is missing"),
        ({"addressType": "P2X"}, "kind of script"),
        ({"startingAddressIndex": -3}, "`startingAddressIndex` is not a whole number"),
        ({"startingAddressIndex": "0"}, "`startingAddressIndex` is not a whole number"),
        ({"extendedPublicKeys": {}}, "`extendedPublicKeys` is not a list"),
        ({"extendedPublicKeys": ["x"]}, "`extendedPublicKeys[1]` is not an object"),
        ({"extendedPublicKeys": [{"xfp": "01020304"}]}, "`extendedPublicKeys[1].xpub` is missing"),
        ({"extendedPublicKeys": [{"xpub": KEYS[0]}] * 3}, "key twice"),
        ({"extendedPublicKeys": [{"xpub": KEYS[0]}] * 21}, "has 21 keys"),
        ({"extendedPublicKeys": [{"xpub": ""}] * 10_001}, "more than 10,000 entries"),
        ({"extendedPublicKeys": [{"xpub": SIGNERS[0].key(PATH, "xprv")}] * 3}, "private key"),
        ({"extendedPublicKeys": [{"xpub": KEYS[0], "xfp": "12"}]}, "fingerprint is not 8"),
    ],
)
def test_a_damaged_file_is_refused_without_its_keys(members: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(json.dumps(caravan(**members)), *KEYS, SIGNERS[0].key(PATH, "xprv"))
