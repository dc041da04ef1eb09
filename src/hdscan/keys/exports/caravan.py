"""Caravan's wallet file, which Unchained and Lily write, too: a quorum and its extended public keys as JSON."""

from hdscan.keys.exports.multisig import MOST_SIGNERS, Policy, of_policy
from hdscan.keys.exports.origin import MOST_KNOWN, GivenOut, saying, with_origin
from hdscan.keys.exports.record import Record
from hdscan.keys.options import Options
from hdscan.model.wallet import Found

_WHAT = "a Caravan wallet file"


def read(record: Record, options: Options) -> list[Found] | None:
    """The one wallet of the file; where it begins at a later address, all from 0 to there belong to it, too."""
    if "quorum" not in record or "extendedPublicKeys" not in record:
        return None
    record = Record(_WHAT, record.data)
    quorum = record.record("quorum")
    policy = Policy(
        form=record.text("addressType"),
        threshold=quorum.number("requiredSigners", 1, MOST_SIGNERS),
        total=quorum.number("totalSigners", 1, MOST_SIGNERS) if "totalSigners" in quorum else None,
        signers=tuple(_signer(each) for each in record.records("extendedPublicKeys")[: MOST_SIGNERS + 1]),
    )
    start = record.number("startingAddressIndex", 0, MOST_KNOWN) if "startingAddressIndex" in record else 0
    given_out = GivenOut(receive=start, change=start)
    found = given_out.wallet(lambda own: of_policy(_WHAT, policy, own, record.name("name")), options)
    return [saying(found, f"the wallet begins at address {start:,}: those before it are read, too") if start else found]


def _signer(record: Record) -> str:
    xfp = record.maybe("xfp")
    if xfp is None and "device" in record:
        xfp = record.record("device").maybe("fingerprint")
    path = record.maybe("bip32Path")
    if path is not None and not any(digit.isdigit() for digit in path):
        path = None  # Caravan writes "Unknown" for keys that were pasted
    if xfp is not None and xfp.lower() == "unknown":
        xfp = None
    return with_origin(_WHAT, record.text("xpub"), xfp, path)
