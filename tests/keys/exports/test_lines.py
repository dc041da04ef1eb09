"""Descriptors and key expressions in text."""

import pytest

from hdscan.chains import Script
from hdscan.keys.source import recognise
from tests.keys.wallets import OPTIONS, Signer, checksummed, firsts, multi, only, refusal, single

SIGNERS = [Signer(seed) for seed in (1, 2, 3)]
ALICE = SIGNERS[0]
PATH = "m/84'/0'/0'"
KEY = ALICE.origin(PATH)
RECEIVE, CHANGE = (checksummed(f"wpkh({KEY}/{branch}/*)") for branch in (0, 1))
BOTH = f"wpkh({KEY}/<0;1>/*)"
NATIVE = single(ALICE, Script.P2WPKH, PATH)


@pytest.mark.parametrize(
    "text",
    [
        RECEIVE,
        f"{RECEIVE}\n\n{CHANGE}\n",
        f"Receive: {RECEIVE}",
        f"Receive: {RECEIVE}\nChange: {CHANGE}",
        f"External: {RECEIVE}\r\nInternal: {CHANGE} ",
        f"# Receive and change (BIP389):\n{BOTH}\n\n# Receive descriptor (Bitcoin Core):\n{RECEIVE}\n# Change\n{CHANGE}",
        f"\ufeff\u200b{BOTH}\u200b",
        f"descriptor = {BOTH}",
        f"wpkh({KEY}/**)",
        f"wpkh({KEY})",
        KEY,
        f"[{ALICE.fingerprint.upper()}/84'/0'/0']{ALICE.key(PATH, 'zpub')}/<0;1>/*",
        ALICE.key(PATH, "zpub"),
        f"wpkh([{ALICE.fingerprint}/84'/0'/0']{ALICE.key(PATH, 'zpub')}/1/*)",
        f"Name: savings\n{KEY}",
        f"addwallet savings&{BOTH}",
        f"savings&wpkh({KEY})",
        f'"{BOTH}"',
    ],
)
def test_a_wallet_in_any_of_its_forms_has_both_branches(text: str) -> None:
    found = only(text)
    assert firsts(found) == NATIVE
    assert found.name == ("savings" if "savings" in text else None)


def test_a_descriptor_may_go_over_several_lines() -> None:
    keys = [signer.key("m/48'/0'/0'/2'") for signer in SIGNERS]
    text = "wsh(\n  sortedmulti(\n    2,\n" + ",\n".join(f"    {key}/**" for key in keys) + "\n  )\n)\n"
    assert firsts(only(text)) == multi("wsh({})", keys)
    assert firsts(only(f"addwallet Our vault&wsh(sortedmulti(2,{','.join(keys)}))")) == multi("wsh({})", keys)


def test_descriptors_of_several_wallets_are_several_wallets() -> None:
    other = f"tr({ALICE.origin(chr(109) + '/86' + chr(39) + '/0' + chr(39) + '/0' + chr(39))}/0/*)"
    found = recognise(f"{RECEIVE}\n{other}\n{CHANGE}\n{other.replace('/0/*', '/1/*')}\n", OPTIONS)
    assert found is not None
    assert [firsts(wallet) for wallet in found] == [NATIVE, single(ALICE, Script.P2TR, "m/86'/0'/0'")]


def test_branches_of_other_numbers_are_one_wallet() -> None:
    found = only(f"wpkh({KEY}/2/*)\nwpkh({KEY}/3/*)")
    assert [branch.role for branch in found.branches] == ["receive", "change"]


def test_several_keys_are_several_wallets() -> None:
    keys = [ALICE.origin(PATH), ALICE.origin("m/49'/0'/0'")]
    found = recognise("\n\n".join([*keys, keys[0]]) + "\n", OPTIONS)
    assert found is not None
    assert [firsts(wallet) for wallet in found] == [NATIVE, single(ALICE, Script.P2SH_P2WPKH, "m/49'/0'/0'")]


def test_the_colon_of_a_miniscript_ends_no_label() -> None:
    policy = f"wsh(and_v(v:pk({KEY}/<0;1>/*),older(10)))"
    assert only(policy) == only(f"Time lock: {policy}")
    assert len(only(policy).branches) == 2


@pytest.mark.parametrize(
    "text",
    ["", "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", "address\nbc1q", "xpub", "zoo zoo zoo", "wpkh", "a: b", "# x"],
)
def test_what_is_no_key_may_be_a_list(text: str) -> None:
    assert recognise(text, OPTIONS) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"{RECEIVE}\nbc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", "line 2"),
        (RECEIVE[:-1] + ("q" if RECEIVE[-1] != "q" else "p"), "checksum"),
        (RECEIVE[:60], ""),
        (KEY[:-1] + "1", "checksum"),
        (KEY[:-20], "checksum"),
        (ALICE.key(PATH, "Zpub"), "multisig"),
        (ALICE.key(PATH, "xprv"), "private"),
        (ALICE.key(PATH, "zprv"), "private"),
        (f"wpkh({ALICE.key(PATH, 'xprv')}/0/*)", "private"),
        (f"sp({KEY})", ""),
    ],
)
def test_a_damaged_text_is_refused_without_its_keys(text: str, sentence: str) -> None:
    assert sentence in refusal(text, ALICE.key(PATH), *(ALICE.key(PATH, prefix) for prefix in ("xprv", "zprv", "Zpub")))


def test_very_many_lines_are_refused() -> None:
    assert "more than" in refusal("\n".join([KEY] * 10_001), KEY)
