"""The accounts of one hardware wallet: the generic JSON of Coldcard, Passport, Theya, Lily and others, and Wasabi's form.

Sources: docs/generic-wallet-export.md of Coldcard's firmware; Wasabi's KeyManager, whose form Keystone writes, too.
"""

import re
from functools import partial

import msgspec

from hdscan.chains import Script
from hdscan.keys.account import of_key
from hdscan.keys.exports.multisig import BOTH
from hdscan.keys.exports.origin import GivenOut, check_first, merged, saying, steps, with_origin
from hdscan.keys.exports.record import Record
from hdscan.keys.extended import parse
from hdscan.keys.options import Options
from hdscan.model.chain import Network
from hdscan.model.errors import InputError
from hdscan.model.wallet import Found

_GENERIC = "a hardware wallet's export (generic JSON, as of Coldcard)"
_WASABI = "a wallet file in Wasabi's form"
_SECTIONS = {  # BIP-84, 49, 44, 86
    "bip84": Script.P2WPKH,
    "bip49": Script.P2SH_P2WPKH,
    "bip44": Script.P2PKH,
    "bip86": Script.P2TR,
}
_PURPOSES = {f"{key[3:]}h": script for key, script in _SECTIONS.items()}
_COSIGNER = ("p2wsh", "p2sh_p2wsh", "p2wsh_p2sh", "p2sh")  # keys for multisig wallets, without a wallet


def read_generic(record: Record, options: Options) -> list[Found] | None:
    """A wallet for each account with one key, or the one of `--script`; its stated first address has to be the derived one."""
    given = [key for key in _SECTIONS if isinstance(record.data.get(key), dict)]
    others = sorted(key for key in record.data if key.startswith("bip") and key not in _SECTIONS)
    record = Record(_GENERIC, record.data)
    if not given:
        if any(isinstance(record.data.get(key), str) for key in _COSIGNER) or others:
            raise InputError(
                "this holds one signer's keys for multisig wallets, which have no addresses of their own: "
                "give the wallet's descriptor or its export, which has all keys"
            )
        return None
    chosen = [key for key in given if options.script in (None, _SECTIONS[key])]
    if not chosen:
        raise InputError(f"{_GENERIC}: has no {options.script} account; there are {_scripts(given)}")
    said = [f"left out, since they need the other signers' keys or another kind of wallet: {_plain(others)}"] if others else []
    return [saying(_account(record, key, len(chosen) > 1, options), *said) for key in chosen]


def _account(record: Record, key: str, several: bool, options: Options) -> Found:
    account, script = record.record(key), _SECTIONS[key]
    expression = with_origin(_GENERIC, account.text("xpub", "_pub"), record.maybe("xfp"), account.maybe("deriv"))
    number = record.number("account", 0, (1 << 31) - 1) if "account" in record else 0
    found = of_key(f"{expression}/{BOTH}", options, script=script, name=record.name("label", "name"), what=_GENERIC)
    if "first" in account:
        check_first(_GENERIC, found, account.text("first"), options)
    part = f"{script} {number}" if number else str(script)
    return msgspec.structs.replace(found, part=part) if several else found


def _scripts(keys: list[str]) -> str:
    return ", ".join(_SECTIONS[key] for key in keys)


def _plain(keys: list[str]) -> str:
    """Names of sections, of which a file may have any."""
    return ", ".join(key for key in keys if len(key) < 12 and key.replace("_", "").isalnum()) or "sections of other names"


def read_wasabi(record: Record, options: Options) -> list[Found] | None:
    """One wallet with the segwit and, in newer files, the taproot account."""
    accounts = (
        (Script.P2WPKH, ("ExtPubKey", "SegwitExtPubKey"), ("AccountKeyPath", "SegwitAccountKeyPath"), 84),
        (Script.P2TR, ("TaprootExtPubKey",), ("TaprootAccountKeyPath",), 86),
    )
    if not any(key in record for _, keys, _, _ in accounts for key in keys):
        return None
    record = Record(_WASABI, record.data)
    wallets = []
    for usual, keys, paths, purpose in accounts:
        if not any(key in record for key in keys):
            continue
        key = record.text(*keys)
        path = record.maybe(*paths) or f"{purpose}'/{int(parse(key).network is Network.TESTNET)}'/0'"
        script = _PURPOSES.get(next(iter(steps(_WASABI, path)), ""), usual)
        if options.script in (None, script):
            expression = with_origin(_WASABI, key, record.maybe("MasterFingerprint"), path)
            wallets.append(_given_out(record, path).wallet(partial(of_key, f"{expression}/{BOTH}", script=script), options))
    if not wallets:
        raise InputError(f"{_WASABI}: has no {options.script} account")
    return [merged(wallets, _WASABI, record.name("WalletName", "Name"))]


def _given_out(record: Record, path: str) -> GivenOut:
    """How many addresses of an account the file lists."""
    keys = record.data.get("HdPubKeys")
    below = re.compile(re.escape(path.strip().removeprefix("m/")) + r"/([01])/(\d{1,6})")
    paths = [each.get("FullKeyPath") for each in keys if isinstance(each, dict)] if isinstance(keys, list) else []
    found = [match for path in paths if isinstance(path, str) and (match := below.fullmatch(path))]
    receive, change = (max((int(match[2]) + 1 for match in found if match[1] == branch), default=0) for branch in "01")
    return GivenOut(receive, change, record.count("MinGapLimit"))
