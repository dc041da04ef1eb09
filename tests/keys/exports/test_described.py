"""JSON files that hold descriptors."""

import json
from typing import Any

import pytest

from hdscan.chains import Script
from hdscan.keys.source import recognise
from tests.keys.wallets import OPTIONS, Signer, checksummed, firsts, multi, only, refusal, single

SIGNERS = [Signer(seed) for seed in (1, 2, 3)]
ALICE = SIGNERS[0]
PATH = "m/49'/0'/0'"
NATIVE = "m/84'/0'/0'"
NESTED = f"sh(wpkh({ALICE.origin(PATH)}))"
RECEIVE, CHANGE = (checksummed(f"sh(wpkh({ALICE.origin(PATH)}/{branch}/*))") for branch in (0, 1))


@pytest.mark.parametrize(
    "file",
    [
        {"label": "safe", "blockheight": 647153, "descriptor": NESTED},
        {"label": "safe", "blockheight": 647153, "descriptor": NESTED, "devices": [{"type": "trezor", "label": "x"}]},
        {"name": "safe", "descriptor": RECEIVE},
        {"alias": "safe", "recv_descriptor": RECEIVE, "change_descriptor": CHANGE, "keys": [], "sigs_required": 1},
        {"name": "safe", "receiveDescriptor": RECEIVE, "changeDescriptor": CHANGE},
        {"name": "safe", "external": RECEIVE, "internal": CHANGE},
    ],
)
def test_a_file_with_a_descriptor_is_a_wallet(file: dict[str, Any]) -> None:
    found = only(json.dumps(file))
    assert firsts(found) == single(ALICE, Script.P2SH_P2WPKH, PATH)
    assert found.name == "safe"


def test_specters_multisig_without_wildcards_has_both_branches() -> None:
    keys = [signer.key("m/48'/0'/0'/2'") for signer in SIGNERS]
    file = {"label": "vault", "blockheight": 1, "descriptor": f"wsh(multi(2,{','.join(keys)}))"}
    found = only(json.dumps(file))
    assert firsts(found) == multi("wsh({})", keys, function="multi")
    assert found.what == "a Specter wallet file"


def test_the_addresses_that_specter_has_given_out_are_in_the_wallet() -> None:
    file = {"name": "x", "recv_descriptor": RECEIVE, "change_descriptor": CHANGE, "address_index": 99, "change_index": 3}
    assert [len(branch.addresses) for branch in only(json.dumps(file)).branches] == [120, 24]


def test_every_account_of_a_backup_is_a_wallet() -> None:
    keys = [signer.key("m/48'/0'/0'/2'") for signer in SIGNERS]
    accounts = [
        {"name": "spending", "descriptor": NESTED, "receive_index": 49, "change_index": 5, "keys": {}},
        {"descriptor": f"wsh(or_d(pk({keys[0]}/<0;1>/*),and_v(v:pkh({keys[1]}/<0;1>/*),older(52560))))"},
    ]
    found = recognise(json.dumps({"name": "my backup", "accounts": accounts, "network": "bitcoin", "version": 1}), OPTIONS)
    assert found is not None
    assert [wallet.name for wallet in found] == ["spending", "my backup"]
    assert [len(wallet.branches[0].addresses) for wallet in found] == [70, 20]


def test_a_list_of_wallets_is_read_whole_or_refused() -> None:
    files: list[dict[str, Any]] = [
        {"name": "one", "recv_descriptor": RECEIVE, "change_descriptor": CHANGE},
        {"name": "two", "descriptor": f"wpkh({ALICE.origin(NATIVE)})"},
    ]
    assert [wallet.name for wallet in recognise(json.dumps(files), OPTIONS) or ()] == ["one", "two"]
    assert "no wallet's file that is known" in refusal(json.dumps([*files, {"name": "three"}]))
    assert "more than 100" in refusal(json.dumps(files * 51))
    assert "more than 100" in refusal(json.dumps({"accounts": files * 51}))


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ({"descriptor": "wpkh(x)"}, ""),
        ({"descriptor": ""}, "`descriptor` is missing"),
        ({"descriptor": {"wpkh": 1}}, "no wallet's file that is known"),
        ({"descriptor": NESTED, "change_descriptor": 3}, "`change_descriptor` is not text"),
        ({"descriptor": f"wpkh({ALICE.key(PATH, 'xprv')}/0/*)"}, "private key"),
        ({"descriptor": NESTED[:-2]}, ""),
        ({"accounts": [{"descriptor": 3}]}, "`accounts[1].descriptor` is not text"),
        ({"accounts": [{"descriptor": NESTED}, 3]}, "`accounts[2]` is not an object"),
    ],
)
def test_a_damaged_file_is_refused_without_its_keys(file: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(json.dumps(file), ALICE.key(PATH), ALICE.key(PATH, "xprv"))


def test_lists_of_descriptors_are_a_wallet_for_each_pair() -> None:
    native = [f"wpkh({ALICE.origin(NATIVE)}/{branch}/*)" for branch in (0, 1)]
    found = recognise(json.dumps({"receive": [RECEIVE, native[0]], "internal": [CHANGE, native[1]]}), OPTIONS)
    assert found is not None
    assert [len(wallet.branches) for wallet in found] == [2, 2]
    assert firsts(found[0]) == single(ALICE, Script.P2SH_P2WPKH, PATH)
    assert firsts(only(json.dumps({"descriptors": [RECEIVE, CHANGE]}))) == firsts(found[0])
