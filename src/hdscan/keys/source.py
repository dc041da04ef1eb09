"""Recognises a key, a descriptor or a wallet's file by what is in it."""

import re
from collections.abc import Callable

from hdscan.keys.exports import bsms, caravan, core, described, electrum, generic, keystore, labels, ledger, lines, signers
from hdscan.keys.exports.record import Record, load
from hdscan.keys.options import Options
from hdscan.keys.secret import recognise as looks_like
from hdscan.model.errors import InputError
from hdscan.model.wallet import Found

MAX_BYTES = 64 * 1024 * 1024
_TOO_LARGE = f"this is larger than {MAX_BYTES // 1024 // 1024} MB"
_KNOWN = (
    "Bitcoin Core (listdescriptors), Caravan, Coldcard and others' generic JSON, Electrum, Keystone, Liana, Specter, "
    "Unchained, Wasabi"
)
_BINARY = (
    (b"SQLite format 3\0", "a database (a Bitcoin Core wallet?): give what `bitcoin-cli listdescriptors` prints"),
    (b"H:2,", "a Sparrow wallet file: give what its File > Export Wallet writes (Output Descriptor)"),
    (b"7z\xbc\xaf\x27\x1c", "an encrypted backup (Coldcard?): give the wallet's generic JSON export"),
    (b"PK\x03\x04", "a spreadsheet or archive: save it as CSV, or unpack it"),
    (b"%PDF", "a PDF: give the wallet's descriptor as text"),
    (b"\x89PNG", "a picture: give the text that its QR code holds"),
)
_ENCRYPTED = re.compile(r"QklFM[Q-Zg-n][A-Za-z0-9+/=\s]{40,}")  # base64 of BIE1, BIE2
_BEGINNINGS = (  # of texts that are not a wallet's, in lower case
    ("# coldcard wallet summary", "Coldcard's summary of a wallet: give its generic JSON export, which has the accounts' keys"),
    ("chnidp", "a transaction to sign (PSBT), not a wallet"),
    ("70736274ff", "a transaction to sign (PSBT), not a wallet"),
    ("ur:", "what a QR code holds (UR): give the wallet's export as text or file"),
    ("b$", "what a QR code holds (BBQr): give the wallet's export as text or file"),
    ("sp(", "a descriptor of silent payments (BIP-352), which have no addresses to read"),
)
_JSON = re.compile(r"\{|\[(?![0-9a-fA-F]{8}[/\]])")
_TEXTS: tuple[Callable[[str, Options], list[Found] | None], ...] = (
    bsms.read,
    signers.read,
    lines.read,
    core.read_text,
    ledger.read,
    labels.read,
)
_RECORDS: tuple[Callable[[Record, Options], list[Found] | None], ...] = (
    generic.read_generic,
    generic.read_wasabi,
    caravan.read,
    described.read,
    keystore.read,
)


def decode(data: bytes) -> str:
    """The text of a file: UTF-8, or UTF-16 with its byte order mark; InputError where it is no text, or above 64 MB.

    Bytes that are not UTF-8 become lone surrogates, so that a list can name the line that they are in.
    """
    if len(data) > MAX_BYTES:
        raise InputError(_TOO_LARGE)
    if what := next((what for magic, what in _BINARY if data.startswith(magic)), None):
        raise InputError(f"this is {what}")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return data.decode("utf-16").replace("\0", "")
        except UnicodeError:
            raise InputError("this begins like UTF-16 text, but is damaged") from None
    if b"\0" in data[:4096]:
        raise InputError("this is not text: give the wallet's export as text, JSON or CSV")
    return data.decode("utf-8-sig", "surrogateescape")


def recognise(text: str, options: Options) -> list[Found] | None:
    """The wallets of a key, a descriptor or a wallet's file; None if it is none of them, but may be a list of addresses.

    Raises InputError or KeyFault for what is recognised and cannot be used; their sentences never repeat what it holds.
    """
    if len(text) > MAX_BYTES:
        raise InputError(_TOO_LARGE)
    text = text.strip().strip("\u200b\ufeff").strip()
    if _ENCRYPTED.match(text):
        raise InputError(
            "this is an encrypted wallet file (Electrum or Sparrow): give the wallet's extended public key or descriptor, "
            "or save a copy without a password"
        )
    start = text[:40].lower()
    if what := next((what for beginning, what in _BEGINNINGS if start.startswith(beginning)), None):
        raise InputError(f"this is {what}")
    for read in _TEXTS:
        if found := read(text, options):
            return found
    return _of_json(text, options) if _JSON.match(text) else None


def _of_json(text: str, options: Options) -> list[Found]:
    data, end = load(text)
    rest = text[end:].strip()
    if isinstance(data, dict) and {"result", "error"} <= set(data) and isinstance(data["result"], dict):
        data = data["result"]  # as Bitcoin Core's RPC wraps it
    if found := core.read(data, options) or electrum.read(data, rest, options):
        return found
    if not rest and (found := described.read_all(data, options)):
        return found
    if isinstance(data, dict) and not rest:
        for read in _RECORDS:
            if found := read(Record("a JSON file", data), options):
                return found
    if secret := looks_like(text[:10_000]):
        raise InputError(f"this {secret}")
    raise InputError(
        f"this is JSON, but no wallet's file that is known. Known are those of {_KNOWN}, and any with a member `descriptor`"
    )
