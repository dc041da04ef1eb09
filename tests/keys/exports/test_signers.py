"""Multisig wallets as lists of signers."""

import pytest

from tests.keys.wallets import Signer, firsts, multi, only, refusal

SIGNERS = [Signer(seed) for seed in (1, 2, 3)]
PATH = "m/48'/0'/0'/2'"
KEYS = [signer.key(PATH) for signer in SIGNERS]
HEAD = f"# Coldcard Multisig setup file (created on 0F056943)\n#\nName: Family vault\nPolicy: 2 of 3\nDerivation: {PATH}\n"


def setup(form: str = "P2WSH", prefix: str = "xpub", head: str = HEAD) -> str:
    keys = "\n".join(f"{signer.fingerprint.upper()}: {signer.key(PATH, prefix)}" for signer in SIGNERS)
    return f"{head}Format: {form}\n\n{keys}\n"


@pytest.mark.parametrize(
    ("form", "script"),
    [
        ("P2WSH", "wsh({})"),
        ("P2SH-P2WSH", "sh(wsh({}))"),
        ("P2WSH-P2SH", "sh(wsh({}))"),
        ("p2wsh_p2sh", "sh(wsh({}))"),
        ("P2SH", "sh({})"),
    ],
)
def test_a_setup_file_is_a_wallet_of_its_kind(form: str, script: str) -> None:
    found = only(setup(form))
    assert firsts(found) == multi(script, KEYS)
    assert found.name == "Family vault"
    assert found.kind == "multisig"
    assert "setup file" in found.what


def test_keys_in_multisig_forms_are_the_same_keys() -> None:
    assert firsts(only(setup(prefix="Zpub"))) == multi("wsh({})", KEYS)


def test_every_key_may_have_a_path_of_its_own() -> None:
    paths = ["m/48'/0'/0'/2'", "m/48'/0'/1'/2'", "m/45'"]
    keys = [signer.key(path) for signer, path in zip(SIGNERS, paths, strict=True)]
    each = "\n\n".join(
        f"Derivation: {path}\n{signer.fingerprint}: {key}" for signer, path, key in zip(SIGNERS, paths, keys, strict=True)
    )
    assert firsts(only(f"Name: x\nPolicy: 2 of 3\nFormat: P2WSH\n\n{each}")) == multi("wsh({})", keys)
    bluewallet = each.replace("Derivation", "# derivation")
    assert firsts(only(f"Name: x\nPolicy: 2 of 3\nFormat: P2WSH\n\n{bluewallet}")) == multi("wsh({})", keys)


def test_the_origin_of_every_key_is_kept() -> None:
    text = HEAD.replace(f"Derivation: {PATH}\n", "") + "Format: P2WSH\n"
    text += f"# derivation: m/1'\n{SIGNERS[0].fingerprint}: {KEYS[0]}\n{SIGNERS[1].fingerprint}: {KEYS[1]}\nDerivation: m/2'\n"
    source = only(text + f"{SIGNERS[2].fingerprint}: {KEYS[2]}").branches[0].source
    assert source is not None
    origins = [f"[{SIGNERS[0].fingerprint}/1h]", f"[{SIGNERS[1].fingerprint}]", f"[{SIGNERS[2].fingerprint}/2h]"]
    assert all(origin in source for origin in origins)


def test_indented_lines_and_keys_below_their_fingerprints_are_read() -> None:
    indented = setup().replace("\n", "\n            ").replace(": xpub", ":\n            xpub")
    assert firsts(only(indented)) == multi("wsh({})", KEYS)
    assert firsts(only(setup().replace("\n", "\r\n"))) == multi("wsh({})", KEYS)


def test_keys_that_are_not_sorted_keep_their_order() -> None:
    assert firsts(only(setup(head=HEAD + "Sorted: False\n"))) == multi("wsh({})", KEYS, function="multi")
    assert firsts(only(setup(head=HEAD + "Sorted: True\n"))) == multi("wsh({})", KEYS)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("Policy: 2 of 3\n", "", "`Policy` is missing"),
        ("Format: P2WSH\n", "", "`Format` is missing"),
        ("2 of 3", "0 of 3", "no policy"),
        ("2 of 3", "4 of 3", "no policy"),
        ("2 of 3", "2 of 4", "says that there are 4 signers, and has the keys of 3"),
        ("2 of 3", "two of 3", "not written"),
        ("2 of 3", f"2 of {10**30}", "not written"),
        ("P2WSH", "P2TR", "kind of script"),
        ("Name: Family vault", "Name: a\nName: b", "line 4 says again"),
        ("Name: Family vault", "what is this", "line 3"),
        (PATH, "m/48'/x", "derivation path"),
        (KEYS[1], KEYS[0], "key twice"),
        (KEYS[1], KEYS[1][:-1] + "1", "checksum"),
        (KEYS[1], SIGNERS[1].key(PATH, "xprv"), "private key"),
        (KEYS[1], "word " * 12, ""),
        ("Name: Family vault", f"seed: {'zoo ' * 11}wrong", "line 3 holds a seed"),
        (KEYS[1], Signer(2).key(PATH, "tpub"), ""),
    ],
)
def test_a_damaged_setup_file_is_refused_without_its_keys(old: str, new: str, sentence: str) -> None:
    text = setup()
    assert old in text
    secrets = [*KEYS, SIGNERS[1].key(PATH, "xprv"), "zoo zoo zoo zoo", "word word word"]
    assert sentence in refusal(text.replace(old, new), *secrets)


def test_a_file_without_end_is_refused() -> None:
    more = "\n".join(f"{number:08x}: {KEYS[0]}" for number in range(30))
    assert "more than 20 keys" in refusal(setup() + more, *KEYS)
    assert "more than 1,000 lines" in refusal(setup() + "\n" * 2000 + "x", *KEYS)


def test_the_lines_may_stand_in_any_order() -> None:
    *head, keys = setup().split("\n\n")
    assert firsts(only(keys + "\n" + "\n".join(head))) == multi("wsh({})", KEYS)
