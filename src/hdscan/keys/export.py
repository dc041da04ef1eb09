"""Writes what the branches of an account are derived from, as other programs read it."""

from collections.abc import Iterator, Sequence

from hdscan.keys.checksum import with_checksum
from hdscan.model.wallet import Branch, Role

_RECEIVE, _CHANGE, _BOTH = "/0/*", "/1/*", "/<0;1>/*"


def exported(branches: Sequence[Branch]) -> Iterator[str]:
    """The sources of an account's branches: descriptors with checksums (BIP-380), or key expressions where there are none.

    Receiving and change branch of the same keys are one text (BIP-389).
    """
    sources = {branch.source: branch.role for branch in branches if branch.source is not None}
    both = {source: source.replace(_RECEIVE, _CHANGE) for source, role in sources.items() if role is Role.RECEIVE}
    joined = {receive: change for receive, change in both.items() if change != receive and change in sources}
    for source in sources:
        if source not in joined.values():
            text = source.replace(_RECEIVE, _BOTH) if source in joined else source
            yield with_checksum(text) if "(" in text else text
