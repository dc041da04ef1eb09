"""Bitcoin Core's lists of descriptors."""

import json
from typing import Any

import msgspec
import pytest

from hdscan.chains import Script
from tests.keys.wallets import OPTIONS, Signer, checksummed, only, refusal, single

ALICE = Signer(1)
KINDS = (("pkh({})", "m/44'/0'/0'"), ("sh(wpkh({}))", "m/49'/0'/0'"), ("tr({})", "m/86'/0'/0'"), ("wpkh({})", "m/84'/0'/0'"))


def entry(function: str, path: str, branch: int, **members: Any) -> dict[str, Any]:
    descriptor = checksummed(function.format(f"{ALICE.origin(path)}/{branch}/*"))
    rest = {"timestamp": 1, "active": True, "internal": branch == 1, "range": [0, 999], "next": 0, "next_index": 0}
    return {"desc": descriptor} | rest | members


def listed(*entries: dict[str, Any]) -> dict[str, Any]:
    given = entries or [entry(function, path, branch) for function, path in KINDS for branch in (0, 1)]
    return {"wallet_name": "watch", "descriptors": list(given)}


def test_all_descriptors_of_a_core_wallet_are_one_wallet() -> None:
    found = only(json.dumps(listed()))
    scripts = (Script.P2PKH, Script.P2SH_P2WPKH, Script.P2TR, Script.P2WPKH)
    expected = [each for script, (_, path) in zip(scripts, KINDS, strict=True) for each in single(ALICE, script, path)]
    assert [branch.addresses[0] for branch in found.branches] == expected
    assert (found.name, found.what) == ("watch", "a Bitcoin Core descriptor list")
    assert any("4 pairs" in sentence for sentence in found.said)


def test_what_was_given_out_is_in_the_wallet() -> None:
    entries = [entry("wpkh({})", "m/84'/0'/0'", branch, next_index=120 * (1 - branch)) for branch in (0, 1)]
    assert [len(branch.addresses) for branch in only(json.dumps(listed(*entries))).branches] == [140, 20]


@pytest.mark.parametrize(
    "form", ["{}", "importdescriptors '{}'", "# Bitcoin Core\n\nfoo:\n\nimportdescriptors '{}'\n\n# more\n"]
)
def test_what_is_imported_is_read(form: str) -> None:
    entries = json.dumps([entry("wpkh({})", "m/84'/0'/0'", branch) for branch in (0, 1)])
    found = only(form.format(entries) if form != "{}" else entries)
    assert [branch.addresses[0] for branch in found.branches] == list(single(ALICE, Script.P2WPKH, "m/84'/0'/0'"))


def test_an_answer_of_the_rpc_is_read() -> None:
    assert len(only(json.dumps({"result": listed(), "error": None, "id": 1})).branches) == 8


def test_private_descriptors_are_refused() -> None:
    private = {"desc": f"wpkh({ALICE.key('m', 'xprv')}/84h/0h/0h/0/*)", "active": True}
    assert "without `true`" in refusal(json.dumps(listed(private)), ALICE.key("m", "xprv"))


def test_a_descriptor_that_cannot_be_read_is_named_and_left_out() -> None:
    strange = {"desc": f"tr({ALICE.key('m')}/0/*,pk({ALICE.key('m/1')}/0/*))", "active": False}
    found = only(json.dumps(listed(entry("wpkh({})", "m/84'/0'/0'", 0), strange)))
    assert len(found.branches) == 2
    assert any(sentence.startswith("left out: descriptor 2 of 2") for sentence in found.said)
    assert not any(ALICE.key("m")[start : start + 8] in "".join(found.said) for start in range(100))
    assert refusal(json.dumps(listed(strange)), ALICE.key("m"))


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"desc": 7}, "`descriptors[1].desc` is not text"),
        ({"next_index": "many"}, "`descriptors[1].next_index` is not a whole number"),
        ({"next_index": 10**20}, "`descriptors[1].next_index` is not a whole number"),
    ],
)
def test_a_damaged_list_is_refused(members: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(json.dumps(listed(entry("wpkh({})", "m/84'/0'/0'", 0, **members))), ALICE.key("m/84'/0'/0'"))


def test_a_very_long_list_is_refused() -> None:
    assert "more than 10,000" in refusal(json.dumps([{"desc": "x"}] * 10_001))


def test_the_gap_that_was_asked_for_counts() -> None:
    found = only(json.dumps(listed()), msgspec.structs.replace(OPTIONS, gap=30))
    assert {(branch.gap, len(branch.addresses)) for branch in found.branches} == {(30, 30)}
