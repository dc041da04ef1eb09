"""Files of wallets, as users have them and as they get damaged."""

import re

from hdscan.keys.source import decode, recognise
from hdscan.model.errors import HdscanError
from tests.fuzz.target import Target, refused
from tests.keys.test_source import FILES
from tests.keys.wallets import OPTIONS

_KEY = re.compile(r"[A-Za-z](?:pub|prv)[1-9A-HJ-NP-Za-km-z]{90,}")


def _file(data: bytes) -> str:
    """A file's bytes: every sentence about it is one plain line, without a piece of a key."""
    try:
        text = decode(data)
        found = recognise(text, OPTIONS)
    except HdscanError as error:
        _plain(data, str(error))
        return refused(error)
    for wallet in found or ():
        assert wallet.name is None or (wallet.name.isprintable() and len(wallet.name) <= 80)
        assert wallet.branches or wallet.listed or wallet.labels or wallet.said
        assert all(branch.addresses and branch.chain in OPTIONS.chains for branch in wallet.branches)
        for sentence in (*wallet.said, wallet.what):
            _plain(data, sentence)
    return "no wallet" if found is None else " ".join(sorted({wallet.what for wallet in found})[:3])


def _plain(data: bytes, sentence: str) -> None:
    assert sentence.isprintable()
    assert len(sentence) < 2000
    for key in _KEY.findall(data.decode("latin-1")):
        assert not any(key[start : start + 12] in sentence for start in range(4, len(key) - 11))


TARGETS = (Target("wallet-file", [text.encode() for text in FILES], _file),)
