"""Recognises secrets and extended keys given in place of an address, and masks them in messages."""

import re

_B58 = "[1-9A-HJ-NP-Za-km-z]"
# patterns are compiled when they are first needed, as most commands need none
_SECRETS = (
    (
        rf"(?:[a-zA-Z]prv|[LMt]tpv|[dt]gpv){_B58}{{30,}}",
        "an extended private key: hdscan needs none; keep it away from programs that only watch",
    ),
    (rf"[569KLQTc]{_B58}{{50,51}}", "a private key (WIF): hdscan needs none; keep it away from programs that only watch"),
    (rf"6P{_B58}{{56}}", "an encrypted private key (BIP-38): hdscan needs none; give the address"),
    (r"(?:0[xX])?[0-9a-fA-F]{64}", "a private key or a transaction id (64 hexadecimal digits), not an address"),
    (r"(?:0[xX])?[0-9a-fA-F]{128}", "a seed or a private key (128 hexadecimal digits), not an address"),
    (rf"{_B58}{{86,88}}", "a private key or a signature (64 bytes of base58), not an address"),
    (r"\[\s*\d{1,3}\s*(?:,\s*\d{1,3}\s*){31,}\]?", "a private key (a list of bytes): hdscan needs none; give the address"),
    (
        r"[^\W\d_]{2,8}(?:[\s,;]+[^\W\d_]{2,8}){11,23}",
        "a mnemonic: `hdscan add` takes it by --seed-stdin or --seed-file",
    ),
)
_PUBLIC = rf"(?:[a-zA-Z]pub|[LMt]tub|[dt]gub){_B58}{{30,}}"
_LONG_ADDRESS = r"(?:bc|tb|bcrt|ltc|tltc)1[02-9ac-hj-np-z]{59}\b"  # of a script or a taproot key (BIP-173, BIP-350)
_IN_A_SENTENCE = re.compile(  # of a key that begins like an extended one, a part is masked, too
    r"(?:\[[0-9a-fA-F]{8}(?:/[0-9]+['hH]?)*\])?"
    rf"(?:(?<![0-9A-Za-z])(?!{_LONG_ADDRESS})[0-9A-Za-z]{{51,}}|\b(?:[a-zA-Z](?:pub|prv)|[LMt](?:tub|tpv)|[dt](?:gub|gpv)){_B58}{{10,}})"
    r"|\b[A-Za-z]{3,8}(?:\s+[A-Za-z]{3,8}){11,}\b"
)

_PRIVATE_KEY = rf"(?<![0-9A-Za-z])(?:(?:[a-zA-Z]prv|[LMt]tpv|[dt]gpv){_B58}{{30,}}|[569KLQTc]{_B58}{{50,51}}(?![0-9A-Za-z]))"


def masked(text: str) -> str:
    """Mask what looks like a key or a mnemonic in a sentence that may repeat what a user typed."""
    return re.sub(_IN_A_SENTENCE, "…", text)


def private(text: str) -> str | None:
    """What kind of secret a text looks like, or that it holds a private key; None if neither."""
    text = text.strip()
    if what := next((what for pattern, what in _SECRETS if re.fullmatch(pattern, text)), None):
        return f"looks like {what}"
    return "holds a private key: hdscan needs none" if holds_private_key(text) else None


def recognise(text: str) -> str | None:
    """What kind of secret or extended key a text looks like, or None."""
    if re.fullmatch(_PUBLIC, text.strip()):
        return "looks like an extended public key: give it to `hdscan add` by itself"
    return private(text)


def holds_private_key(text: str) -> bool:
    """Whether an extended private key or one in WIF stands anywhere in a text."""
    return re.search(_PRIVATE_KEY, text) is not None
