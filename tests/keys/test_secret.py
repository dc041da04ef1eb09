"""What looks like a secret is not repeated."""

from hdscan.keys.secret import masked


def test_a_sentence_about_what_was_typed_does_not_repeat_a_secret() -> None:
    words = "abandon ability able about above absent absorb abstract absurd abuse access accident"
    assert masked(f"Got unexpected extra arguments ({words})") == "Got unexpected extra arguments (…)"
    assert masked(f"/home/me/{words}: No such file") == "/home/me/…: No such file"
    assert masked(f"No such command '{'xprv9s21ZrQH143K' * 7}'.") == "No such command '…'."
    assert masked(f"no wallet '{words.upper()}'") == "no wallet '…'"
    assert masked(f"no wallet '{words.title().replace(' ', '  ')}'") == "no wallet '…'"
    assert masked("no wallet '[73c5da0a/84h/0h/0h]xpub6CatWdiZiod'") == "no wallet '…'", "a part of a key tells, too"
    assert masked("no zpub, and no publications") == "no zpub, and no publications"
    assert masked("No such command 'scna'.") == "No such command 'scna'."
    assert masked(f"no wpkh([73c5da0a/84h/0h/0h]{'xpub6CatWdiZiod' * 7}/0/*)") == "no wpkh(…/0/*)"


def test_a_long_address_is_no_secret() -> None:
    taproot = "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"  # BIP-86
    assert masked(f"its keys give {taproot} first") == f"its keys give {taproot} first"
    for secret in (f"x{taproot}", f"{taproot}x", "bc1" + "0" * 61):
        assert masked(f"its keys give {secret} first") == "its keys give … first"
