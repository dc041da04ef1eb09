"""Whatever happens to a key, a descriptor or a mnemonic: no sentence about it has eight characters in a row of it."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdscan.keys.account import of_key
from hdscan.keys.derive import derive
from hdscan.keys.descriptor import of_descriptor
from hdscan.keys.options import Options
from hdscan.keys.seed import of_seed
from hdscan.model.errors import InputError, KeyFault
from hdscan.model.wallet import Found
from tests.keys.given import BSC, BTC, BTC_TESTNET, MNEMONIC, SOL, ZPUB, H, exported, options, repeats, vectors, versioned

KEY, OTHER = exported([H + 84, H, H]), exported([H + 86, H, H])
PRIVATE = vectors("accounts")["accounts"][1]["private"]
WIF = "L4rK1yDtCWekvXuE6oXD9jCYfFNV2cWRpVuPLBcCU2z8TrisoyY1"  # BIP-381
TEXTS = (
    KEY,
    exported([H + 84, H, H], ZPUB),
    versioned(KEY, 0x02AA7ED3),
    PRIVATE,
    f"[73c5da0a/84h/0h/0h]{KEY}/<0;1>/*",
    f"wpkh([73c5da0a/84h/0h/0h]{KEY}/0/*)#wvwrk5m7",
    f"wsh(sortedmulti(2,{KEY}/**,{OTHER}/**))",
    f"tr({KEY}/0/*,pk({OTHER}/0/*))",
    f"wpkh({WIF})",
    f"sh(wpkh({PRIVATE}/0/*))",
    f"wsh(and_v(v:pk({KEY}/*),sha256({'6c' * 32})))",
    "addr(bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu)",
)
PIECES = (
    "",
    "(",
    ")",
    ",",
    "/",
    "/*",
    "*h",
    "[",
    "]",
    "#",
    "<0;1>",
    "wsh(",
    "multi(2,",
    "tr(",
    "\n",
    "\x00",
    "é",
    "\ud800",
    "0",
    "O",
)
OPTIONS = (options(BTC, BSC, count=1), options(BTC_TESTNET, count=1), options(SOL), options(BTC, BSC, only=("bsc",)))
READERS: tuple[Callable[[str, Options], Found], ...] = (of_descriptor, of_key)
SECRET = re.compile("[0-9A-Za-z]{26,}")

CHANGES = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 30), st.sampled_from(PIECES)), max_size=3)


def assert_unrepeated(text: str, read: Callable[[], object]) -> None:
    error: Exception | None = None
    shown = ""
    try:
        found = read()
    except (KeyFault, InputError) as refused:
        error = refused
    else:
        shown = " ".join((found.what, *found.said, *map(repr, found.branches))) if isinstance(found, Found) else repr(found)
    for secret in SECRET.findall(text):
        assert error is None or not repeats(error, secret, 8)
        assert not any(secret[at : at + 8] in shown for at in range(len(secret) - 7))


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(TEXTS),
    CHANGES,
    st.sampled_from(READERS),
    st.sampled_from(
        [options(BTC, BSC, count=1), options(BTC_TESTNET, count=1), options(SOL), options(BTC, BSC, only=("bsc",))]
    ),
)
def test_no_sentence_repeats_a_key(
    text: str, changes: list[tuple[int, int, str]], read: Callable[[str, Options], Found], chosen: Options
) -> None:
    for start, length, piece in changes:
        at = start % (len(text) + 1)
        text = text[:at] + piece + text[at + length :]
    assert_unrepeated(text, lambda: read(text, chosen))
    assert_unrepeated(text, lambda: len(derive(BTC, text, 0, 1)))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 11), st.sampled_from(["", "zoom", "abandonabandon", "é", "\x00", KEY]))
def test_no_sentence_repeats_a_mnemonic(position: int, word: str) -> None:
    words = MNEMONIC.split()
    words[position] = word
    text = " ".join(words)
    with pytest.raises(KeyFault) as caught:
        of_seed(text, "correct horse", options())
    assert not repeats(caught.value, "correct horse", 8)
    assert not any(each in str(caught.value) for each in ("abandon", "about", "zoom", KEY[:8]))
