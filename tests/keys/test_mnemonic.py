import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdscan.keys.mnemonic import to_seed
from hdscan.model.errors import KeyFault
from tests.keys.given import repeats, vectors

BIP39 = vectors("bip39")
MNEMONICS = [mnemonic for mnemonic, _ in BIP39["vectors"]]


def refusal(mnemonic: str) -> str:
    with pytest.raises(KeyFault) as caught:
        to_seed(mnemonic, "a secret passphrase")
    assert not repeats(caught.value, mnemonic, 12)
    assert "secret passphrase" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("mnemonic", "seed"), BIP39["vectors"])
def test_published_seeds(mnemonic: str, seed: str) -> None:
    assert to_seed(mnemonic, BIP39["passphrase"]).hex() == seed


def test_case_and_spacing_of_words_do_not_matter() -> None:
    mnemonic, seed = BIP39["vectors"][12]
    assert to_seed("\n  " + mnemonic.upper().replace(" ", "\t  ") + "\n", "TREZOR").hex() == seed


def test_fifteen_and_twenty_one_words_are_mnemonics() -> None:
    # 160 and 224 bits of zero: all words but the last are the first of the list, and the last holds the checksum
    assert len(to_seed("abandon " * 14 + "address", "")) == 64
    assert len(to_seed("abandon " * 20 + "admit", "")) == 64


def test_a_passphrase_that_is_no_text_is_refused() -> None:
    with pytest.raises(KeyFault, match="passphrase is not UTF-8"):
        to_seed(" ".join(["abandon"] * 11 + ["about"]), "secret\udcff")


def test_the_passphrase_is_taken_as_it_is_but_normalised() -> None:
    composed, decomposed = (unicodedata.normalize(form, " é ") for form in ("NFC", "NFD"))
    assert composed != decomposed
    assert to_seed(MNEMONICS[0], composed) == to_seed(MNEMONICS[0], decomposed) != to_seed(MNEMONICS[0], composed.strip())


@pytest.mark.parametrize("count", [0, 1, 11, 13, 16, 23, 25])
def test_a_wrong_number_of_words_is_refused(count: int) -> None:
    assert f"has {count} words" in refusal("zoo " * count)


def test_unknown_words_are_named_by_their_place_only() -> None:
    words = MNEMONICS[12].split()
    assert "word 3 of the mnemonic is not" in refusal(" ".join([*words[:2], "hunter", *words[3:]]))
    assert "words 3, 12 of the mnemonic are not" in refusal(" ".join([*words[:2], "hunter", *words[3:11], "pïcnic"]))
    assert "word 12 of the mnemonic is not" in refusal(" ".join(words[:11]) + " picnic\0")


def test_swapped_words_are_refused_by_their_checksum() -> None:
    words = MNEMONICS[12].split()
    assert "checksum" in refusal(" ".join([words[1], words[0], *words[2:]]))
    assert "checksum" in refusal("abandon " * 12)


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=100))
def test_no_text_makes_anything_but_a_key_fault(text: str) -> None:
    with pytest.raises(KeyFault):
        to_seed(text, "")
