"""Turns a BIP-39 mnemonic into its seed; the words are not kept, and in no error."""

import hashlib
import unicodedata

import wallycore

from hdscan.model.errors import KeyFault

_ENGLISH = wallycore.bip39_get_wordlist("en")


def to_seed(mnemonic: str, passphrase: str) -> bytes:
    """The 64-byte seed of English words (in any case and spacing) and a passphrase (BIP-39).

    Raises KeyFault for a wrong number of words, word or checksum, or a passphrase that is not text.
    """
    words = unicodedata.normalize("NFKD", mnemonic).lower().split()
    if len(words) not in (12, 15, 18, 21, 24):
        raise KeyFault(f"the mnemonic has {len(words)} words; one has 12, 15, 18, 21 or 24")
    sentence = " ".join(words)
    try:
        # libwally ends a string at NUL, so nothing but letters gets there
        valid = "".join(words).isalpha() and wallycore.bip39_mnemonic_validate(_ENGLISH, sentence) is None
    except ValueError:
        valid = False
    if not valid:
        raise KeyFault(_fault(words))
    try:
        salt = f"mnemonic{unicodedata.normalize('NFKD', passphrase)}".encode()
    except UnicodeEncodeError:
        raise KeyFault("the passphrase is not UTF-8 text") from None
    return hashlib.pbkdf2_hmac("sha512", sentence.encode(), salt, 2048)


def _fault(words: list[str]) -> str:
    known = {wallycore.bip39_get_word(_ENGLISH, index) for index in range(2048)}
    strange = [str(number) for number, word in enumerate(words, 1) if word not in known]
    if not strange:
        return "the checksum of the mnemonic is wrong: a word is not the one meant, or their order is not"
    which = "words" if len(strange) > 1 else "word"
    return f"{which} {', '.join(strange)} of the mnemonic {'are' if len(strange) > 1 else 'is'} not in the BIP-39 English list"
